import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type BusyInterval,
  blockEnd,
  boundariesAfter,
  canonicalIntervals,
  differWithin,
  type FreeBusyStatus,
  intervalAt,
  mergeIntervals,
  sameIntervals,
} from "../../src/core/busy-time.ts";
import { shownBlockEnd } from "../../src/core/compose.ts";
import { DEFAULT_POLICY } from "../../src/core/policy.ts";
import { type Instant, instant } from "../../src/lib/time.ts";
import { anInstant, HORIZON, someIntervals } from "./arbitraries.ts";

const busy = (start: number, end: number, status: FreeBusyStatus = "busy"): BusyInterval => ({
  start: instant(start),
  end: instant(end),
  status,
});

/** The definition, word by word: of all entries that cover the instant, the strongest. */
function strongestAt(intervals: readonly BusyInterval[], now: number): FreeBusyStatus {
  const weakestFirst: readonly FreeBusyStatus[] = ["free", "noData", "tentative", "workingElsewhere", "busy", "oof"];
  return intervals
    .filter(({ start, end }) => start <= now && now < end)
    .map(({ status }) => status)
    .reduce((a, b) => (weakestFirst.indexOf(a) >= weakestFirst.indexOf(b) ? a : b), "free");
}

const statusAt = (merged: readonly BusyInterval[], at: Instant): FreeBusyStatus =>
  intervalAt(merged, at)?.status ?? "free";

const grid = Array.from({ length: HORIZON + 2 }, (_, at) => instant(at));

