import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { normalizeStateText } from "../../src/core/texts.ts";

/** Above are few letters that look like those of the texts, and Kamailio's buffer for an expression has 8192 bytes. */
const LAST_FOLDED = 0x0600;
const FULL_WIDTH = [0xff10, 0xff5a] as const;
const PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789";

const codePoints = (first: number, last: number): readonly string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => String.fromCodePoint(first + index));

/** Each letter that is compared as another one, by what it is compared as. */
function foldings(): ReadonlyMap<string, string> {
  const letters = [...codePoints(0x30, LAST_FOLDED), ...codePoints(...FULL_WIDTH)];
  const folded = letters.map((letter) => [letter, normalizeStateText(letter)] as const);
  return new Map(folded.filter(([letter, plain]) => plain !== letter && [...plain].length === 1));
}

const FOLDINGS = foldings();
const MEETINGS = Object.values(TEXT_CATALOGUE).map((texts) => texts["in-a-meeting"]);

const isWord = (letter: string): boolean => /[\p{L}\p{N}]/u.test(letter);

/** The text as the guard compares it, apart from characters that are in no reserved text. */
const fold = (text: string): string =>
  [...text.normalize("NFC")]
    .map((letter) => FOLDINGS.get(letter) ?? letter)
    .filter(isWord)
    .join("");

/** Composed as people type them, and decomposed as some clients send them. */
const RESERVED = [...new Set(MEETINGS.flatMap((text) => [fold(text), normalizeStateText(text)]))].sort();
const LETTERS = [...new Set([...PLAIN, ...RESERVED.join("")])].sort().join("");

/** XPath 1.0: what stands in `node`, folded, and of that the letters only. */
function corePath(node: string): string {
  const wanted = [...FOLDINGS].filter(([, plain]) => LETTERS.includes(plain));
  const from = wanted.map(([letter]) => letter).join("");
  const to = wanted.map(([, plain]) => plain).join("");
  const folded = `translate(${node},'${from}','${to}')`;
  return `translate(${folded},translate(${folded},'${LETTERS}',''),'')`;
}

/** The expression that selects the root's `entity` when the document claims a meeting, by element or by text. */
export const kamailioQuery = (): string =>
  `/*[.//*[translate(local-name(),'MEINTG','meintg')='meeting'` +
  ` or ((local-name()='note' or local-name()='other') and contains('|${RESERVED.join("|")}|',concat('|',${corePath(".")},'|')))]]/@entity`;

/** plugins/server-kamailio/presence-gateway-texts.cfg. */
export const composeKamailioTexts = (): string =>
  `# Texts that only the gateway may show, in every language it speaks, as an XPath expression that folds capitals, accents
# and letters that look alike. Generated from the code (npm run docs).
route[PRESENCE_GATEWAY_TEXTS] {
	$var(pg_query) = "${kamailioQuery()}";
}
`;
