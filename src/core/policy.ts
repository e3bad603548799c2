import { hours, type Milliseconds } from "../lib/time.ts";
import type { BusyInterval, FreeBusyStatus } from "./busy-time.ts";
import { type Activity, IN_A_MEETING, ON_THE_PHONE, type Show, type TextKey } from "./presence.ts";

/** What a state looks like; nothing given means "as the client says". */
export interface Appearance {
  readonly show?: Exclude<Show, "unavailable">;
  readonly activity?: Activity;
  readonly text?: TextKey;
}

/** The composition policy (RFC 4479 4.5) as data. */
export interface CompositionPolicy {
  /** With no client online: `hide` the calendar (nobody is there to be in a meeting), or `show` it all the same. */
  readonly offline: "hide" | "show";
  readonly status: Readonly<Record<FreeBusyStatus, Appearance>>;
  /** While the mailbox answers automatically; nothing: that does not count. */
  readonly automaticReplies: Appearance;
  readonly phone: Appearance;
  /** With a client in dnd, whether a meeting still stands as activity beside the user's own dnd. */
  readonly activityUnderDnd: boolean;
  /** Busy entries of at least this length are ignored (whole-day reminders); absent: none is. Out of office always counts. */
  readonly ignoreBusyFrom?: Milliseconds;
  /** A calendar not heard of for this long is unknown. */
  readonly staleAfter: Milliseconds;
  /** Automatic replies, which are read once a day, not heard of for this long are unknown. */
  readonly repliesStaleAfter: Milliseconds;
  /** Status texts, normalised, that no client may show by itself. */
  readonly reservedTexts: ReadonlySet<string>;
}

const OUT_OF_OFFICE: Appearance = { show: "away", text: "out-of-office" };

/** The default policy: the table in docs/ARCHITECTURE.md, "Composition". */
export const DEFAULT_POLICY: CompositionPolicy = {
  offline: "hide",
  status: {
    busy: { show: "dnd", activity: IN_A_MEETING, text: "in-a-meeting" },
    oof: OUT_OF_OFFICE,
    tentative: {},
    free: {},
    workingElsewhere: {},
    noData: {},
  },
  automaticReplies: OUT_OF_OFFICE,
  phone: { show: "dnd", activity: ON_THE_PHONE, text: "on-the-phone" },
  activityUnderDnd: true,
  staleAfter: hours(2),
  repliesStaleAfter: hours(48),
  reservedTexts: new Set(),
};

/** True for an appearance that changes nothing. */
export const isPlain = (appearance: Appearance): boolean =>
  appearance.show === undefined && appearance.activity === undefined && appearance.text === undefined;

/** True for a busy entry that is too long to count. */
export const isLongBusy = ({ start, end, status }: BusyInterval, limit: Milliseconds | undefined): boolean =>
  limit !== undefined && status === "busy" && end - start >= limit;
