import type { Instant } from "../lib/time.ts";

/** RFC 6121 4.7.2.1 `<show/>`, with `available` for its absence and `unavailable` for no client online. */
export type Show = "chat" | "available" | "away" | "xa" | "dnd" | "unavailable";

/** XEP-0108 general and specific activity, in the names of that XEP. */
export interface Activity {
  readonly general: string;
  readonly specific?: string;
}

/** The texts that the gateway itself may show; the words come from the catalogue in the user's locale. */
export type TextKey = "in-a-meeting" | "out-of-office" | "on-the-phone";

/** Which live source made the document what it is. */
type PresenceSource = "client" | "calendar" | "phone" | "override";

/** What watchers shall see of one presentity (RFC 4479), in no protocol's form yet. */
export interface PresenceDocument {
  readonly show: Show;
  readonly source: PresenceSource;
  readonly activity?: Activity;
  /** The gateway's own text; without it the client's own note stands. */
  readonly text?: TextKey;
  /** The strongest client's own status text, by language ("" where none is given). */
  readonly note?: Readonly<Record<string, string>>;
  /** When the state ends by what is known now; set for states that have an end. */
  readonly until?: Instant;
  /** When the state began, as the calendar or the phone says; set for states that come from these. */
  readonly from?: Instant;
  /** The strongest client's priority where it is above 0: how much the presentity wants to be reached there. */
  readonly priority?: number;
  /** Since when nobody has touched the strongest client, when it is what counts and says so. */
  readonly idleSince?: Instant;
  /** Where the strongest client is heard, when it is what counts; absent: by XMPP. */
  readonly via?: "sip";
}

/** What one client says of the presentity (RFC 6121 4.7). */
export interface ClientPresence {
  readonly resource: string;
  readonly show: Exclude<Show, "unavailable">;
  /** RFC 6121 4.7.2.3: -128 to 127. */
  readonly priority: number;
  /** Status texts by `xml:lang`, "" where none is given. */
  readonly status: Readonly<Record<string, string>>;
  /** When this was first heard. */
  readonly since: Instant;
  /** Since when nobody has touched it, when it says so (XEP-0319; RFC 4480 3.11). */
  readonly idleSince?: Instant;
  /** Where it is heard; absent: by XMPP. */
  readonly via?: "sip";
}

/** From least to most busy; composition never moves a presentity to the left of what the user says. */
const BUSYNESS: readonly Show[] = ["unavailable", "chat", "available", "away", "xa", "dnd"];

/** The rank of a show from least to most busy. */
export const busynessOf = (show: Show): number => BUSYNESS.indexOf(show);

/** The busier of two shows. */
export const busier = (a: Show, b: Show): Show => (busynessOf(a) >= busynessOf(b) ? a : b);

const MOST_AVAILABLE_FIRST: readonly Show[] = ["chat", "available", "away", "xa"];

function isStronger(a: ClientPresence, b: ClientPresence): boolean {
  // A "do not disturb" on any client is the user's own word and must not be talked down by an idle phone.
  if ((a.show === "dnd") !== (b.show === "dnd")) return a.show === "dnd";
  if (a.priority !== b.priority) return a.priority > b.priority;
  const rank = MOST_AVAILABLE_FIRST.indexOf(a.show) - MOST_AVAILABLE_FIRST.indexOf(b.show);
  if (rank !== 0) return rank < 0;
  if (a.since !== b.since) return a.since > b.since;
  return a.resource < b.resource;
}

/**
 * The client that speaks for the presentity: one that says dnd, else the highest priority (RFC 6121 8.5.2.1), else the
 * most available, else the newest. The result depends on the set only, not on its order.
 */
export const strongestClient = (clients: readonly ClientPresence[]): ClientPresence | undefined =>
  clients.reduce<ClientPresence | undefined>(
    (best, client) => (best === undefined || isStronger(client, best) ? client : best),
    undefined,
  );

const sameRecord = (a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean => {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
};

/** True when watchers would see no difference. */
export const samePresence = (a: PresenceDocument, b: PresenceDocument): boolean =>
  a === b ||
  (a.show === b.show &&
    a.source === b.source &&
    a.text === b.text &&
    a.until === b.until &&
    a.from === b.from &&
    a.priority === b.priority &&
    a.idleSince === b.idleSince &&
    a.via === b.via &&
    a.activity?.general === b.activity?.general &&
    a.activity?.specific === b.activity?.specific &&
    sameRecord(a.note, b.note));

/** True when both say the same of a client. */
export const sameClientPresence = (a: ClientPresence, b: ClientPresence): boolean =>
  a.resource === b.resource &&
  a.show === b.show &&
  a.priority === b.priority &&
  a.idleSince === b.idleSince &&
  a.via === b.via &&
  sameRecord(a.status, b.status);

/** XEP-0108 `<working><in_a_meeting/></working>`. */
export const IN_A_MEETING: Activity = { general: "working", specific: "in_a_meeting" };

/** XEP-0108 `<talking><on_the_phone/></talking>`. */
export const ON_THE_PHONE: Activity = { general: "talking", specific: "on_the_phone" };
