/** Free/busy status in EWS's words with a small first letter. */
export type FreeBusyStatus = "free" | "tentative" | "busy" | "oof" | "workingElsewhere" | "noData";

/** Days of the week, Sunday first, as t:DayOfWeekType names them. */
export const DAYS_OF_WEEK = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
export type DayOfWeek = (typeof DAYS_OF_WEEK)[number];

/** How a meeting repeats; `until` is the last instant at which an occurrence may begin, `days` default to the first one's. */
export interface Recurrence {
  readonly kind: "daily" | "weekly";
  readonly interval?: number;
  readonly days?: readonly DayOfWeek[];
  readonly count?: number;
  readonly until?: number;
}

/** A calendar item; instants in milliseconds since 1970, half open: [start, end). */
export interface MeetingDetails {
  readonly start: number;
  readonly end: number;
  readonly status: FreeBusyStatus;
  readonly subject?: string;
  readonly location?: string;
  readonly recurrence?: Recurrence | undefined;
  readonly allDay?: boolean;
  readonly isPrivate?: boolean;
  readonly isMeeting?: boolean;
}

/** A stretch of time, half open. */
export interface TimeSpan {
  readonly start: number;
  readonly end: number;
}

const DAY = 86_400_000;
const WEEK = 7 * DAY;

/** The occurrences that touch the window, in order of time; `utcOffset` in milliseconds decides which day it is. */
export function* occurrencesIn(meeting: MeetingDetails, window: TimeSpan, utcOffset: number): Generator<TimeSpan> {
  if (meeting.recurrence === undefined) {
    if (touches(meeting, window)) yield { start: meeting.start, end: meeting.end };
    return;
  }
  const length = meeting.end - meeting.start;
  for (const start of recurringStarts(meeting, meeting.recurrence, window, utcOffset)) {
    const occurrence = { start, end: start + length };
    if (touches(occurrence, window)) yield occurrence;
  }
}

/** The starts of a series from shortly before the window up to its end. */
function* recurringStarts(
  meeting: MeetingDetails,
  recurrence: Recurrence,
  window: TimeSpan,
  utcOffset: number,
): Generator<number> {
  const { kind, interval = 1, count = Number.POSITIVE_INFINITY, until = Number.POSITIVE_INFINITY } = recurrence;
  const offsets = dayOffsets(meeting, recurrence, utcOffset);
  const period = (kind === "daily" ? DAY : WEEK) * Math.max(1, interval);
  const skipped = offsets.filter((offset) => offset < 0).length;
  const firstPeriod = Math.max(0, Math.floor((window.start - meeting.end - WEEK) / period));
  const numberOfStarts = Math.ceil((window.end + WEEK - meeting.start) / period) * offsets.length;
  for (
    let position = firstPeriod * offsets.length;
    position < Math.min(numberOfStarts, count + skipped);
    position += 1
  ) {
    const offset = offsets[position % offsets.length] ?? 0;
    const start = meeting.start + Math.floor(position / offsets.length) * period + offset;
    if (start > until) return;
    if (position >= skipped) yield start;
  }
}

/** Distances from the first start to each occurrence of its own week (Sunday first); negative ones come before it. */
function dayOffsets(meeting: MeetingDetails, recurrence: Recurrence, utcOffset: number): readonly number[] {
  if (recurrence.kind === "daily" || recurrence.days === undefined) return [0];
  const first = new Date(meeting.start + utcOffset).getUTCDay();
  return [...new Set(recurrence.days)]
    .map((day) => DAYS_OF_WEEK.indexOf(day) - first)
    .sort((a, b) => a - b)
    .map((days) => days * DAY);
}

function touches(span: TimeSpan, window: TimeSpan): boolean {
  return span.start < window.end && span.end > window.start;
}
