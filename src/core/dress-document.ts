import type { Instant } from "../lib/time.ts";
import type { Writable } from "../lib/writable.ts";
import type { Appearance } from "./policy.ts";
import { busier, type ClientPresence, type PresenceDocument } from "./presence.ts";

const OFFLINE: PresenceDocument = { show: "unavailable", source: "client" };

/** What the client that speaks says by itself; of nobody, that nobody is there. */
export function clientDocument(client: ClientPresence | undefined): PresenceDocument {
  if (!client) return OFFLINE;
  const { show, status, priority, idleSince, via } = client;
  const document: Writable<PresenceDocument> = { show, source: "client" };
  for (const _language in status) {
    document.note = status;
    break;
  }
  if (priority > 0) document.priority = priority;
  if (idleSince !== undefined) document.idleSince = idleSince;
  if (via) document.via = via;
  return document;
}

/** The document with the times of what it is made of. The document is the caller's own. */
export function withTimes(
  document: Writable<PresenceDocument>,
  from: Instant | undefined,
  until: Instant | undefined,
): PresenceDocument {
  if (until !== undefined) document.until = until;
  if (from !== undefined) document.from = from;
  return document;
}

/** What the user asked to be shown as; the client's own note stays. */
export function asAsked(
  { note, priority }: PresenceDocument,
  { show, setAt, until }: { readonly show: PresenceDocument["show"]; readonly setAt: Instant; readonly until: Instant },
): PresenceDocument {
  return {
    show,
    source: "override",
    ...(note && { note }),
    ...(priority !== undefined && { priority }),
    from: setAt,
    until,
  };
}

/** The client's document in the given appearance, never less busy than the client says. */
export function dress(
  own: PresenceDocument,
  { show, activity, text }: Appearance,
  origin: {
    readonly source: PresenceDocument["source"];
    readonly from?: Instant | undefined;
    readonly until?: Instant | undefined;
  },
): PresenceDocument {
  // Assigned one by one: spreading what may be absent costs ten times as much, and a burst comes here often.
  const dressed: Writable<PresenceDocument> = {
    show: show ? busier(own.show, show) : own.show,
    source: origin.source,
  };
  if (own.note) dressed.note = own.note;
  if (own.priority !== undefined) dressed.priority = own.priority;
  if (activity) dressed.activity = activity;
  if (text) dressed.text = text;
  return withTimes(dressed, origin.from, origin.until);
}
