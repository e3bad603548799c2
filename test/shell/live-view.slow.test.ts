import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { minutes } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import { createLiveView } from "../../src/shell/live-view.ts";
import { FakeLink } from "../admin/fake-link.ts";
import { type EngineLab, meeting, startEngineLab } from "../engine/engine-lab.ts";

const ALICE = "alice@example.com";
const REFUSED = new GatewayError("not allowed", { type: "cancel", code: "test-refused" });

describe("the running gateway as commands see it", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  const view = () =>
    createLiveView({
      gateway: lab.gateway,
      link: new FakeLink(),
      served: { domains: [], "contact-domains": [] },
      uniqueId: () => "id",
      clock: lab.runtime.clock,
      parameters: new LiveParameters(lab.store.registry),
      storeHealth: () => lab.store.health(),
      clientSources: [],
    });
  const publisherHealth = (): Health | undefined =>
    view()
      .parts()
      .find(({ kind }) => kind === "publisher")?.health;

  it("tells what is shown, what is due since when, and what fails with its reason", async () => {
    lab.clients.online(ALICE);
    lab.calendar.set(ALICE, [meeting(-5, 300)]);
    await lab.enable(ALICE);
    expect(view().counts()).toMatchObject({ presentities: 1, inMeeting: 1, stale: 0, outbox: 0, failing: [] });
    expect(view().counts().oldestDue).toBeUndefined();
    lab.publisher.refusal = REFUSED;
    const changed = lab.runtime.clock.now();
    lab.calendar.set(ALICE, []);
    await lab.runtime.clock.advance(minutes(5));
    const { failing, oldestDue = 0, outbox } = view().counts();
    expect([failing, outbox]).toEqual([[{ publisher: "table", count: 1, because: "not allowed" }], 1]);
    expect(oldestDue - changed).toBeLessThan(minutes(1));
  });

  it("says of a publisher what it said last, unless it has no server at all", async () => {
    lab.clients.online(ALICE);
    lab.publisher.refusal = REFUSED;
    lab.calendar.set(ALICE, [meeting(-5, 300)]);
    await lab.enable(ALICE);
    expect(publisherHealth()).toMatchObject({ state: "degraded", error: REFUSED });
    const away = new GatewayError("no connection", { type: "wait", code: "test-away" });
    Object.assign(lab.publisher, { health: () => ({ state: "down", error: away }) });
    expect(publisherHealth()).toMatchObject({ state: "down", error: away });
  });
});
