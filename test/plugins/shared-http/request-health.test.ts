import { expect, it } from "vitest";
import { RequestHealth } from "../../../plugins/shared-http/request-health.ts";
import { minutes } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";

const failure = (type: "wait" | "auth") => new GatewayError("it failed", { type, code: "test-failed" });

it("a server is degraded by one failure, down by three in a row or a refused login, and says since when", async () => {
  const { clock } = createTestRuntime();
  const condition = new RequestHealth(clock);
  expect(condition.health("")).toEqual({ state: "starting" });
  condition.record(undefined);
  const before = clock.now();
  expect(condition.health("fine")).toEqual({ state: "ok", detail: "fine", since: before });
  await clock.advance(minutes(1));
  const since = clock.now();
  for (const state of ["degraded", "degraded", "down"]) {
    condition.record(failure("wait"));
    expect(condition.health("fine")).toMatchObject({ state, since, error: { code: "test-failed" } });
    await clock.advance(minutes(1));
  }
  condition.record(undefined);
  expect(condition.health("fine")).toMatchObject({ state: "ok", since: clock.now() });
  condition.record(failure("auth"));
  expect(condition.health("fine")).toMatchObject({ state: "down" });
  expect(condition.requests).toBe(6);
});
