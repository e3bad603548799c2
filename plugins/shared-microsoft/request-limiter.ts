import { formatLength, type Instant, instant, later, milliseconds, plus, seconds } from "../../src/lib/time.ts";
import { after } from "../../src/ports/after.ts";
import type { RequestLoad } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { type Allowance, afterOutage, afterRefusal, afterSuccess, firstAllowance } from "./request-allowance.ts";

// A request that would have to wait longer is given back to the caller, who can plan better.
const LONGEST_WAIT = seconds(5);

// How often what does not stand in the queue looks whether a pause is over.
const LOOK_AGAIN = seconds(1);

/** `reading` requests have an impatient caller and go first; `watching` ones wait as long as it takes. */
export type Urgency = "reading" | "watching";

/** What the limiter needs from outside; the numbers are asked each time. */
export interface LimiterOptions {
  readonly host: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly ceiling: () => number;
  readonly longestQueue: () => number;
  /** Requests at once before anything is known of the server. */
  readonly first: number;
  /** True: a server that refuses again and again is left alone for longer than it asks. */
  readonly isGrowing?: boolean;
  /** Makes the error for a request that would be one too many in the queue. */
  readonly queueFull: (text: string) => GatewayError;
  /** Makes the error for a request that would have to wait too long; `retryAfter` in milliseconds. */
  readonly paused: (text: string, retryAfter: number) => GatewayError;
  /** True for an error by which the server asks for fewer requests. */
  readonly isRefusal: (error: unknown) => error is GatewayError;
  /** True for an error by which the server seems to be away. */
  readonly isOutage: (error: unknown) => boolean;
}

/** When a request began, and how many ran then, itself included. */
interface Beginning {
  readonly startedAt: Instant;
  readonly level: number;
}

interface Waiter {
  readonly start: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lets requests to one server run, few at a time and never while the server has asked to wait. */
export class RequestLimiter {
  readonly #options: LimiterOptions;
  readonly #waiting: Readonly<Record<Urgency, Set<Waiter>>> = { reading: new Set(), watching: new Set() };
  #allowance: Allowance;
  #running = 0;
  #cancelWake: (() => void) | undefined;

  constructor(options: LimiterOptions) {
    this.#options = options;
    this.#allowance = firstAllowance(options.first);
  }

  /** How many requests run, how many wait, the present limit and the rest of a pause. */
  get load(): RequestLoad {
    const { reading, watching } = this.#waiting;
    const waiting = reading.size + watching.size;
    return { running: this.#running, waiting, limit: this.#limit, pause: milliseconds(this.pause) };
  }

  /** The rest of the pause that the server asked for, in milliseconds; 0 when there is none. */
  get pause(): number {
    return Math.max(0, this.#allowance.pausedUntil - this.#options.clock.now());
  }

  /** Runs the task when its turn comes. Rejects with the signal's reason while waiting, or as the task does. */
  async run<Result>(task: () => Promise<Result>, urgency: Urgency, signal: AbortSignal): Promise<Result> {
    const level = await this.#turn(urgency, signal);
    const { clock, ceiling, isRefusal } = this.#options;
    const startedAt = clock.now();
    try {
      const result = await task();
      this.#allowance = afterSuccess(this.#allowance, { level, now: clock.now(), ceiling: ceiling() });
      return result;
    } catch (error) {
      if (isRefusal(error)) this.#refused({ startedAt, level }, error.retryAfter);
      else this.noteFailure(error);
      throw error;
    } finally {
      this.#running -= 1;
      this.#startNext();
    }
  }

  /**
   * Notes the failure of a request that ran beside: a server that was away is met again with few requests at a time, for
   * it may have just started; and a pause that it asks for holds for all.
   */
  noteFailure(error: unknown): void {
    const { clock, isOutage, isRefusal } = this.#options;
    if (isOutage(error)) this.#allowance = afterOutage(this.#allowance);
    if (!isRefusal(error) || error.retryAfter === undefined) return;
    const pausedUntil = later(this.#allowance.pausedUntil, plus(clock.now(), error.retryAfter));
    this.#allowance = { ...this.#allowance, pausedUntil };
    this.#armPause();
  }

  /** Resolves when no pause is on; rejects with the signal's reason. */
  async untilPauseIsOver(signal: AbortSignal): Promise<void> {
    while (this.#cancelWake !== undefined) await this.#options.clock.sleep(LOOK_AGAIN, signal);
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

  /** Resolves, when the request may begin, with how many run then. */
  #turn(urgency: Urgency, signal: AbortSignal): Promise<number> {
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
          resolve(this.#running);
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
    if (waiting >= longest) throw this.#options.queueFull(`${this.#options.host}: ${longest} requests are waiting`);
  }

  #pauseError(): GatewayError {
    const retryAfter = this.pause;
    const text = `${this.#options.host}: the server asked to wait another ${formatLength(retryAfter)}`;
    return this.#options.paused(text, retryAfter);
  }

  #refused(beginning: Beginning, retryAfter: number | undefined): void {
    const { clock, random, isGrowing = false } = this.#options;
    const refusal = { ...beginning, now: clock.now(), retryAfter, random: random(), isGrowing };
    this.#allowance = afterRefusal(this.#allowance, refusal);
    this.#armPause();
  }

  #armPause(): void {
    const { clock } = this.#options;
    this.#cancelWake?.();
    // The pause ends by a timer, not by the time of day, which may be set back.
    this.#cancelWake = after(clock, milliseconds(this.pause), () => this.#endPause());
    if (this.pause > LONGEST_WAIT) this.#rejectAll("reading", this.#pauseError());
  }

  #endPause(): void {
    this.#cancelWake = undefined;
    this.#allowance = { ...this.#allowance, pausedUntil: instant(0) };
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