describe("merged intervals", () => {
  it("show at each instant the strongest of the entries that cover it", () => {
    fc.assert(
      fc.property(someIntervals, (intervals) => {
        const merged = mergeIntervals(intervals);
        for (const at of grid) expect(statusAt(merged, at)).toBe(strongestAt(intervals, at));
      }),
    );
  });

  it("are sorted, disjoint, never empty, never free, and touch only where the status changes", () => {
    fc.assert(
      fc.property(someIntervals, (intervals) => {
        const merged = mergeIntervals(intervals);
        for (const [index, { start, end, status }] of merged.entries()) {
          expect(end).toBeGreaterThan(start);
          expect(status).not.toBe("free");
          const next = merged[index + 1];
          if (next) expect(next.start > end || (next.start === end && next.status !== status)).toBe(true);
        }
      }),
    );
  });

  it("do not depend on the order of the entries, nor on entries given twice", () => {
    const shuffled = someIntervals.chain((intervals) =>
      fc.tuple(
        fc.constant(intervals),
        fc.shuffledSubarray([...intervals, ...intervals], { minLength: 2 * intervals.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, ([intervals, other]) => {
        expect(mergeIntervals(other)).toEqual(mergeIntervals(intervals));
        expect(sameIntervals(canonicalIntervals(other), canonicalIntervals(intervals))).toBe(true);
      }),
    );
  });

  it("merge to themselves", () => {
    fc.assert(
      fc.property(someIntervals, (intervals) => {
        const merged = mergeIntervals(intervals);
        expect(mergeIntervals(merged)).toEqual(merged);
        expect(mergeIntervals(canonicalIntervals(intervals))).toEqual(merged);
      }),
    );
  });

  it("join meetings that follow each other at once, and keep an outer meeting around a nested one", () => {
    expect(mergeIntervals([busy(10, 20), busy(20, 30)])).toEqual([busy(10, 30)]);
    expect(mergeIntervals([busy(0, 30), busy(5, 10, "oof"), busy(6, 8)])).toEqual([
      busy(0, 5),
      busy(5, 10, "oof"),
      busy(10, 30),
    ]);
  });

  it("begin at their first instant and are over at their end", () => {
    const merged = mergeIntervals([busy(10, 20)]);
    expect([9, 10, 19, 20].map((at) => statusAt(merged, instant(at)))).toEqual(["free", "busy", "busy", "free"]);
    expect(intervalAt(merged, instant(10))).toEqual(busy(10, 20));
    expect(intervalAt(merged, instant(20))).toBeUndefined();
  });
});

describe("boundaries", () => {
  it("are exactly the later instants at which the status changes", () => {
    fc.assert(
      fc.property(someIntervals, anInstant, (intervals, now) => {
        const merged = mergeIntervals(intervals);
        const changes = grid.filter((at) => at > now && strongestAt(intervals, at) !== strongestAt(intervals, at - 1));
        expect([...boundariesAfter(merged, now)]).toEqual(changes);
      }),
    );
  });
});

describe("the present block", () => {
  /** Grows from `now` by entries that overlap what is there already, until nothing more does. */
  function grownBlock(intervals: readonly BusyInterval[], now: Instant): Instant | undefined {
    const shown = intervals.filter(({ start, end }) => end > start);
    const covering = shown.filter(({ start, end }) => start <= now && now < end);
    if (covering.length === 0) return undefined;
    let end = Math.max(...covering.map((interval) => interval.end));
    for (;;) {
      const more = shown.filter((interval) => interval.start < end && interval.end > end);
      if (more.length === 0) return instant(end);
      end = Math.max(...more.map((interval) => interval.end));
    }
  }

  it("ends when the last of the entries that overlap one another ends", () => {
    fc.assert(
      fc.property(someIntervals, anInstant, (intervals, now) => {
        expect(blockEnd(intervals, now)).toBe(grownBlock(intervals, now));
      }),
    );
  });

  it("does not take in a meeting that begins when it ends", () => {
    expect(blockEnd([busy(10, 20), busy(20, 30)], instant(15))).toBe(20);
    expect(blockEnd([busy(10, 20), busy(19, 30)], instant(15))).toBe(30);
  });

  it("takes in what the policy shows, and nothing else", () => {
    const tentative = [busy(10, 20), busy(15, 30, "tentative")];
    const asMeeting = {
      ...DEFAULT_POLICY,
      status: { ...DEFAULT_POLICY.status, tentative: DEFAULT_POLICY.status.busy },
    };
    expect(shownBlockEnd(tentative, DEFAULT_POLICY, instant(18))).toBe(20);
    expect(shownBlockEnd(tentative, asMeeting, instant(18))).toBe(30);
    expect(shownBlockEnd([busy(10, 20, "tentative")], DEFAULT_POLICY, instant(15))).toBeUndefined();
  });
});

describe("canonical intervals", () => {
  it("are equal exactly when the calendars hold the same entries", () => {
    const calendar = [busy(1, 2), busy(1, 2, "oof"), busy(1, 3), busy(1, 2), busy(4, 4), busy(5, 6, "free")];
    expect(canonicalIntervals(calendar)).toEqual([busy(1, 2), busy(1, 2, "oof"), busy(1, 3)]);
    expect(sameIntervals(canonicalIntervals(calendar), canonicalIntervals([busy(1, 3), busy(1, 2)]))).toBe(false);
    expect(sameIntervals([busy(1, 2)], [busy(1, 2, "oof")])).toBe(false);
  });
});

describe("two readings of a calendar", () => {
  const window = { start: instant(10), end: instant(20) };

  it("differ by what lies in the window that both cover, and by nothing else", () => {
    const known = [busy(5, 12), busy(18, 25)];
    expect(differWithin(known, [busy(18, 40), busy(8, 12), busy(30, 31)], window)).toBe(false);
    expect(differWithin(known, [busy(5, 12)], window)).toBe(true);
    expect(differWithin(known, [busy(5, 13), busy(18, 25)], window)).toBe(true);
    expect(differWithin(known, [busy(5, 12), busy(18, 25, "oof")], window)).toBe(true);
  });

  it("are the same whatever lies outside of the window", () => {
    fc.assert(
      fc.property(someIntervals, someIntervals, (inside, outside) => {
        const start = instant(HORIZON);
        const later = outside.map((each) => ({
          ...each,
          start: instant(each.start + start),
          end: instant(each.end + start),
        }));
        expect(differWithin(inside, [...inside, ...later], { start: instant(0), end: start })).toBe(false);
      }),
    );
  });
});
