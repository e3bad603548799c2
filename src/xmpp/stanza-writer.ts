import { escapeXml } from "../lib/xml.ts";
import type { XmlDraft } from "../ports/xmpp-link.ts";

/** A practical subset of XML 1.0 `QName`; names are ours, never a user's. */
const NAME = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?$/;

/** The texts of frozen drafts that were written before. */
export type FrozenTexts = WeakMap<XmlDraft, string>;

/**
 * Writes the draft as XML; every value is escaped, what XML forbids becomes U+FFFD. Throws for a name that is none. Of
 * frozen children the text is remembered.
 */
export function encodeXml({ name, attributes = {}, children = [] }: XmlDraft, texts?: FrozenTexts): string {
  let text = `<${checkName(name)}`;
  for (const key in attributes) {
    const value = attributes[key];
    if (value !== undefined) text += ` ${checkName(key)}="${escapeAttribute(value)}"`;
  }
  let contents = "";
  for (const child of children) {
    if (child === undefined) continue;
    contents += typeof child === "string" ? escapeXml(child) : encodeChild(child, texts);
  }
  return contents === "" ? `${text}/>` : `${text}>${contents}</${name}>`;
}

function encodeChild(child: XmlDraft, texts: FrozenTexts | undefined): string {
  if (!texts || !Object.isFrozen(child)) return encodeXml(child, texts);
  const known = texts.get(child);
  if (known !== undefined) return known;
  const text = encodeXml(child, texts);
  texts.set(child, text);
  return text;
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
