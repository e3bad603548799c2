import { hours, type Instant } from "../../../src/lib/time.ts";
import { GatewayError, toGatewayError } from "../../../src/ports/errors.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { isEwsError } from "../ews-errors.ts";
import type { Delivery } from "../subscribe.ts";

/** How the server tells of changes. */
export type Way = Delivery["kind"];

/** The option `notifications`. */
export const NOTIFICATION_OPTIONS = ["auto", "streaming", "push", "pull"] as const;

/** Best first. A named way is the administrator's wish; pull needs nothing but requests, so it is always left. */
const ORDER: Readonly<Record<(typeof NOTIFICATION_OPTIONS)[number], readonly Way[]>> = {
  auto: ["streaming", "push", "pull"],
  streaming: ["streaming", "pull"],
  push: ["push", "pull"],
  pull: ["pull"],
};

// What failed is tried again after this; the reason may have been mended.
const TRY_AGAIN = hours(1);
// A proxy that cuts streams does it each time; a server that goes down does not come up for Subscribe in between so often.
const CUTS = 5;
// Once it has worked, silence may be an outage: only when it repeats itself is it the way.
const PROVEN_SILENCES = 3;

/** What the choice works with. */
export interface WayChoiceDeps {
  readonly host: string;
  readonly option: (typeof NOTIFICATION_OPTIONS)[number];
  readonly runtime: Pick<Runtime, "clock" | "log">;
  /** False once the server is known to be older than streaming. */
  readonly hasStreaming: () => boolean;
}

/**
 * Which way one server's notifications take. Falls back only on evidence that a way cannot work, never on an ordinary
 * outage, and goes up again when the way works again: one group tries, the others follow.
 */
export class WayChoice {
  readonly #deps: WayChoiceDeps;
  readonly #blockedAt = new Map<Way, Instant>();
  readonly #proven = new Set<Way>();
  /** Failures in a row, by way and group. */
  readonly #failures = new Map<string, number>();
  #trial: Way | undefined;

  constructor(deps: WayChoiceDeps) {
    this.#deps = deps;
  }

  /** The way to take now. */
  best(): Way {
    const trial = this.#trial;
    this.#trial = undefined;
    return this.#open.find((way) => way === trial || !this.#blockedAt.has(way)) ?? "pull";
  }

  /** True when the caller, who uses this way, should leave it for `best`. */
  claimBetter(way: Way): boolean {
    for (const better of this.#open.slice(0, Math.max(0, this.#open.indexOf(way)))) {
      const blockedAt = this.#blockedAt.get(better);
      if (blockedAt === undefined) return true;
      const now = this.#deps.runtime.clock.now();
      if (now - blockedAt < TRY_AGAIN && now >= blockedAt) continue;
      // One tries, for all: until that has come to something, the others stay.
      this.#blockedAt.set(better, now);
      this.#trial = better;
      return true;
    }
    return false;
  }

  /** The way works for the group. */
  worked(way: Way, group: string): void {
    this.#proven.add(way);
    this.#failures.delete(`${way} ${group}`);
    if (!this.#blockedAt.delete(way)) return;
    this.#deps.runtime.log.info("ews.notifications-went-up", { host: this.#deps.host, to: way });
  }

  /** A stream was cut, or a push subscription was not heard of, for the group; how many times over that counts. */
  failed(way: Way, group: string, times = 1): void {
    const key = `${way} ${group}`;
    this.#failures.set(key, (this.#failures.get(key) ?? 0) + times);
  }

  /** True when the error, or what failed before it, says that the way cannot work: then `best` is another one. */
  fallBack(way: Way, error: unknown, group: string): boolean {
    if (way === "pull" || !this.#isEvidence(way, error, group)) return false;
    this.#failures.delete(`${way} ${group}`);
    const isNews = !this.#blockedAt.has(way);
    this.#blockedAt.set(way, this.#deps.runtime.clock.now());
    const { code, message } = toGatewayError(error);
    const fields = { host: this.#deps.host, from: way, to: this.best(), code, message };
    if (isNews) this.#deps.runtime.log.warn("ews.notifications-fell-back", fields);
    return true;
  }

  get #open(): readonly Way[] {
    const order = ORDER[this.#deps.option];
    return this.#deps.hasStreaming() ? order : order.filter((way) => way !== "streaming");
  }

  #isEvidence(way: Way, error: unknown, group: string): boolean {
    if (isEwsError(error, "ews-streaming-not-offered", "ews-request-refused")) return true;
    const failures = this.#failures.get(`${way} ${group}`) ?? 0;
    if (way === "streaming") return failures >= CUTS;
    if (error instanceof GatewayError && error.code.startsWith("notification-")) return true;
    return failures >= (this.#proven.has(way) ? PROVEN_SILENCES : 1);
  }
}
