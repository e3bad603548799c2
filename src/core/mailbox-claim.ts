import { type Instant, later } from "../lib/time.ts";
import type { AutomaticRepliesView } from "./automatic-replies.ts";
import { type Appearance, type CompositionPolicy, isPlain } from "./policy.ts";
import type { CalendarView } from "./view-calendar.ts";

/** What a mailbox asks to be shown as, and the rule by which it does. */
interface Claim {
  readonly appearance: Appearance;
  readonly rule: "automatic-replies" | (typeof CALENDAR_RULES)[CalendarView["status"]];
  readonly winner: "calendar" | "automatic-replies";
  readonly from: Instant | undefined;
  readonly until: Instant | undefined;
}

const CALENDAR_RULES = {
  oof: "calendar-oof",
  busy: "calendar-busy",
  tentative: "calendar-tentative",
  workingElsewhere: "calendar-working-elsewhere",
  noData: "calendar-unknown",
  unknown: "calendar-unknown",
  free: "client",
} as const satisfies Readonly<Record<CalendarView["status"], string>>;

/** The claim by the mailbox's automatic replies, or else by its calendar; undefined when it asks for nothing. */
export function claimOfMailbox(
  { status, interval }: CalendarView,
  replies: AutomaticRepliesView | undefined,
  policy: CompositionPolicy,
): Claim | undefined {
  const { start: from, end: until } = interval ?? {};
  if (replies?.isOn && !isPlain(policy.automaticReplies)) {
    const appearance = policy.automaticReplies;
    // The calendar may say so too, and for longer.
    const end = status === "oof" ? laterEnd(replies.until, until) : replies.until;
    return { appearance, rule: "automatic-replies", winner: "automatic-replies", from: undefined, until: end };
  }
  const appearance = appearanceOf(status, policy);
  return isPlain(appearance)
    ? undefined
    : { appearance, rule: CALENDAR_RULES[status], winner: "calendar", from, until };
}

/** What the calendar's status looks like. */
export const appearanceOf = (status: CalendarView["status"], policy: CompositionPolicy): Appearance =>
  policy.status[status === "unknown" ? "noData" : status];

const laterEnd = (a: Instant | undefined, b: Instant | undefined): Instant | undefined =>
  a === undefined || b === undefined ? undefined : later(a, b);
