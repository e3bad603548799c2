import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import {
  hours,
  type Instant,
  instant,
  later,
  type Milliseconds,
  milliseconds,
  minutes,
  plus,
  seconds,
} from "../../src/lib/time.ts";

/** A number of requests at once that the server refused. */
interface Wall {
  /** With so many it refused; one less is as far as it is gone. */
  readonly level: number;
  /** Then it is tried again, for the server may have been busy with others. */
  readonly until: Instant;
  /** How long it is left alone this time. */
  readonly patience: Milliseconds;
  /** Requests that went well while it was tried. */
  readonly passed: number;
}

/** How many requests may run at once, as learnt from the server. */
export interface Allowance {
  /** How many ran at once before anything was known. */
  readonly first: number;
  /** At least 1; not a whole number while it grows. */
  readonly limit: number;
  /** Undefined when nothing was refused, or when what was refused has been found possible since. */
  readonly wall: Wall | undefined;
  /** No request starts before. */
  readonly pausedUntil: Instant;
  /** When the limit was last cut: what began earlier teaches nothing new. */
  readonly cutAt: Instant;
  /** Refusals in a row. */
  readonly refusals: number;
}

// The server does not always say how long (BackOffMilliseconds 0 or absent).
const UNKNOWN_BACK_OFF: BackoffPolicy = { first: seconds(1), longest: minutes(1) };
// A level that was refused is tried again after this time, each time in vain after twice as long.
const PATIENCE = { first: minutes(1), longest: hours(24) };

/** The allowance before anything is known. */
export const firstAllowance = (first: number): Allowance => ({
  first,
  limit: first,
  wall: undefined,
  pausedUntil: instant(0),
  cutAt: instant(Number.NEGATIVE_INFINITY),
  refusals: 0,
});

/** What is known of an answered request. */
export interface Success {
  /** How many ran when it began, itself included. */
  readonly level: number;
  readonly now: Instant;
  readonly ceiling: number;
}

/**
 * After a success the limit grows by one for every full round of requests, up to the ceiling and to just below what was
 * refused. A limit that is not used does not grow: nothing is known of it.
 */
export function afterSuccess(allowance: Allowance, success: Success): Allowance {
  const { level, now, ceiling } = success;
  const wall = allowance.wall && wallAfterSuccess(allowance.wall, success);
  const grown = level >= Math.floor(allowance.limit) ? allowance.limit + 1 / allowance.limit : allowance.limit;
  const limit = Math.max(1, Math.min(grown, ceiling, highest(wall, now)));
  return { ...allowance, limit, wall, refusals: 0 };
}

// A level that holds for two rounds is no wall any more.
const ROUNDS = 2;

function wallAfterSuccess(wall: Wall, { level, now }: Success): Wall | undefined {
  if (level < wall.level || !isTried(wall, now)) return wall;
  const passed = wall.passed + 1;
  return passed >= ROUNDS * level ? undefined : { ...wall, passed };
}

const highest = (wall: Wall | undefined, now: Instant): number => {
  if (wall === undefined) return Number.POSITIVE_INFINITY;
  return isTried(wall, now) ? wall.level : wall.level - 1;
};

/** True when it is time to try the level again, or when the clock was set back. */
const isTried = ({ until, patience }: Wall, now: Instant): boolean => now >= until || now < plus(until, -patience);

/** What is known of a refusal. */
export interface Refusal {
  /** How many ran when the request began, itself included. */
  readonly level: number;
  readonly startedAt: Instant;
  readonly now: Instant;
  /** Milliseconds the server asked for, when it said. */
  readonly retryAfter: number | undefined;
  /** True: what the server asks for is not enough when it refuses again and again. */
  readonly isGrowing?: boolean;
  /** In [0, 1), for jitter. */
  readonly random: number;
}

/**
 * After "server busy" the limit is halved once per round, and below what was refused in any case; nothing is sent until
 * the server's time is over.
 */
export function afterRefusal(allowance: Allowance, refusal: Refusal): Allowance {
  const { startedAt, now, retryAfter, random, isGrowing = false } = refusal;
  const isNews = startedAt > allowance.cutAt;
  const refusals = allowance.refusals + (isNews ? 1 : 0);
  const own = isNews ? backoffDelay(UNKNOWN_BACK_OFF, refusals, random) : 0;
  const wall = isNews
    ? newWall(allowance.wall, refusal)
    : lowered(allowance.wall ?? newWall(undefined, refusal), refusal);
  const halved = isNews ? Math.floor(allowance.limit / 2) : allowance.limit;
  return {
    first: allowance.first,
    limit: Math.max(1, Math.min(halved, wall.level - 1)),
    wall,
    pausedUntil: later(
      allowance.pausedUntil,
      plus(now, isGrowing ? Math.max(retryAfter ?? 0, own) : (retryAfter ?? own)),
    ),
    cutAt: isNews ? now : allowance.cutAt,
    refusals,
  };
}

function newWall(before: Wall | undefined, { level, now }: Refusal): Wall {
  const isInVain = before !== undefined && level >= before.level;
  const patience = isInVain ? milliseconds(Math.min(before.patience * 2, PATIENCE.longest)) : PATIENCE.first;
  return { level, until: plus(now, patience), patience, passed: 0 };
}

/** The lowest refused level of a round says most. */
const lowered = (wall: Wall, { level }: Refusal): Wall => ({ ...wall, level: Math.min(wall.level, level) });

/** The server was away: it is met again as one that is not known, for it may have just started. */
export const afterOutage = (allowance: Allowance): Allowance => ({
  ...allowance,
  limit: Math.min(allowance.limit, allowance.first),
});
