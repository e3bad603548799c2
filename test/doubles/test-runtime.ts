import { instant } from "../../src/lib/time.ts";
import type { MetricLabels } from "../../src/ports/metrics.ts";
import type { LogFields, Runtime } from "../../src/ports/runtime.ts";
import { FakeClock } from "./fake-clock.ts";

/** One event as it was logged. */
export interface LoggedEvent {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: LogFields;
}

/** A runtime under the test's control: fake clock, recorded log and metrics, repeatable randomness. */
export interface TestRuntime extends Runtime {
  readonly clock: FakeClock;
  readonly events: LoggedEvent[];
  readonly counters: Map<string, number>;
  /** Values of histograms by name. */
  readonly observed: Map<string, { readonly value: number; readonly labels: MetricLabels }[]>;
}

/** 2026-11-23T09:00:00Z, a Monday. */
export const MONDAY_MORNING = instant(1_795_424_400_000);

/** Makes a runtime for a test. */
export function createTestRuntime(now = MONDAY_MORNING): TestRuntime {
  const events: LoggedEvent[] = [];
  const counters = new Map<string, number>();
  const observed: TestRuntime["observed"] = new Map();
  let id = 0;
  let seed = 42;
  const record =
    (level: LoggedEvent["level"]) =>
    (event: string, fields: LogFields = {}): void => {
      events.push({ level, event, fields });
    };
  return {
    clock: new FakeClock(now),
    log: { debug: record("debug"), info: record("info"), warn: record("warn"), error: record("error") },
    metrics: {
      count: (name, labels = {}, by = 1) => {
        const key = `${name}${JSON.stringify(labels)}`;
        counters.set(key, (counters.get(key) ?? 0) + by);
      },
      observe: (name, value, labels = {}) => {
        const values = observed.get(name) ?? [];
        observed.set(name, values);
        values.push({ value, labels });
      },
      gauge: (name, value, labels = {}) => counters.set(`${name}${JSON.stringify(labels)}`, value),
    },
    random: () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed / 2_147_483_648;
    },
    uniqueId: () => `id-${++id}`,
    events,
    counters,
    observed,
  };
}
