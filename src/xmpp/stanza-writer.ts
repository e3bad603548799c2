import { escapeXml } from "../lib/xml.ts";
import type { XmlDraft } from "../ports/xmpp-link.ts";

/** A practical subset of XML 1.0 `QName`; names are ours, never a user's. */
const NAME = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/;

/** Writes the draft as XML; every value is escaped, what XML forbids becomes U+FFFD. Throws for a name that is none. */
export function encodeXml(draft: XmlDraft): string {
  let attributes = "";
  for (const [name, value] of Object.entries(draft.attributes ?? {})) {
    if (value !== undefined) attributes += ` ${checkName(name)}="${escapeAttribute(value)}"`;
  }
  let content = "";
  for (const child of draft.children ?? []) {
    if (child !== undefined) content += typeof child === "string" ? escapeXml(child) : encodeXml(child);
  }
  const name = checkName(draft.name);
  return content === "" ? `<${name}${attributes}/>` : `<${name}${attributes}>${content}</${name}>`;
}

/** XML 1.0 section 3.3.3: raw white space in an attribute would be read as spaces, so it travels as references. */
const escapeAttribute = (value: string): string =>
  escapeXml(value).replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);

function checkName(name: string): string {
  if (!NAME.test(name)) throw new TypeError(`${JSON.stringify(name.slice(0, 80))} is no XML name`);
  return name;
}
