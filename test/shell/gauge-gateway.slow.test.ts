import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { type Instant, milliseconds, minutes, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { UserImport } from "../../src/ports/user-imports.ts";
import { type GaugedGateway, readGauges } from "../../src/shell/gauge-gateway.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { type EngineLab, meeting, startEngineLab } from "../engine/engine-lab.ts";

const ALICE = "alice@example.com";
const BOB = "bob@example.com";
const HOUR_AGO = plus(MONDAY_MORNING, -minutes(60));
const outcome = {
  took: milliseconds(1),
  isFull: true,
  people: 15_000,
  enabled: 15_000,
  added: 0,
  changed: 0,
  removed: 0,
  mismatches: 0,
};

describe("the gauges", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  const gaugedOf = (changes: Partial<GaugedGateway> = {}): GaugedGateway => ({
    gateway: lab.gateway,
    live: { parts: () => [{ kind: "store", name: "store", health: { state: "ok" } }] },
    readiness: () => ({ ready: true, reasons: [], troubles: [] }),
    clock: lab.runtime.clock,
    parameters: new LiveParameters(lab.store.registry),
    directories: [],
    imports: lab.store.imports,
    trust: lab.store.trust,
    ...changes,
  });
  /** Every gauge as Prometheus would have it. */
  async function read(changes?: Partial<GaugedGateway>): Promise<Readonly<Record<string, number>>> {
    const gauges: Record<string, number> = {};
    const set = await readGauges(gaugedOf(changes));
    set({
      gauge: (name, value, labels = {}) => {
        const text = Object.entries(labels).map(([key, label]) => `${key}=${label}`);
        gauges[`${name.replace("presence_gateway_", "")}{${text.join(",")}}`] = value;
      },
    });
    return gauges;
  }

  it("tell the age of knowledge of each calendar server, and of whom nothing is known", async () => {
    await lab.enable(ALICE);
    await lab.runtime.clock.advance(minutes(10));
    lab.calendar.outage = new GatewayError("away", { type: "wait", code: "test-away" });
    await lab.enable(BOB);
    const gauges = await read();
    expect(gauges["calendars_unknown{gateway=exchange}"]).toBe(1);
    const oldest = gauges["calendar_age_seconds{gateway=exchange,quantile=1}"] ?? 0;
    expect(oldest).toBeGreaterThan(600);
    expect(oldest).toBeLessThan(700);
    expect(gauges["users{}"]).toBe(2);
  });

  it("tell how much is due of each publisher, since when, and how much of it fails", async () => {
    lab.clients.online(ALICE);
    lab.calendar.set(ALICE, [meeting(-5, 300)]);
    await lab.enable(ALICE);
    expect(await read()).toMatchObject({
      "outbox_depth{publisher=table}": 0,
      "outbox_age_seconds{publisher=table}": 0,
      "in_meeting{}": 1,
    });
    lab.publisher.refusal = new GatewayError("no", { type: "cancel", code: "test-refused" });
    lab.calendar.set(ALICE, []);
    await lab.runtime.clock.advance(minutes(5));
    const gauges = await read();
    expect(gauges).toMatchObject({ "outbox_depth{publisher=table}": 1, "outbox_failing{publisher=table}": 1 });
    expect(gauges["outbox_age_seconds{publisher=table}"]).toBeGreaterThan(290);
  });

  it("tell the throttling budget of servers that throttle, and nothing of others", async () => {
    expect(Object.keys(await read()).filter((name) => name.startsWith("requests_"))).toEqual([]);
    Object.assign(lab.calendar, { load: () => ({ running: 3, waiting: 7, limit: 4, pause: 1500 }) });
    expect(await read()).toMatchObject({
      "requests_running{gateway=exchange}": 3,
      "requests_waiting{gateway=exchange}": 7,
      "requests_limit{gateway=exchange}": 4,
      "throttled_seconds{gateway=exchange}": 1.5,
    });
  });

  it("tell how old the last synchronisation and the last import are, and how long certificates last", async () => {
    const at: Instant = plus(lab.runtime.clock.now(), -minutes(30));
    const settings = {
      name: "hq",
      templates: [],
      interval: minutes(1),
      fullInterval: minutes(1),
      mostRemovedPercent: 10,
    };
    const list: UserImport = { id: 1, summary: "", readAt: HOUR_AGO, readBy: "carol@example.com" };
    const notAfter = plus(at, minutes(90));
    const seen = { host: "mail.example.com:443", sha256: "00", subject: "CN=mail", seenAt: HOUR_AGO };
    const gone = {
      ...seen,
      host: "old.example.com:443",
      notAfter: HOUR_AGO,
      seenAt: plus(HOUR_AGO, -minutes(5 * 24 * 60)),
    };
    const gauges = await read({
      directories: [{ settings, outcome: { ...outcome, at, held: 12 } }],
      imports: {
        list: async () => [list, { ...list, applied: { at, outcome: "" } }, { ...list, due: { at, by: "x" } }],
      },
      trust: {
        listSeen: async () => [gone, { ...seen, notAfter: plus(notAfter, 1000) }, { ...seen, notAfter }],
      },
    });
    expect(gauges).toMatchObject({
      "directory_age_seconds{directory=hq}": 1800,
      "directory_people{directory=hq}": 15_000,
      "directory_held{directory=hq}": 12,
      "imports{state=read}": 1,
      "imports{state=scheduled}": 1,
      "imports{state=applied}": 1,
      "import_age_seconds{}": 1800,
      "certificate_expires_seconds{host=mail.example.com:443}": 3600,
    });
    expect(Object.keys(gauges).filter((name) => name.includes("old.example.com"))).toEqual([]);
  });

  it("tell the rest while the store cannot be read", async () => {
    const broken = async () => Promise.reject(new GatewayError("no disk", { type: "wait", code: "store-failed" }));
    const gauges = await read({ imports: { list: broken }, trust: { listSeen: broken } });
    expect(gauges).toMatchObject({ "ready{}": 1, "part_up{part=store}": 1, "imports{state=read}": 0 });
  });
});
