import type { Instant, Milliseconds } from "../lib/time.ts";

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

/** Counters and gauges, by documented name. */
export interface Metrics {
  count(name: MetricName, labels?: Readonly<Record<string, string>>, by?: number): void;
  gauge(name: MetricName, value: number, labels?: Readonly<Record<string, string>>): void;
}

/** Every metric of the gateway; docs/OPERATIONS.md explains each. */
export type MetricName =
  | "presence_gateway_compositions_total"
  | "presence_gateway_publications_total"
  | "presence_gateway_publication_failures_total"
  | "presence_gateway_outbox_depth"
  | "presence_gateway_calendar_fetches_total"
  | "presence_gateway_calendar_failures_total"
  | "presence_gateway_refresh_queue_depth"
  | "presence_gateway_forged_claims_total"
  | "presence_gateway_presentities";

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
