import type { PresentityId } from "../../src/core/addresses.ts";
import { findChild } from "../../src/ports/xml-element.ts";
import type { Stanza, XmlDraft } from "../../src/ports/xmpp-link.ts";

const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/**
 * What whoever writes to a contact JID is told: nobody reads there, write to the person (RFC 6120 8.3.3.14); without a
 * person only that nobody reads there. `undefined` where no answer is due (RFC 6121 8.5.2.1). Pure.
 */
export function answerMessage(
  { element, from, to, type, id }: Stanza,
  person: PresentityId | undefined,
): XmlDraft | undefined {
  const hasText = findChild(element, "body", element.namespace) !== undefined;
  // RFC 6121 5.2.2: one of a type that is not known is a normal one.
  if (!hasText || ["error", "groupchat", "headline"].includes(type)) return undefined;
  return {
    name: "message",
    attributes: { from: to, to: from, id: id === "" ? undefined : id, type: "error" },
    children: [person === undefined ? UNREAD : redirectTo(person)],
  };
}

const UNREAD: XmlDraft = {
  name: "error",
  attributes: { type: "cancel" },
  children: [{ name: "service-unavailable", attributes: { xmlns: NS_STANZAS } }],
};

const redirectTo = (person: PresentityId): XmlDraft => ({
  name: "error",
  attributes: { type: "modify" },
  children: [
    { name: "redirect", attributes: { xmlns: NS_STANZAS }, children: [`xmpp:${encodeURI(person)}`] },
    {
      name: "text",
      attributes: { xmlns: NS_STANZAS, "xml:lang": "en" },
      children: [`Nobody reads here: this contact shows presence only. Write to ${person}.`],
    },
  ],
});
