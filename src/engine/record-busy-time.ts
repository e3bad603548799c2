import type { BusyInterval } from "../core/busy-time.ts";
import { packIntervals, samePacked } from "../core/packed-intervals.ts";
import { type Instant, instant } from "../lib/time.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { Journal } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Presentity } from "./presentity.ts";

/** What is done with what was read. */
export interface RecordDeps {
  readonly runtime: Runtime;
  readonly journal: Journal;
  readonly recompute: (presentity: Presentity) => void;
  /** Tells the administrators of what only a person can put right; each thing once. */
  readonly alert: (text: string) => void;
}

/** The calendar is what was read, asked for at `heardAt`. */
export function recordBusyTime(
  { journal, recompute, runtime }: RecordDeps,
  presentity: Presentity,
  intervals: readonly BusyInterval[],
  heardAt: Instant,
): void {
  const before = presentity.calendar;
  // Two requests may overtake each other: the younger question wins.
  if (before && before.heardAt > heardAt && before.heardAt <= runtime.clock.now()) return;
  if (presentity.calendarError) {
    presentity.calendarError = undefined;
    journal.recordCalendarError(presentity.id, undefined);
  }
  const packed = packIntervals(intervals);
  if (before && samePacked(before.intervals, packed)) {
    presentity.calendar = { ...before, heardAt };
    journal.recordHeard(presentity.id, heardAt);
  } else {
    presentity.calendar = { intervals: packed, heardAt };
    journal.replaceBusyTime(presentity.id, intervals, heardAt);
  }
  recompute(presentity);
}

/** A mailbox that is no more has no meetings: what it was last known to hold must not be shown until it is stale. */
export function withdrawCalendar(deps: RecordDeps, presentity: Presentity, { code, message }: GatewayError): void {
  const { id } = presentity;
  if (presentity.calendarError?.code !== code) {
    deps.runtime.log.warn("calendar.mailbox-gone", { presentity: id, code });
    deps.alert(`The calendar of ${id} is not shown any more: ${message}`);
  }
  if (!presentity.calendar) return;
  presentity.calendar = undefined;
  deps.journal.replaceBusyTime(id, [], instant(0));
  deps.recompute(presentity);
}

/** Notes why the calendar could not be read, for `why`. */
export function noteCalendarError(
  { journal, runtime }: RecordDeps,
  presentity: Presentity,
  { code, message }: GatewayError,
): void {
  const noted = { code, message, at: runtime.clock.now() };
  const isNew = presentity.calendarError?.code !== code;
  presentity.calendarError = noted;
  if (isNew) journal.recordCalendarError(presentity.id, noted);
}
