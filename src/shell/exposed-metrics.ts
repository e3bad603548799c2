import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry as MetricsRegistry } from "prom-client";
import { METRICS, type MetricDefinition, type Metrics } from "../ports/metrics.ts";

/** Metrics that can be read. */
export interface ExposedMetrics extends Metrics {
  /** Forgets every gauge: whatever there is no more is not told of. */
  clearGauges(): void;
  /** All in the text format of Prometheus. */
  text(): Promise<string>;
}

const METRICS_WITHOUT_LABELS: ReadonlySet<string> = new Set(
  Object.entries<MetricDefinition>(METRICS).flatMap(([name, { labels }]) => (labels.length === 0 ? [name] : [])),
);

/** Gauges of prom-client that are named as counters; the same without `_total`, by type, are there too. */
const MISNAMED = ["nodejs_active_handles_total", "nodejs_active_requests_total", "nodejs_active_resources_total"];

/** How often the delay of the event loop is sampled, in milliseconds: each time wakes the process up. */
const EVENT_LOOP_PRECISION = 50;

/** Makes every metric once; no global registry. `withProcess`: also those of Node (`process_…`, `nodejs_…`). */
export function createMetrics({ withProcess = false }: { readonly withProcess?: boolean } = {}): ExposedMetrics {
  const registry = new MetricsRegistry();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  for (const [name, definition] of Object.entries<MetricDefinition>(METRICS)) {
    const options = { name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
    switch (definition.kind) {
      case "counter":
        counters.set(name, new Counter(options));
        break;
      case "gauge":
        gauges.set(name, new Gauge(options));
        break;
      case "histogram":
        histograms.set(name, new Histogram({ ...options, buckets: [...definition.buckets] }));
        break;
    }
  }
  if (withProcess) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION });
    for (const name of MISNAMED) registry.removeSingleMetric(name);
  }
  return {
    count: (name, labels = {}, by = 1) => counters.get(name)?.inc(labels, by),
    gauge: (name, value, labels = {}) => gauges.get(name)?.set(labels, value),
    observe: (name, value, labels = {}) => histograms.get(name)?.observe(labels, value),
    clearGauges: () => {
      for (const [name, gauge] of gauges) {
        gauge.reset();
        // Without labels a reset leaves 0, which is a value.
        if (METRICS_WITHOUT_LABELS.has(name)) gauge.remove();
      }
    },
    text: () => registry.metrics(),
  };
}
