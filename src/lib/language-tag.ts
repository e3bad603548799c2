/** RFC 5646 4.4.1 asks for 35 characters; what is much longer is no tag that anybody uses. */
const LONGEST_TAG = 64;

/** Reads a well-formed BCP 47 tag into its canonical form, `_` taken for `-`; `undefined` when it is none. */
export function parseLanguageTag(text: string): string | undefined {
  if (text.length > LONGEST_TAG) return undefined;
  try {
    return Intl.getCanonicalLocales(text.trim().replaceAll("_", "-"))[0];
  } catch {
    return undefined; // RangeError, its only one
  }
}
