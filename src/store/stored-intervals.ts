import type { BusyInterval, FreeBusyStatus } from "../core/busy-time.ts";
import { instant } from "../lib/time.ts";

/** A status is stored as its place in this list, which therefore may only grow at its end. */
const STATUSES: readonly FreeBusyStatus[] = ["free", "tentative", "busy", "oof", "workingElsewhere", "noData"];

/** Busy intervals as one flat JSON array of numbers: start, end, status, start, end, … */
export const encodeIntervals = (intervals: readonly BusyInterval[]): string =>
  JSON.stringify(intervals.flatMap(({ start, end, status }) => [start, end, STATUSES.indexOf(status)]));

/** Reads what `encodeIntervals` wrote. */
export function decodeIntervals(json: string): readonly BusyInterval[] {
  const numbers: readonly number[] = JSON.parse(json);
  const intervals: BusyInterval[] = [];
  for (let index = 0; index + 2 < numbers.length; index += 3) {
    const status = STATUSES[numbers[index + 2] ?? 0] ?? "noData";
    intervals.push({ start: instant(numbers[index] ?? 0), end: instant(numbers[index + 1] ?? 0), status });
  }
  return intervals;
}
