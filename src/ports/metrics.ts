/** What a metric is to Prometheus; buckets are upper bounds in the metric's unit. */
export type MetricDefinition =
  | { readonly kind: "counter" | "gauge"; readonly help: string; readonly labels: readonly string[] }
  | {
      readonly kind: "histogram";
      readonly help: string;
      readonly labels: readonly string[];
      readonly buckets: readonly number[];
    };

const counter = (help: string, ...labels: readonly string[]) => ({ kind: "counter", help, labels }) as const;
const gauge = (help: string, ...labels: readonly string[]) => ({ kind: "gauge", help, labels }) as const;

/** Every metric of the gateway; a test compares docs/OPERATIONS.md. No label ever names a person. */
export const METRICS = {
  presence_gateway_ready: gauge("1 when the gateway can do its work, as /readyz says"),
  presence_gateway_part_up: gauge("1 when a part works, 0 when it is in trouble or starting", "part"),
  presence_gateway_presentities: gauge("Presentities known"),
  presence_gateway_users: gauge("Users that are enabled"),
  presence_gateway_in_meeting: gauge("Users shown in a meeting"),
  presence_gateway_compositions_total: counter("Presence documents that changed"),
  presence_gateway_edge_lateness_seconds: {
    kind: "histogram",
    help: "How long after the known start or end of a meeting the document changed",
    labels: [],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60],
  },
  presence_gateway_publication_seconds: {
    kind: "histogram",
    help: "From the change of a document to the server's confirmation, retries and calendar-spread included",
    labels: ["publisher"],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 3600],
  },
  presence_gateway_publications_total: counter("Publications that a server confirmed", "publisher"),
  presence_gateway_publication_failures_total: counter("Publications that failed", "publisher", "code"),
  presence_gateway_outbox_depth: gauge("Publications due or waiting for a retry", "publisher"),
  presence_gateway_outbox_failing: gauge("Publications that failed and wait for a retry", "publisher"),
  presence_gateway_outbox_age_seconds: gauge("Age of the oldest publication that is due or waiting", "publisher"),
  presence_gateway_calendar_fetches_total: counter("Requests for calendar data", "gateway"),
  presence_gateway_calendar_failures_total: counter("Requests or mailboxes that failed", "gateway", "code"),
  presence_gateway_calendar_age_seconds: gauge(
    "Time since calendars were read: median, 95th percentile, longest",
    "gateway",
    "percentile",
  ),
  presence_gateway_calendars_unknown: gauge("Users whose calendar was never read, or not for too long", "gateway"),
  presence_gateway_refresh_queue_depth: gauge("Mailboxes known to have changed and not read yet"),
  presence_gateway_requests_running: gauge("Requests that run at a calendar server", "gateway"),
  presence_gateway_requests_waiting: gauge("Requests that wait for their turn", "gateway"),
  presence_gateway_requests_limit: gauge(
    "Requests that may run at once, as learnt from the server's throttling",
    "gateway",
  ),
  presence_gateway_throttled_seconds: gauge("Rest of the pause that the server asked for", "gateway"),
  presence_gateway_directory_age_seconds: gauge("Time since a directory was last synchronised", "directory"),
  presence_gateway_directory_people: gauge("People of a directory at its last synchronisation", "directory"),
  presence_gateway_directory_held: gauge("Removals that wait for an administrator's word", "directory"),
  presence_gateway_imports: gauge("Lists of users, by state: read, scheduled, applied", "state"),
  presence_gateway_import_age_seconds: gauge("Time since a list of users was last applied"),
  presence_gateway_certificate_expires_seconds: gauge(
    "Time until the first certificate ends that a server showed",
    "host",
  ),
  presence_gateway_forged_claims_total: counter("Claims of a meeting made by clients", "carrier"),
} as const satisfies Readonly<Record<string, MetricDefinition>>;

type NamesOf<Kind extends MetricDefinition["kind"]> = {
  [Name in keyof typeof METRICS]: (typeof METRICS)[Name]["kind"] extends Kind ? Name : never;
}[keyof typeof METRICS];

/** A metric's labels. */
export type MetricLabels = Readonly<Record<string, string>>;

/** Counters, gauges and histograms, by documented name. */
export interface Metrics {
  count(name: NamesOf<"counter">, labels?: MetricLabels, by?: number): void;
  gauge(name: NamesOf<"gauge">, value: number, labels?: MetricLabels): void;
  /** Notes one value of a histogram, in the metric's unit. */
  observe(name: NamesOf<"histogram">, value: number, labels?: MetricLabels): void;
}
