import { type Milliseconds, milliseconds } from "./time.ts";

/** How waiting grows from one failed attempt to the next. */
export interface BackoffPolicy {
  readonly first: Milliseconds;
  readonly longest: Milliseconds;
}

/**
 * The wait before the next try: doubles with each failure up to the longest, then "full jitter" over its upper half, so
 * that many clients that failed together do not come back together.
 *
 * @param failures failures so far, 1 for the first
 * @param random a number in [0, 1)
 */
export function backoffDelay(policy: BackoffPolicy, failures: number, random: number): Milliseconds {
  const doubled = policy.first * 2 ** Math.min(Math.max(failures - 1, 0), 30);
  const ceiling = Math.min(doubled, policy.longest);
  return milliseconds(Math.round(ceiling / 2 + (ceiling / 2) * random));
}
