import { randomBytes } from "node:crypto";
import pino from "pino";
import { Counter, Gauge, Registry as MetricsRegistry } from "prom-client";
import { type Instant, instant, type Milliseconds, seconds } from "../lib/time.ts";
import type { Clock, Log, LogFields, MetricName, Metrics, Runtime } from "../ports/runtime.ts";

/** Timers run on the machine's monotonic clock: looking again this often makes a stepped wall clock harmless. */
const LONGEST_SLEEP = seconds(1);

/** The clock of the machine: the only place that reads it. */
export function createClock(): Clock {
  const now = (): Instant => instant(Date.now());
  const at: Clock["at"] = (when, callback) => {
    let timer: NodeJS.Timeout | undefined;
    const look = (): void => {
      const rest = when - now();
      if (rest <= 0 && timer) callback();
      else timer = setTimeout(look, Math.min(Math.max(rest, 0), LONGEST_SLEEP));
    };
    look();
    return () => clearTimeout(timer);
  };
  return { now, at, sleep };
}

function sleep(length: Milliseconds, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, length);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** How much is logged. */
export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

/** One line of JSON an event on standard output: `time`, `level`, `event`, and the event's fields. */
export function createLog(level: (typeof LOG_LEVELS)[number]): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: 1, sync: true }),
  );
  const write =
    (severity: "debug" | "info" | "warn" | "error") =>
    (event: string, fields: LogFields = {}): void =>
      logger[severity](fields, event);
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** Every metric with its help text; docs/OPERATIONS.md explains how to read them. */
const METRICS: Readonly<Record<MetricName, { readonly help: string; readonly labels: readonly string[] }>> = {
  presence_gateway_compositions_total: { help: "Presence documents that changed", labels: [] },
  presence_gateway_publications_total: { help: "Publications that a server confirmed", labels: ["publisher"] },
  presence_gateway_publication_failures_total: { help: "Publications that failed", labels: ["publisher", "code"] },
  presence_gateway_outbox_depth: { help: "Publications due or waiting for a retry", labels: ["publisher"] },
  presence_gateway_calendar_fetches_total: { help: "Requests for calendar data", labels: ["gateway"] },
  presence_gateway_calendar_failures_total: { help: "Requests or mailboxes that failed", labels: ["gateway", "code"] },
  presence_gateway_refresh_queue_depth: { help: "Mailboxes known to have changed and not read yet", labels: [] },
  presence_gateway_forged_claims_total: { help: "Claims of a meeting made by clients", labels: ["carrier"] },
  presence_gateway_presentities: { help: "Presentities known", labels: [] },
};

/** Metrics in the text format of Prometheus. */
export interface ExposedMetrics extends Metrics {
  text(): Promise<string>;
}

/** Makes every metric once; no global registry. */
export function createMetrics(): ExposedMetrics {
  const registry = new MetricsRegistry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  for (const [name, { help, labels }] of Object.entries(METRICS)) {
    const options = { name, help, labelNames: [...labels], registers: [registry] };
    if (name.endsWith("_total")) counters.set(name, new Counter(options));
    else gauges.set(name, new Gauge(options));
  }
  return {
    count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
    gauge: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    text: () => registry.metrics(),
  };
}

/** The real outside world. */
export const createRuntime = (log: Log, metrics: Metrics): Runtime => ({
  clock: createClock(),
  log,
  metrics,
  random: Math.random,
  uniqueId: () => randomBytes(16).toString("base64url"),
});
