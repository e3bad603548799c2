import type { XmlElement } from "../ports/xml-element.ts";
import type { Stanza } from "../ports/xmpp-link.ts";

/** The element as a stanza: its addressing, with absent attributes empty. */
export const toStanza = (element: XmlElement): Stanza => {
  const { from = "", to = "", type = "", id = "" } = element.attributes;
  return { element, from, to, type, id };
};
