/** What tells distinguished names of one server apart: no case, no space around separators (RFC 4514 2, 4). */
export const dnKey = (dn: string): string =>
  dn
    .toLowerCase()
    .replace(/(?<!\\)\s*([,+=])\s*/g, "$1")
    .trim();

/** RFC 4515 3: a value as it stands in a filter. */
export const escapeFilterValue = (value: string): string =>
  value.replace(/[\\*()\0]/g, (character) => `\\${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
