import { randomBytes } from "node:crypto";
import pino from "pino";
import { type Instant, instant, type Milliseconds, seconds } from "../lib/time.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Clock, Log, LogFields, Runtime } from "../ports/runtime.ts";

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

/** Lines that could not be written wait up to this, in bytes; those that come then are dropped. */
const MOST_UNWRITTEN = 262_144;

/**
 * One line of JSON an event on standard output: `time`, `level`, `event`, and the event's fields. Whoever logs never fails
 * by it: the disk may be full, the terminal closed.
 */
export function createLog(level: (typeof LOG_LEVELS)[number]): Log {
  const output = pino.destination({ fd: 1, sync: true, maxLength: MOST_UNWRITTEN });
  output.on("error", () => undefined); // without a listener, each line would throw where it is logged
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const write =
    (severity: "debug" | "info" | "warn" | "error") =>
    (event: string, fields: LogFields = {}): void =>
      logger[severity](fields, event);
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** The real outside world. */
export const createRuntime = (log: Log, metrics: Metrics): Runtime => ({
  clock: createClock(),
  log,
  metrics,
  random: Math.random,
  uniqueId: () => randomBytes(16).toString("base64url"),
});
