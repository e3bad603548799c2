import type { Instant, Milliseconds } from "../lib/time.ts";
import type { Metrics } from "./metrics.ts";

/** The clock and the timers; tests pass a fake one. */
export interface Clock {
  now(): Instant;
  /** Calls back once at or soon after `at`, never before; the returned function cancels. Survives clock steps. */
  at(at: Instant, callback: () => void): () => void;
  /** Resolves after `length`; rejects with the signal's reason when it aborts first. */
  sleep(length: Milliseconds, signal: AbortSignal): Promise<void>;
}

/** Values of a log event; never subjects, notes, passwords or tokens. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** A log of events: `area.what-happened`, details as fields. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** What every part gets from outside itself: nothing else reads a clock, a random number or the console. */
export interface Runtime {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A number in [0, 1), for jitter. */
  random(): number;
  /** A fresh identifier that cannot be guessed. */
  uniqueId(): string;
}
