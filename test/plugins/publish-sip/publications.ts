import { parsePresentityId, parseSipAor, type SipAor } from "../../../src/core/addresses.ts";
import type { PresenceDocument } from "../../../src/core/presence.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import type { Publication } from "../../../src/ports/presence-publisher.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";

/** In a meeting until ten. */
export const MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  text: "in-a-meeting",
  activity: { general: "working", specific: "in_a_meeting" },
  until: plus(MONDAY_MORNING, hours(1)),
};

/** Nothing special. */
export const FREE: PresenceDocument = { show: "available", source: "client" };

/** The address of record of a user. */
export const aorOf = (user: string): SipAor => parseSipAor(`sip:${user}@example.com`);

/** The user's publication of the document. */
export const publicationOf = (user: string, document: PresenceDocument = MEETING): Publication => ({
  presentity: parsePresentityId(`${user}@example.com`),
  document,
  locale: "en",
  sip: aorOf(user),
});
