import type { ClientPresence, PresenceDocument, Show } from "../../../src/core/presence.ts";

/**
 * XMPP presence and PIDF, both ways. RFC 8048 6.2 and 6.3 bind the type, the show (note 7), the status and the priority
 * (note 6). No RFC binds the show to RPID activities (RFC 4480 3.2): that part is ours, allowed by note 7.
 */

/** An RPID activity that the gateway sends. */
type SentActivity = "meeting" | "busy" | "on-the-phone" | "vacation" | "away";

const OF_SHOW: Readonly<Record<Show, readonly SentActivity[]>> = {
  chat: [],
  available: [],
  away: ["away"],
  xa: ["away"],
  dnd: ["busy"],
  unavailable: [],
};

/**
 * The RPID activities of a document. The plain state stands beside the precise one: peers that do not know meetings
 * (SylkServer, baresip) then show busy.
 */
export function activitiesOf({ show, activity, text }: PresenceDocument): readonly SentActivity[] {
  if (show === "unavailable") return [];
  if (activity?.specific === "in_a_meeting") return ["meeting", "busy"];
  if (activity?.specific === "on_the_phone") return ["on-the-phone", "busy"];
  if (text === "out-of-office" || activity?.specific === "on_vacation") return ["vacation", "away"];
  return OF_SHOW[show];
}

/** RFC 4480 3.2 names to shows. What is not here says nothing of the show; its note stays. */
const SHOW_OF_ACTIVITY: Readonly<Record<string, ClientPresence["show"]>> = {
  away: "away",
  vacation: "xa",
  holiday: "xa",
  sleeping: "xa",
  "permanent-absence": "xa",
  busy: "dnd",
  "on-the-phone": "dnd",
  presentation: "dnd",
  performance: "dnd",
};

/** The activities that only the gateway may say. */
const CLAIMS: ReadonlySet<string> = new Set(["meeting"]);

/** True for an activity that only the gateway may say. */
export const isClaimedActivity = (name: string): boolean => CLAIMS.has(name);

const BUSIEST_FIRST: readonly ClientPresence["show"][] = ["dnd", "xa", "away"];

/** The show of a set of RPID activities (local names); undefined when none of them says one. */
export function showOfActivities(names: Iterable<string>): ClientPresence["show"] | undefined {
  const shows = new Set(
    [...names].map((name) => (Object.hasOwn(SHOW_OF_ACTIVITY, name) ? SHOW_OF_ACTIVITY[name] : undefined)),
  );
  return BUSIEST_FIRST.find((show) => shows.has(show));
}

const SHOWS = ["chat", "away", "xa", "dnd"] as const;

/** RFC 8048 6.3 note 3: the show of a `<show xmlns='jabber:client'>`; undefined when it is none. */
export const showOfText = (text: string): ClientPresence["show"] | undefined => SHOWS.find((show) => show === text);

/** RFC 8048 6.2 note 6: 0 is 0, 127 is 1, three decimals; a negative priority MUST NOT be mapped. */
export const contactPriority = (priority: number): string | undefined =>
  priority < 0 ? undefined : (Math.min(priority, 127) / 127).toFixed(3);

/**
 * RFC 3863 4.1.5: 0 to 1 with up to three decimals. Without one it is the lowest, which by XMPP is below 0: a phone that
 * is merely there must not speak for somebody who has set a Jabber client to away.
 */
export const xmppPriority = (text: string): number =>
  /^(?:0(?:\.\d{1,3})?|1(?:\.0{1,3})?)$/.test(text) ? Math.round(Number(text) * 127) : -1;
