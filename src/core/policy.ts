import { hours, type Milliseconds } from "../lib/time.ts";
import type { FreeBusyStatus } from "./busy-time.ts";
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
  readonly phone: Appearance;
  /** With a client in dnd, whether a meeting still stands as activity beside the user's own dnd. */
  readonly activityUnderDnd: boolean;
  /** Busy entries of at least this length are ignored (whole-day reminders); absent: none is. Out of office always counts. */
  readonly ignoreBusyFrom?: Milliseconds;
  /** A calendar not heard of for this long is unknown. */
  readonly staleAfter: Milliseconds;
  /** Status texts, normalised, that no client may show by itself. */
  readonly reservedTexts: ReadonlySet<string>;
}

/** The default policy: the table in docs/ARCHITECTURE.md, "Composition". */
export const DEFAULT_POLICY: CompositionPolicy = {
  offline: "hide",
  status: {
    busy: { show: "dnd", activity: IN_A_MEETING, text: "in-a-meeting" },
    oof: { show: "away", text: "out-of-office" },
    tentative: {},
    free: {},
    workingElsewhere: {},
    noData: {},
  },
  phone: { show: "dnd", activity: ON_THE_PHONE, text: "on-the-phone" },
  activityUnderDnd: true,
  staleAfter: hours(2),
  reservedTexts: new Set(),
};
