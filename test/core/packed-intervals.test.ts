import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import { packIntervals, samePacked, unpackIntervals } from "../../src/core/packed-intervals.ts";
import { instant } from "../../src/lib/time.ts";

const someInterval: fc.Arbitrary<BusyInterval> = fc.record({
  start: fc.integer({ min: 0, max: 4e12 }).map(instant),
  end: fc.integer({ min: 0, max: 4e12 }).map(instant),
  status: fc.constantFrom("free", "tentative", "busy", "oof", "workingElsewhere", "noData"),
});
const someIntervals = fc.array(someInterval, { maxLength: 10 });

describe("packed intervals", () => {
  it("unpack to what was packed", () => {
    fc.assert(
      fc.property(someIntervals, (intervals) => {
        expect(unpackIntervals(packIntervals(intervals))).toEqual(intervals);
      }),
    );
  });

  it("are the same when the intervals are, and only then", () => {
    fc.assert(
      fc.property(someIntervals, someIntervals, (a, b) => {
        expect(samePacked(packIntervals(a), packIntervals([...a]))).toBe(true);
        expect(samePacked(packIntervals(a), packIntervals(b))).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});
