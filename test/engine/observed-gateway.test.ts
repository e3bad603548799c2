import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { minutes, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { type EngineLab, meeting, startEngineLab, TableCalendar } from "./engine-lab.ts";

const ALICE = "alice@example.com";

describe("what the engine tells of itself", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
  });
  afterEach(async () => {
    await lab.close();
  });
  const observed = (name: string) => (lab.runtime.observed.get(name) ?? []).map(({ value }) => value);

  it("is how late each known start and end of a meeting was, and nothing for what was not known before", async () => {
    lab.calendar.set(ALICE, [meeting(10, 40)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.runtime.clock.advance(minutes(5));
    expect(observed("presence_gateway_edge_lateness_seconds")).toEqual([]);
    await lab.runtime.clock.advance(minutes(40));
    expect(observed("presence_gateway_edge_lateness_seconds")).toEqual([0, 0]);
  });

  it("is how long each publication took, retries included", async () => {
    lab.clients.online(ALICE);
    lab.publisher.refusal = new GatewayError("away", { type: "wait", code: "test-away" });
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    await lab.enable(ALICE);
    expect(observed("presence_gateway_publication_seconds")).toEqual([]);
    await lab.runtime.clock.advance(seconds(60));
    lab.publisher.refusal = undefined;
    await lab.runtime.clock.advance(minutes(5));
    const [took = 0] = observed("presence_gateway_publication_seconds");
    expect(took).toBeGreaterThan(60);
    expect(lab.runtime.counters.get('presence_gateway_publications_total{"publisher":"table"}')).toBe(1);
  });

  it("is, to administrators and once, that a calendar server cannot be started, and later that it works", async () => {
    const broken = new TableCalendar();
    const error = new GatewayError("its file is missing", { type: "modify", code: "test-broken" });
    const server = { name: "broken", type: "table", options: {}, isEnabled: true };
    lab.calendars.set("broken", Object.assign(broken, { start: () => Promise.reject(error) }));
    await lab.store.registry.replaceCalendarServer(server);
    await lab.runtime.clock.advance(minutes(1));
    expect(lab.alerts).toEqual(["Calendar server broken could not be started: its file is missing"]);
    lab.calendars.set("broken", new TableCalendar());
    await lab.store.registry.replaceCalendarServer(server);
    await lab.enable(ALICE, { gateway: "broken" });
    await lab.runtime.clock.advance(minutes(1));
    expect(lab.alerts.slice(1)).toEqual(["Calendar server broken works again."]);
  });
});
