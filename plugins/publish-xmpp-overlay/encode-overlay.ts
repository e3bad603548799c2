import type { PresenceDocument } from "../../src/core/presence.ts";
import type { TextCatalogue } from "../../src/core/texts.ts";
import { earlier, type Instant } from "../../src/lib/time.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { NS_SERVER_MODULE } from "../shared-xmpp/namespaces.ts";
import { encodeStatuses } from "../shared-xmpp/statuses.ts";

/** No overlay: the client's own presence is shown. */
export const CLEAR: PresenceDocument = { show: "available", source: "client" };

/** What an XMPP client says for itself needs no overlay; what is heard by SIP does (RFC 8048 6.3). */
const isOverClients = ({ source, via }: PresenceDocument): boolean => source !== "client" || via !== undefined;

/**
 * What of the document the overlay shows. What the client itself says needs none; an activity beside it is kept all the
 * same, so that the module can clear it when the gateway is gone.
 */
export function reduceToOverlay(document: PresenceDocument): PresenceDocument {
  const { show, source, text, activity, until, via, note } = document;
  const isCovering = isOverClients(document);
  if (show === "unavailable" || (!isCovering && !activity)) return CLEAR;
  // Assigned one by one: spreading objects that may be absent costs ten times as much, and a burst comes here often.
  const reduced: { -readonly [Key in keyof PresenceDocument]: PresenceDocument[Key] } = isCovering
    ? { show, source }
    : { ...CLEAR };
  if (isCovering && text) reduced.text = text;
  if (via) reduced.via = via;
  if (via && note) reduced.note = note;
  if (activity) reduced.activity = activity;
  if (until !== undefined) reduced.until = until;
  return reduced;
}

/** When the overlay ends, in whole seconds since 1970, rounded up: the module must not end a state before it is over. */
export const overlayEnd = ({ until }: PresenceDocument, limit: Instant): number =>
  Math.ceil(earlier(until ?? limit, limit) / 1000);

/**
 * The `<overlay/>` of a reduced document; without attributes and children it clears. Statuses in the user's
 * language, in the site's and in English: the watcher's client picks (RFC 6121 4.7.2.2). Pure.
 *
 * @param locales the user's, then others for watchers who do not read it
 * @param limit the overlay ends then at the latest, whatever the document says
 */
export function encodeOverlay(
  document: PresenceDocument,
  locales: readonly string[],
  limit: Instant,
  catalogue: TextCatalogue,
): XmlDraft {
  const { show, activity } = document;
  const isCovering = isOverClients(document);
  if (!isCovering && !activity) return { name: "overlay", attributes: { xmlns: NS_SERVER_MODULE } };
  return {
    name: "overlay",
    attributes: {
      xmlns: NS_SERVER_MODULE,
      show: isCovering ? show : undefined,
      until: String(overlayEnd(document, limit)),
      activity: activity?.specific ?? activity?.general,
    },
    children: encodeStatuses(document, locales, catalogue),
  };
}
