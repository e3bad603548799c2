import type { BareJid, PresentityId } from "../../src/core/addresses.ts";
import type { PresenceDocument } from "../../src/core/presence.ts";
import type { TextCatalogue } from "../../src/core/texts.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { encodeStatuses } from "../shared-xmpp/statuses.ts";
import { contactJidOf } from "./contact-address.ts";

/** A contact that is offline. */
export const OFFLINE: PresenceDocument = { show: "unavailable", source: "client" };

/** The resource from which contact JIDs send presence. */
const RESOURCE = "calendar";

/** The types of presence that a contact JID sends (RFC 6121 4.7.1); without one it is available. */
export type SubscriptionAnswer = "subscribed" | "unsubscribed" | "unavailable";

/** What of the document a contact JID shows: show and status. Who says it, and until when, is not seen. Pure. */
export function reduceToContact({ show, text, note }: PresenceDocument): PresenceDocument {
  if (show === "unavailable") return OFFLINE;
  const words = text ? { text } : note && Object.keys(note).length > 0 && { note };
  return { show, source: "client", ...words };
}

/** The children of the `<presence/>` of a reduced document that is not offline (RFC 6121 4.7.2). Pure. */
export const encodeContact = (
  { show, text, note }: PresenceDocument,
  locales: readonly string[],
  catalogue: TextCatalogue,
): readonly XmlDraft[] => [
  ...(show === "available" || show === "unavailable" ? [] : [{ name: "show", children: [show] }]),
  ...encodeStatuses({ ...(text && { text }), ...(note && { note }) }, locales, catalogue),
];

/** What an address for which nobody stands answers whoever wants to see it (RFC 6121 3.1.3). Pure. */
export const refusePresence = (from: string, to: string): XmlDraft => ({
  name: "presence",
  attributes: { from, to, type: "unsubscribed" },
});

/** One presence of the contact JID: about subscriptions from the bare JID (RFC 6121 3.1), else from a resource. Pure. */
export function contactPresence(
  presentity: PresentityId,
  component: BareJid,
  { to, type, children = [] }: { to: string; type?: SubscriptionAnswer | undefined; children?: readonly XmlDraft[] },
): XmlDraft {
  const bare = contactJidOf(presentity, component);
  const from = type === "subscribed" || type === "unsubscribed" ? bare : `${bare}/${RESOURCE}`;
  return { name: "presence", attributes: { from, to, type }, children };
}
