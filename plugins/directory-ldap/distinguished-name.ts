/** One part of a relative name and what ends it (RFC 4514 2.2, 2.3). */
const PART = /((?:\\[\s\S]?|[^\\,+])*)([,+]|$)/g;
const ESCAPED = /((?:\\[0-9a-f]{2})+)|\\([\s\S])/gi;

/**
 * What tells distinguished names of one server apart, however they are written: no case, no needless spaces, no way to
 * escape, no order within one relative name (RFC 4514 2, 3; RFC 4518 2). A group may spell its members as it likes.
 */
export function dnKey(dn: string): string {
  if (!/[\\+]/.test(dn)) return plainKey(dn);
  const names: string[][] = [[]];
  for (const [, part = "", end] of dn.matchAll(PART)) {
    names.at(-1)?.push(encodeSeparators(plainKey(decodeEscapes(part))));
    if (end === "") break;
    if (end === ",") names.push([]);
  }
  return names.map((name) => name.toSorted().join("+")).join(",");
}

const plainKey = (text: string): string =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/\s+/g, " ")
    .replace(/ ?([,+=]) ?/g, "$1")
    .trim();

const decodeEscapes = (text: string): string =>
  text.replace(ESCAPED, (_, bytes: string | undefined, character: string) =>
    bytes === undefined ? character : Buffer.from(bytes.replaceAll("\\", ""), "hex").toString("utf8"),
  );

const encodeSeparators = (text: string): string => text.replace(/[\\,+]/g, "\\$&");

/** RFC 4515 3: a value as it stands in a filter. */
export const escapeFilterValue = (value: string): string =>
  value.replace(/[\\*()\0]/g, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, "0")}`);

/** RFC 4515 3: whether the parentheses make one filter of the text; those in values are written `\28` and `\29`. */
export function isFilter(text: string): boolean {
  let depth = 0;
  for (let place = 0; place < text.length; place++) {
    if (text[place] === "(") depth++;
    else if (text[place] === ")") depth--;
    if (depth < 1) return depth === 0 && place > 1 && place === text.length - 1;
  }
  return false;
}
