/** Writing XML text safely. Reading is done by streaming parsers at the edges. */

/** What XML 1.0 does not allow at all: control characters, lone surrogates, U+FFFE and U+FFFF. */
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are just the characters that XML 1.0 section 2.2 forbids
  /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Nearly all texts have nothing to replace; to know that is much cheaper than to look for what to replace. */
const SUSPICIOUS = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD]/;
const SPECIAL = /[&<>"']/;

/** The text with every character that XML 1.0 forbids replaced by U+FFFD. */
export const withoutForbiddenCharacters = (text: string): string =>
  SUSPICIOUS.test(text) ? text.replace(FORBIDDEN, "\uFFFD") : text;

/** Text made safe for element content and for quoted attribute values (XML 1.0 sections 2.2 and 2.4). */
export function escapeXml(text: string): string {
  const allowed = withoutForbiddenCharacters(text);
  return SPECIAL.test(allowed) ? allowed.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character) : allowed;
}
