import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import {
  formatLength,
  type Instant,
  instant,
  later,
  milliseconds,
  minutes,
  plus,
  seconds,
} from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { after } from "./deadline.ts";
import { ewsError } from "./ews-errors.ts";

/** How many requests may run at once, as learnt from the server. */
export interface Allowance {
  /** At least 1; not a whole number while it grows. */
  readonly limit: number;
  /** No request starts before. */
  readonly pausedUntil: Instant;
  /** When the limit was last cut: what began earlier teaches nothing new. */
  readonly cutAt: Instant;
  /** Refusals in a row. */
  readonly refusals: number;
}

// EWSMaxConcurrency of Exchange 2010, the lowest of all default policies.
const FIRST_LIMIT = 10;
// The server does not always say how long (BackOffMilliseconds 0 or absent).
const UNKNOWN_BACK_OFF: BackoffPolicy = { first: seconds(1), longest: minutes(1) };
// A request that would have to wait longer is given back to the caller, who can plan better.
const LONGEST_WAIT = seconds(5);

/** The allowance before anything is known. */
export const FIRST_ALLOWANCE: Allowance = {
  limit: FIRST_LIMIT,
  pausedUntil: instant(0),
  cutAt: instant(Number.NEGATIVE_INFINITY),
  refusals: 0,
};

/** After a success the limit grows by one for every full round of requests, up to the ceiling. */
export const afterSuccess = (allowance: Allowance, ceiling: number): Allowance => ({
  ...allowance,
  limit: Math.max(1, Math.min(allowance.limit + 1 / allowance.limit, ceiling)),
  refusals: 0,
});

/** What is known of a refusal. */
export interface Refusal {
  readonly startedAt: Instant;
  readonly now: Instant;
  /** Milliseconds the server asked for, when it said. */
  readonly retryAfter: number | undefined;
  /** In [0, 1), for jitter. */
  readonly random: number;
}

/** After "server busy" the limit is halved once per round, and nothing is sent until the server's time is over. */
export function afterRefusal(allowance: Allowance, { startedAt, now, retryAfter, random }: Refusal): Allowance {
  const isNews = startedAt > allowance.cutAt;
  const refusals = allowance.refusals + (isNews ? 1 : 0);
  const own = isNews ? backoffDelay(UNKNOWN_BACK_OFF, refusals, random) : 0;
  return {
    limit: isNews ? Math.max(1, Math.floor(allowance.limit / 2)) : allowance.limit,
    pausedUntil: later(allowance.pausedUntil, plus(now, retryAfter ?? own)),
    cutAt: isNews ? now : allowance.cutAt,
    refusals,
  };
}

/** `reading` requests have an impatient caller and go first; `watching` ones wait as long as it takes. */
export type Urgency = "reading" | "watching";

/** What the limiter needs from outside; the numbers are asked each time. */
export interface LimiterOptions {
  readonly host: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly ceiling: () => number;
  readonly longestQueue: () => number;
  /** True for an error by which the server asks for fewer requests. */
  readonly isRefusal: (error: unknown) => error is GatewayError;
}

interface Waiter {
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lets requests to one server run, few at a time and never while the server has asked to wait. */
export class RequestLimiter {
  readonly #options: LimiterOptions;
  readonly #waiting: Readonly<Record<Urgency, Set<Waiter>>> = { reading: new Set(), watching: new Set() };
  #allowance = FIRST_ALLOWANCE;
  #running = 0;
  #cancelWake: (() => void) | undefined;

  constructor(options: LimiterOptions) {
    this.#options = options;
  }

  /** How many requests run, how many wait, and the present limit. */
  get load(): { readonly running: number; readonly waiting: number; readonly limit: number } {
    const { reading, watching } = this.#waiting;
    return { running: this.#running, waiting: reading.size + watching.size, limit: this.#limit };
  }

  /** The rest of the pause that the server asked for, in milliseconds; 0 when there is none. */
  get pause(): number {
    return Math.max(0, this.#allowance.pausedUntil - this.#options.clock.now());
  }

  /** Runs the task when its turn comes. Rejects with the signal's reason while waiting, or as the task does. */
  async run<Result>(task: () => Promise<Result>, urgency: Urgency, signal: AbortSignal): Promise<Result> {
    await this.#turn(urgency, signal);
    const startedAt = this.#options.clock.now();
    try {
      const result = await task();
      this.#allowance = afterSuccess(this.#allowance, this.#options.ceiling());
      return result;
    } catch (error) {
      if (this.#options.isRefusal(error)) this.#refused(startedAt, error.retryAfter);
      throw error;
    } finally {
      this.#running -= 1;
      this.#startNext();
    }
  }

  /** Rejects all that wait. */
  close(reason: GatewayError): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    for (const urgency of ["reading", "watching"] as const) this.#rejectAll(urgency, reason);
  }

  get #limit(): number {
    return Math.max(1, Math.floor(Math.min(this.#allowance.limit, this.#options.ceiling())));
  }

  #turn(urgency: Urgency, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const queue = this.#waiting[urgency];
    if (urgency === "reading") this.#refuseImpatient(queue.size);
    return new Promise((resolve, reject) => {
      const abort = (): void => waiter.reject(signal.reason);
      const leave = (): void => {
        queue.delete(waiter);
        signal.removeEventListener("abort", abort);
      };
      const waiter: Waiter = {
        start: () => {
          leave();
          this.#running += 1;
          resolve();
        },
        reject: (error) => {
          leave();
          reject(error);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      queue.add(waiter);
      this.#startNext();
    });
  }

  #refuseImpatient(waiting: number): void {
    if (this.pause > LONGEST_WAIT) throw this.#pauseError();
    const longest = this.#options.longestQueue();
    if (waiting >= longest) throw ewsError("ews-queue-full", `${this.#options.host}: ${longest} requests are waiting`);
  }

  #pauseError(): GatewayError {
    const retryAfter = this.pause;
    const text = `${this.#options.host}: the server asked to wait another ${formatLength(retryAfter)}`;
    return ewsError("ews-throttled", text, { retryAfter });
  }

  #refused(startedAt: Instant, retryAfter: number | undefined): void {
    const { clock, random } = this.#options;
    this.#allowance = afterRefusal(this.#allowance, { startedAt, now: clock.now(), retryAfter, random: random() });
    this.#cancelWake?.();
    // The pause ends by a timer, not by the time of day, which may be set back.
    this.#cancelWake = after(clock, milliseconds(this.pause), () => this.#endPause());
    if (this.pause > LONGEST_WAIT) this.#rejectAll("reading", this.#pauseError());
  }

  #endPause(): void {
    this.#cancelWake = undefined;
    this.#allowance = { ...this.#allowance, pausedUntil: FIRST_ALLOWANCE.pausedUntil };
    this.#startNext();
  }

  #rejectAll(urgency: Urgency, error: GatewayError): void {
    for (const waiter of this.#waiting[urgency]) waiter.reject(error);
  }

  #startNext(): void {
    const { reading, watching } = this.#waiting;
    while (this.#running < this.#limit && this.#cancelWake === undefined) {
      const next = first(reading) ?? first(watching);
      if (!next) return;
      next.start();
    }
  }
}

const first = <Value>(set: ReadonlySet<Value>): Value | undefined => set.values().next().value;
