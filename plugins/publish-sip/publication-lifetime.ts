import type { PresenceDocument } from "../../src/core/presence.ts";
import { hours, type Instant, type Milliseconds, milliseconds, minutes, plus, seconds } from "../../src/lib/time.ts";

/** Between which lengths publications are asked to be kept. */
export interface LifetimeLimits {
  readonly expires: Milliseconds;
  /** What the server insists on at least (423). */
  readonly shortest: Milliseconds;
}

/** The least that is asked for, until the server insists on more. */
export const SHORTEST_LIFETIME: Milliseconds = minutes(1);
/** A server that insists on more makes a mistake: what nobody refreshes must end within a day. */
export const LONGEST_EXPIRES: Milliseconds = hours(24);
/** The gateway ends a state on time; where there is no gateway any more, the server does so much later. */
const GRACE = minutes(1);
/** However short a publication is granted, it is not refreshed in a tight loop. */
const SHORTEST_REFRESH = seconds(5);

/** How long the server is asked to keep the document: of a state that ends not much longer than that, whoever is to end it. */
export function lifetimeOf(
  { until }: Pick<PresenceDocument, "until">,
  { expires, shortest }: LifetimeLimits,
  now: Instant,
): Milliseconds {
  if (until === undefined) return expires;
  const left = Math.ceil((until - now + GRACE) / 1000) * 1000;
  return milliseconds(Math.min(expires, Math.max(shortest, left)));
}

/** The limits after the server has insisted on at least so much. */
export const insistedOn = ({ expires }: LifetimeLimits, shortest: Milliseconds): LifetimeLimits => ({
  shortest,
  expires: milliseconds(Math.max(expires, shortest)),
});

/** When to refresh what was granted, at 50 to 90 % of it; undefined: never, for the state ends before. */
export function refreshTime(
  granted: { readonly at: Instant; readonly expiresAt: Instant },
  { until }: Pick<PresenceDocument, "until">,
  random: number,
): Instant | undefined {
  if (until !== undefined && until <= granted.expiresAt) return undefined;
  const share = (granted.expiresAt - granted.at) * (0.5 + 0.4 * random);
  return plus(granted.at, Math.max(SHORTEST_REFRESH, Math.round(share)));
}
