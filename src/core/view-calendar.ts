import { type Instant, type Milliseconds, plus } from "../lib/time.ts";
import { type BusyInterval, type FreeBusyStatus, intervalAt } from "./busy-time.ts";

/** The calendar as last read. */
export interface CalendarState {
  readonly intervals: readonly BusyInterval[];
  /** When it was last read successfully. */
  readonly heardAt: Instant;
}

/** What the calendar says at an instant. */
export interface CalendarView {
  readonly status: FreeBusyStatus | "unknown";
  readonly interval?: BusyInterval;
}

/** When the calendar will not have been heard of for too long; absent when it was never read. */
export const calendarStaleAt = (calendar: CalendarState | undefined, staleAfter: Milliseconds): Instant | undefined =>
  calendar && plus(calendar.heardAt, staleAfter);

/**
 * Looks at the calendar.
 *
 * @param merged its intervals as they count, merged
 */
export function viewCalendar(
  merged: readonly BusyInterval[],
  staleAt: Instant | undefined,
  now: Instant,
): CalendarView {
  if (staleAt === undefined || now >= staleAt) return { status: "unknown" };
  const interval = intervalAt(merged, now);
  if (!interval) return { status: "free" };
  return interval.status === "noData" ? { status: "unknown", interval } : { status: interval.status, interval };
}

/** The view in words for people. */
export function describeCalendar({ status }: CalendarView, staleAt: Instant | undefined, now: Instant): string {
  if (status !== "unknown") return status;
  if (staleAt === undefined) return "unknown: never read";
  return now >= staleAt ? "unknown: not heard of for too long" : "unknown: the calendar server has no data";
}
