import { escapeXml } from "../lib/xml.ts";
import type { XmlDraft } from "../ports/xmpp-link.ts";

/** A practical subset of XML 1.0 `QName`; names are ours, never a user's. */
const NAME = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/;

/** Writes the draft as XML; every value is escaped, what XML forbids becomes U+FFFD. Throws for a name that is none. */
export function encodeXml(draft: XmlDraft): string {
  const parts: string[] = [];
  appendElement(parts, draft);
  return parts.join("");
}

function appendElement(parts: string[], { name, attributes = {}, children = [] }: XmlDraft): void {
  parts.push("<", checkName(name));
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value !== undefined) parts.push(" ", checkName(key), '="', escapeAttribute(value), '"');
  }
  const endOfTag = parts.push(">") - 1;
  for (const child of children) {
    if (child === undefined || child === "") continue;
    if (typeof child === "string") parts.push(escapeXml(child));
    else appendElement(parts, child);
  }
  if (parts.length === endOfTag + 1) parts[endOfTag] = "/>";
  else parts.push("</", name, ">");
}

/** XML 1.0 section 3.3.3: raw white space in an attribute would be read as spaces, so it travels as references. */
function escapeAttribute(value: string): string {
  const escaped = escapeXml(value);
  if (!/[\t\n\r]/.test(escaped)) return escaped;
  return escaped.replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function checkName(name: string): string {
  if (!NAME.test(name)) throw new TypeError(`${JSON.stringify(name.slice(0, 80))} is no XML name`);
  return name;
}
