import { isInUse } from "../admin/certificates/expiry-warnings.ts";
import { namePart } from "../admin/describe-health.ts";
import type { LiveGateway } from "../admin/live-gateway.ts";
import type { DirectorySync } from "../engine/directories/directory-sync.ts";
import type { Gateway } from "../engine/gateway.ts";
import { type Measures, measurePresentities } from "../engine/measure-presentities.ts";
import { policyFromParameters } from "../engine/policy-from-parameters.ts";
import { earlier, type Instant, later, plus } from "../lib/time.ts";
import type { Metrics } from "../ports/metrics.ts";
import type { Parameters } from "../ports/parameters.ts";
import type { Clock } from "../ports/runtime.ts";
import type { SeenCertificate, TrustStore } from "../ports/trust-store.ts";
import type { UserImport, UserImports } from "../ports/user-imports.ts";
import type { Readiness } from "./describe-readiness.ts";

/** What is measured. */
export interface GaugedGateway {
  readonly gateway: Pick<Gateway, "presentities" | "publishers" | "calendarServers">;
  readonly live: Pick<LiveGateway, "parts">;
  readonly readiness: () => Readiness;
  readonly clock: Pick<Clock, "now">;
  readonly parameters: Parameters;
  readonly directories: readonly Pick<DirectorySync, "settings" | "outcome">[];
  readonly imports: Pick<UserImports, "list">;
  readonly trust: Pick<TrustStore, "listSeen">;
}

type Gauges = Pick<Metrics, "gauge">;

/** What has to be read of the store. */
interface StoredFacts {
  readonly imports: readonly UserImport[];
  readonly seen: readonly SeenCertificate[];
}

/**
 * Resolves with the function that sets every gauge to what is true now, in one step: others may be asking meanwhile. A
 * store that cannot be read leaves out what stands in it alone.
 */
export async function readGauges(deps: GaugedGateway): Promise<(metrics: Gauges) => void> {
  const [imports, seen] = await Promise.all([
    deps.imports.list().catch(() => []),
    deps.trust.listSeen().catch(() => []),
  ]);
  return (metrics) => gaugeGateway(deps, { imports, seen }, metrics);
}

function gaugeGateway(deps: GaugedGateway, { imports, seen }: StoredFacts, metrics: Gauges): void {
  const { gateway, clock, parameters } = deps;
  const now = clock.now();
  metrics.gauge("presence_gateway_ready", Number(deps.readiness().ready));
  for (const part of deps.live.parts())
    metrics.gauge("presence_gateway_part_up", Number(part.health.state === "ok"), { part: namePart(part) });
  const staleBefore = plus(now, -policyFromParameters(parameters, new Set()).staleAfter);
  const measures = measurePresentities(gateway.presentities, staleBefore);
  metrics.gauge("presence_gateway_presentities", gateway.presentities.size);
  metrics.gauge("presence_gateway_users", measures.users);
  metrics.gauge("presence_gateway_in_meeting", measures.inMeeting);
  gaugeOutboxes(deps, measures, metrics);
  gaugeCalendars(measures, now, metrics);
  gaugeRequests(deps, metrics);
  gaugeDirectories(deps, metrics);
  gaugeImports(imports, now, metrics);
  gaugeCertificates(seen, now, metrics);
}

/** Seconds from one to the other; a clock that was set back makes nothing negative. */
const secondsBetween = (from: Instant, to: Instant): number => Math.max(0, to - from) / 1000;

function gaugeOutboxes({ gateway, clock }: GaugedGateway, { outboxes }: Measures, metrics: Gauges): void {
  for (const { name, depth } of gateway.publishers) {
    const outbox = outboxes.get(name);
    const labels = { publisher: name };
    metrics.gauge("presence_gateway_outbox_depth", depth, labels);
    metrics.gauge("presence_gateway_outbox_failing", outbox?.failing ?? 0, labels);
    const age = outbox ? secondsBetween(outbox.oldest, clock.now()) : 0;
    metrics.gauge("presence_gateway_outbox_age_seconds", age, labels);
  }
}

function gaugeCalendars({ calendars }: Measures, now: Instant, metrics: Gauges): void {
  for (const [gateway, { heardAt, unknown }] of calendars) {
    metrics.gauge("presence_gateway_calendars_unknown", unknown, { gateway });
    const ages = Float64Array.from(heardAt, (at) => secondsBetween(at, now)).sort();
    // Prometheus keeps the label "quantile" for summaries.
    for (const percentile of [50, 95, 100]) {
      const age = ages[Math.max(0, Math.ceil((percentile / 100) * ages.length) - 1)];
      if (age === undefined) continue;
      metrics.gauge("presence_gateway_calendar_age_seconds", age, { gateway, percentile: String(percentile) });
    }
  }
}

function gaugeRequests({ gateway: { calendarServers } }: GaugedGateway, metrics: Gauges): void {
  metrics.gauge("presence_gateway_refresh_queue_depth", calendarServers.depth);
  for (const [gateway] of calendarServers.health()) {
    const load = calendarServers.source(gateway)?.load?.();
    if (!load) continue;
    metrics.gauge("presence_gateway_requests_running", load.running, { gateway });
    metrics.gauge("presence_gateway_requests_waiting", load.waiting, { gateway });
    metrics.gauge("presence_gateway_requests_limit", load.limit, { gateway });
    metrics.gauge("presence_gateway_throttled_seconds", load.pause / 1000, { gateway });
  }
}

function gaugeDirectories({ directories, clock }: GaugedGateway, metrics: Gauges): void {
  for (const { settings, outcome } of directories) {
    if (!outcome) continue;
    const labels = { directory: settings.name };
    metrics.gauge("presence_gateway_directory_age_seconds", secondsBetween(outcome.at, clock.now()), labels);
    metrics.gauge("presence_gateway_directory_people", outcome.people, labels);
    metrics.gauge("presence_gateway_directory_held", outcome.held ?? 0, labels);
  }
}

function gaugeImports(imports: readonly UserImport[], now: Instant, metrics: Gauges): void {
  const counts = { read: 0, scheduled: 0, applied: 0 };
  let last: Instant | undefined;
  for (const { due, applied } of imports) {
    counts[applied ? "applied" : due ? "scheduled" : "read"]++;
    if (applied) last = later(last ?? applied.at, applied.at);
  }
  for (const [state, count] of Object.entries(counts)) metrics.gauge("presence_gateway_imports", count, { state });
  if (last !== undefined) metrics.gauge("presence_gateway_import_age_seconds", secondsBetween(last, now));
}

function gaugeCertificates(seen: readonly SeenCertificate[], now: Instant, metrics: Gauges): void {
  const ends = new Map<string, Instant>();
  for (const certificate of seen) {
    const { host, notAfter } = certificate;
    if (isInUse(certificate, now)) ends.set(host, earlier(ends.get(host) ?? notAfter, notAfter));
  }
  for (const [host, end] of ends)
    metrics.gauge("presence_gateway_certificate_expires_seconds", (end - now) / 1000, { host });
}
