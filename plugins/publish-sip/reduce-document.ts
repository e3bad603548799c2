import type { PresenceDocument } from "../../src/core/presence.ts";
import { activitiesOf } from "../shared-sip/documents/map-presence.ts";

const CLOSED: PresenceDocument = { show: "unavailable", source: "client" };

/** The document as far as PIDF shows it: not where it comes from, and times only where there is an activity to have them. */
export function reduceForPidf(document: PresenceDocument): PresenceDocument {
  const { show, activity, text, note, from, until, priority, idleSince } = document;
  if (show === "unavailable") return CLOSED;
  const hasTimes = activitiesOf(document).length > 0;
  return {
    show,
    source: "client",
    ...(activity && { activity }),
    ...(text ? { text } : note && { note }),
    ...(hasTimes && from !== undefined && { from }),
    ...(hasTimes && until !== undefined && { until }),
    ...(priority !== undefined && { priority }),
    ...(idleSince !== undefined && { idleSince }),
  };
}
