import type { Instant } from "../lib/time.ts";

/** EWS `LegacyFreeBusyStatus`, in the words of Graph; Graph's `unknown` is `noData`. */
export type FreeBusyStatus = "free" | "tentative" | "busy" | "oof" | "workingElsewhere" | "noData";

/** One calendar entry as the gateway knows it: when and how busy, never what. Half-open, `[start, end)`. */
export interface BusyInterval {
  readonly start: Instant;
  readonly end: Instant;
  readonly status: FreeBusyStatus;
}

/** Overlaps take the strongest; `noData` says nothing, so anything known outranks it, except that nothing is known free. */
const STRENGTH: Readonly<Record<FreeBusyStatus, number>> = {
  free: 0,
  noData: 1,
  tentative: 2,
  workingElsewhere: 3,
  busy: 4,
  oof: 5,
};

const byStart = (a: BusyInterval, b: BusyInterval): number => a.start - b.start || a.end - b.end;

interface Edge {
  readonly at: Instant;
  readonly status: FreeBusyStatus;
  readonly change: 1 | -1;
}

const strongestOpen = (open: ReadonlyMap<FreeBusyStatus, number>): FreeBusyStatus => {
  let strongest: FreeBusyStatus = "free";
  for (const [status, count] of open) if (count > 0 && STRENGTH[status] > STRENGTH[strongest]) strongest = status;
  return strongest;
};

/**
 * Flattens calendar entries into sorted intervals that never overlap: at each instant the strongest status, touching
 * intervals of one status joined (back-to-back never flickers), free time left out. Empty or reversed entries vanish.
 */
export function mergeIntervals(intervals: readonly BusyInterval[]): readonly BusyInterval[] {
  if (isMerged(intervals)) return intervals;
  const edges: Edge[] = [];
  for (const { start, end, status } of intervals) {
    if (!(end > start) || status === "free") continue;
    edges.push({ at: start, status, change: 1 }, { at: end, status, change: -1 });
  }
  edges.sort((a, b) => a.at - b.at);
  const merged: { start: Instant; end: Instant; status: FreeBusyStatus }[] = [];
  const open = new Map<FreeBusyStatus, number>();
  for (const [index, { at, status, change }] of edges.entries()) {
    open.set(status, (open.get(status) ?? 0) + change);
    const next = edges[index + 1];
    const strongest = strongestOpen(open);
    if (!next || next.at === at || strongest === "free") continue;
    const last = merged.at(-1);
    if (last && last.end === at && last.status === strongest) last.end = next.at;
    else merged.push({ start: at, end: next.at, status: strongest });
  }
  return merged;
}

/** True for most calendars: what `mergeIntervals` would give is what there is. */
const isMerged = (intervals: readonly BusyInterval[]): boolean =>
  intervals.every(({ start, end, status }, index) => {
    const next = intervals[index + 1];
    const isApart = !next || next.start > end || (next.start === end && next.status !== status);
    return end > start && status !== "free" && isApart;
  });

/** Index of the first of the sorted, disjoint intervals that ends after `now`. */
function firstEndingAfter(merged: readonly BusyInterval[], now: Instant): number {
  let low = 0;
  let high = merged.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const interval = merged[middle];
    if (interval && interval.end > now) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The merged interval that covers `now`, if any. */
export function intervalAt(merged: readonly BusyInterval[], now: Instant): BusyInterval | undefined {
  const candidate = merged[firstEndingAfter(merged, now)];
  return candidate && candidate.start <= now ? candidate : undefined;
}

/** All starts and ends of merged intervals that lie after `now`, ascending and without repetition. */
export function* boundariesAfter(merged: readonly BusyInterval[], now: Instant): Generator<Instant> {
  let last: Instant | undefined;
  for (let index = firstEndingAfter(merged, now); index < merged.length; index++) {
    for (const at of [merged[index]?.start, merged[index]?.end]) {
      if (at === undefined) continue;
      if (at > now && at !== last) yield at;
      last = at;
    }
  }
}

/**
 * The end of the present block: of all entries that overlap, directly or through others, with one that covers `now`.
 * An entry that begins just when another ends is the next block: ending a meeting early must not hide the one after it.
 */
export function blockEnd(intervals: readonly BusyInterval[], now: Instant): Instant | undefined {
  let end: Instant | undefined;
  for (const interval of intervals.filter((each) => each.end > now).sort(byStart)) {
    if (interval.start <= now) end = end === undefined || interval.end > end ? interval.end : end;
    else if (end !== undefined && interval.start < end && interval.end > end) end = interval.end;
  }
  return end;
}

/** True when both lists hold the same entries in the same order. */
export const sameIntervals = (a: readonly BusyInterval[], b: readonly BusyInterval[]): boolean =>
  a.length === b.length &&
  a.every((interval, index) => {
    const other = b[index];
    return other?.start === interval.start && other.end === interval.end && other.status === interval.status;
  });

/** True when the calendars say different things of the time between. */
export const differWithin = (
  a: readonly BusyInterval[],
  b: readonly BusyInterval[],
  window: { readonly start: Instant; readonly end: Instant },
): boolean => !sameIntervals(clip(a, window), clip(b, window));

const clip = (
  intervals: readonly BusyInterval[],
  { start, end }: { readonly start: Instant; readonly end: Instant },
): readonly BusyInterval[] =>
  canonicalIntervals(
    intervals.map((each) => ({
      ...each,
      start: each.start < start ? start : each.start,
      end: each.end > end ? end : each.end,
    })),
  );

/** The entries in a fixed order without repetition, free ones left out: equal calendars give equal lists. */
export function canonicalIntervals(intervals: readonly BusyInterval[]): readonly BusyInterval[] {
  const sorted = intervals
    .filter((interval) => interval.end > interval.start && interval.status !== "free")
    .sort((a, b) => byStart(a, b) || STRENGTH[a.status] - STRENGTH[b.status]);
  return sorted.filter((interval, index) => {
    const before = sorted[index - 1];
    return !before || byStart(before, interval) !== 0 || before.status !== interval.status;
  });
}
