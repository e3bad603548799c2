import type { ClientPresence, TextKey } from "./presence.ts";

/** The gateway's state texts of one language. */
export type StateTexts = Readonly<Record<TextKey, string>>;

/** State texts by BCP 47 language tag; `en` is always there. */
export type TextCatalogue = Readonly<Record<string, StateTexts>> & { readonly en: StateTexts };

/** Letters of other scripts that look like Latin ones, so that a Cyrillic "а" does not hide a claim. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  а: "a",
  в: "b",
  е: "e",
  ё: "e",
  і: "i",
  ї: "i",
  ј: "j",
  к: "k",
  м: "m",
  н: "h",
  о: "o",
  р: "p",
  с: "c",
  ѕ: "s",
  т: "t",
  у: "y",
  х: "x",
  ԁ: "d",
  ɡ: "g",
  ո: "n",
  ѵ: "v",
  ԛ: "q",
  ԝ: "w",
  α: "a",
  ε: "e",
  ι: "i",
  κ: "k",
  μ: "m",
  ν: "v",
  ο: "o",
  ρ: "p",
  τ: "t",
  υ: "u",
  χ: "x",
  η: "n",
  γ: "y",
  ı: "i",
  "１": "1",
};

/**
 * The form in which status texts are compared: NFKC, lower case, no invisible characters, no punctuation or symbols
 * around the words, white space collapsed, look-alike letters folded.
 */
export function normalizeStateText(text: string): string {
  const plain = text
    .slice(0, 1000)
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\p{Cf}\p{Cc}\p{Cs}\p{M}]+/gu, (run) => (/\s/.test(run) ? " " : run.replace(/[^\p{M}]/gu, "")))
    .replace(/[^\p{L}\p{N}\p{M}]+/gu, " ")
    .trim();
  return [...plain].map((letter) => LOOK_ALIKES[letter] ?? letter).join("");
}

/** Every text of the catalogue that only the gateway may show, normalised. */
export const reservedTexts = (catalogue: TextCatalogue): ReadonlySet<string> =>
  new Set(Object.values(catalogue).map((texts) => normalizeStateText(texts["in-a-meeting"])));

/** The client's presence without status texts that claim a meeting; the same object when there is none. */
export function withoutReservedTexts(client: ClientPresence, reserved: ReadonlySet<string>): ClientPresence {
  const entries = Object.entries(client.status);
  const allowed = entries.filter(([, text]) => !reserved.has(normalizeStateText(text)));
  return allowed.length === entries.length ? client : { ...client, status: Object.fromEntries(allowed) };
}

/** The catalogue's tag for a wanted language: exact, else with subtags dropped from the end (RFC 4647 3.4), else `en`. */
export function matchLanguage(catalogue: TextCatalogue, tag: string): string {
  const tags = Object.keys(catalogue);
  let wanted = CHINESE[tag.toLowerCase().replaceAll("_", "-")] ?? tag.toLowerCase().replaceAll("_", "-");
  for (;;) {
    const exact = tags.find((each) => each.toLowerCase() === wanted);
    if (exact) return exact;
    const narrower = tags.find((each) => each.toLowerCase().startsWith(`${wanted}-`));
    if (narrower) return narrower;
    const cut = wanted.lastIndexOf("-");
    if (cut < 0) return ALIASES[wanted] ?? "en";
    wanted = wanted.slice(0, cut);
  }
}

/** Regions that imply a script (CLDR likely subtags). */
const CHINESE: Readonly<Record<string, string>> = {
  zh: "zh-hans",
  "zh-cn": "zh-hans",
  "zh-sg": "zh-hans",
  "zh-tw": "zh-hant",
  "zh-hk": "zh-hant",
  "zh-mo": "zh-hant",
};

const ALIASES: Readonly<Record<string, string>> = { no: "nb", nn: "nb", iw: "he" };

/** The gateway's text in the user's language. */
export const stateText = (catalogue: TextCatalogue, key: TextKey, tag: string): string =>
  (catalogue[matchLanguage(catalogue, tag)] ?? catalogue.en)[key];
