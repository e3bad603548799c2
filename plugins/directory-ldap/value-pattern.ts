/** A text with attributes of the entry in it: `{mail}`, `{uid}@example.com`. */
export interface ValuePattern {
  /** Names of the attributes, as written. */
  readonly attributes: readonly string[];
  /** The text with the attributes' values; undefined where one of them is missing. */
  fill(read: (attribute: string) => string | undefined): string | undefined;
}

/** RFC 4512 2.5: a name or a number, with options. */
const ATTRIBUTE = /\{([A-Za-z][A-Za-z0-9-]*(?:;[A-Za-z0-9-]+)*|\d+(?:\.\d+)*)\}/g;

/** Reads a pattern; undefined when a brace is none of an attribute's. */
export function parseValuePattern(text: string): ValuePattern | undefined {
  if (/[{}]/.test(text.replace(ATTRIBUTE, ""))) return undefined;
  const attributes = [...text.matchAll(ATTRIBUTE)].map(([, name = ""]) => name);
  return {
    attributes,
    fill: (read) => {
      const values = new Map(attributes.map((name) => [name, read(name)]));
      if ([...values.values()].some((value) => value === undefined || value === "")) return undefined;
      return text.replace(ATTRIBUTE, (_, name: string) => values.get(name) ?? "");
    },
  };
}
