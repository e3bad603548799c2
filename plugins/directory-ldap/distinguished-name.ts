/** What tells distinguished names of one server apart: no case, no space around separators (RFC 4514 2, 4). */
export const dnKey = (dn: string): string =>
  dn
    .toLowerCase()
    .replace(/(?<!\\)\s*([,+=])\s*/g, "$1")
    .trim();

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
