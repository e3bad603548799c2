import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { METRICS, type MetricDefinition } from "../../src/ports/metrics.ts";
import { createMetrics } from "../../src/shell/exposed-metrics.ts";

const page = readFileSync(new URL("../../docs/OPERATIONS.md", import.meta.url), "utf8");

describe("metrics", () => {
  it("stand in OPERATIONS.md with their labels and kinds, all of them and no others", () => {
    const documented = [...page.matchAll(/^\| `(presence_gateway_\w+)(?:\{([\w,]+)\})?` \| (\w+) \| \S/gm)].map(
      ([, name, labels = "", kind]) => `${name}{${labels}} ${kind}`,
    );
    const defined = Object.entries<MetricDefinition>(METRICS).map(
      ([name, { labels, kind }]) => `${name}{${labels.join(",")}} ${kind}`,
    );
    expect(documented.toSorted()).toEqual(defined.toSorted());
  });

  it("are named in OPERATIONS.md nowhere that they do not exist", () => {
    const known = Object.keys(METRICS);
    const named = [...(page.split("## Monitoring\n")[1] ?? "").matchAll(/presence_gateway_\w+/g)].map(([name]) =>
      name.replace(/_bucket$/, ""),
    );
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });

  it("follow Prometheus' rules: counters end in _total, times in _seconds, and no label names a person", () => {
    for (const [name, { kind, labels }] of Object.entries<MetricDefinition>(METRICS)) {
      expect(name.endsWith("_total")).toBe(kind === "counter");
      if (kind === "histogram" || /age|late/.test(name)) expect(name).toMatch(/_seconds$/);
      for (const label of labels) expect(label).not.toMatch(/user|jid|mailbox|presentity|person|^le$|^quantile$/);
    }
  });

  it("follow them in what Node adds, too", async () => {
    const text = await createMetrics({ withProcess: true }).text();
    const kinds = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = "", kind]) => ({ name, kind }));
    expect(kinds.some(({ name }) => name.startsWith("nodejs_"))).toBe(true);
    expect(kinds.filter(({ name, kind }) => name.endsWith("_total") !== (kind === "counter"))).toEqual([]);
  });

  it("tell counts, values and distributions, and nothing of what is gone", async () => {
    const metrics = createMetrics();
    metrics.count("presence_gateway_publications_total", { publisher: "sip" });
    metrics.count("presence_gateway_publications_total", { publisher: "sip" }, 2);
    metrics.observe("presence_gateway_edge_lateness_seconds", 0.07);
    metrics.gauge("presence_gateway_requests_limit", 8, { gateway: "removed" });
    metrics.gauge("presence_gateway_import_age_seconds", 5);
    const before = await metrics.text();
    expect(before).toContain('presence_gateway_publications_total{publisher="sip"} 3\n');
    expect(before).toContain('presence_gateway_edge_lateness_seconds_bucket{le="0.05"} 0\n');
    expect(before).toContain('presence_gateway_edge_lateness_seconds_bucket{le="0.1"} 1\n');
    metrics.clearGauges();
    metrics.gauge("presence_gateway_requests_limit", 5, { gateway: "hq" });
    const after = await metrics.text();
    expect(after.match(/^presence_gateway_requests_limit\S* .*$/gm)).toEqual([
      'presence_gateway_requests_limit{gateway="hq"} 5',
    ]);
    expect(after).not.toMatch(/^presence_gateway_import_age_seconds/m);
    expect(after).toContain('presence_gateway_publications_total{publisher="sip"} 3\n');
  });

  it("are kept by each program alone", async () => {
    createMetrics().count("presence_gateway_compositions_total", {}, 7);
    expect(await createMetrics().text()).toContain("presence_gateway_compositions_total 0\n");
  });
});
