import { setFlagsFromString } from "node:v8";

/** With more users than this their data is most of the heap, and it lives for days. */
const MANY_USERS = 30_000;

/** In per cent of what lives. By default V8 takes several times of that, which for many users would be a gigabyte. */
const GROWTH = { few: 100, many: 25, unknown: 40 };

/**
 * Tells V8 to begin all objects young. It puts what often outlives a collection into the old space from the start; of what
 * is under way in a burst that is half, and each such object, dead or not, keeps alive whatever it refers to until the
 * old space is collected: that made three of four publications by SIP garbage of the expensive kind.
 */
export function beginYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/** Tells V8 how far the heap may grow before it is searched for garbage; looking often costs time, looking rarely memory. */
export function limitHeapGrowth(users: number | "unknown"): void {
  const growth = users === "unknown" ? GROWTH.unknown : users > MANY_USERS ? GROWTH.many : GROWTH.few;
  setFlagsFromString(`--heap-growing-percent=${growth}`);
}
