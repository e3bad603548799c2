import type { PresenceDocument } from "../../src/core/presence.ts";
import type { Writable } from "../../src/lib/writable.ts";
import { activitiesOf } from "../shared-sip/documents/map-presence.ts";

const CLOSED: PresenceDocument = { show: "unavailable", source: "client" };

/** The document as far as PIDF shows it: not where it comes from, and times only where there is an activity to have them. */
export function reduceForPidf(document: PresenceDocument): PresenceDocument {
  const { show, activity, text, note, from, until, priority, idleSince } = document;
  if (show === "unavailable") return CLOSED;
  const hasTimes = activitiesOf(document).length > 0;
  // Assigned one by one: spreading what may be absent costs ten times as much, and a burst comes here often.
  const reduced: Writable<PresenceDocument> = { show, source: "client" };
  if (activity) reduced.activity = activity;
  if (text) reduced.text = text;
  else if (note) reduced.note = note;
  if (hasTimes && from !== undefined) reduced.from = from;
  if (hasTimes && until !== undefined) reduced.until = until;
  if (priority !== undefined) reduced.priority = priority;
  if (idleSince !== undefined) reduced.idleSince = idleSince;
  return reduced;
}
