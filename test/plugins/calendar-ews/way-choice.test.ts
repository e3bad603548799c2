import { describe, expect, it } from "vitest";
import { ewsError } from "../../../plugins/calendar-ews/ews-errors.ts";
import { type NOTIFICATION_OPTIONS, WayChoice } from "../../../plugins/calendar-ews/notifications/way-choice.ts";
import { hours, minutes } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";

const REFUSED = ewsError("ews-request-refused", "h");
const AWAY = ewsError("ews-unavailable", "h");
const SILENT = ewsError("ews-push-unreachable", "h");
const TAKEN = new GatewayError("taken", { type: "modify", code: "notification-port-taken" });

function createChoice(option: (typeof NOTIFICATION_OPTIONS)[number] = "auto") {
  const runtime = createTestRuntime();
  const server = { hasStreaming: true };
  const ways = new WayChoice({ host: "h", option, runtime, hasStreaming: () => server.hasStreaming });
  return { runtime, server, ways, events: () => runtime.events.map(({ event }) => event.replace("ews.", "")) };
}

describe("the way of notifications", () => {
  it.each([
    ["auto", ["streaming", "push", "pull", "pull"]],
    ["streaming", ["streaming", "pull", "pull", "pull"]],
    ["push", ["push", "pull", "pull", "pull"]],
    ["pull", ["pull", "pull", "pull", "pull"]],
  ] as const)("%s falls back step by step: %j", (option, expected) => {
    const { ways } = createChoice(option);
    const taken = expected.map(() => {
      const way = ways.best();
      ways.fallBack(way, REFUSED, "g");
      return way;
    });
    expect(taken).toEqual(expected);
  });

  it("of a server that is older than streaming begins with push, without a failure", () => {
    const { ways, server, events } = createChoice();
    server.hasStreaming = false;
    expect(ways.best()).toBe("push");
    expect(ways.claimBetter("push")).toBe(false);
    expect(events()).toEqual([]);
  });

  it("stays through any outage", () => {
    const { ways, events } = createChoice();
    for (let times = 0; times < 50; times++)
      for (const way of ["streaming", "push", "pull"] as const) expect(ways.fallBack(way, AWAY, "g")).toBe(false);
    expect(ways.fallBack("pull", REFUSED, "g")).toBe(false);
    expect(events()).toEqual([]);
  });

  it("is left by streams that are cut five times in a row for one group, not by one that lasted in between", () => {
    const { ways } = createChoice();
    for (const group of ["g", "h"]) for (let times = 0; times < 4; times++) ways.failed("streaming", group);
    expect(ways.fallBack("streaming", AWAY, "g")).toBe(false);
    ways.worked("streaming", "g");
    ways.failed("streaming", "g");
    expect(ways.fallBack("streaming", AWAY, "g")).toBe(false);
    ways.failed("streaming", "h");
    expect(ways.fallBack("streaming", AWAY, "h")).toBe(true);
    expect(ways.best()).toBe("push");
  });

  it("is left by push that was never heard of at once, by push that has worked only after three silences", () => {
    const never = createChoice("push").ways;
    never.failed("push", "g");
    expect(never.fallBack("push", SILENT, "g")).toBe(true);
    const { ways } = createChoice("push");
    ways.worked("push", "other");
    const silences = [1, 2, 3].map(() => {
      ways.failed("push", "g");
      return ways.fallBack("push", SILENT, "g");
    });
    expect(silences).toEqual([false, false, true]);
    expect(createChoice("push").ways.fallBack("push", TAKEN, "g")).toBe(true);
  });

  it("is tried again after an hour by one group; the others follow when it works, and stay when it does not", async () => {
    const { ways, runtime, events } = createChoice();
    ways.fallBack("streaming", REFUSED, "g");
    await runtime.clock.advance(minutes(59));
    expect(ways.claimBetter("push")).toBe(false);
    await runtime.clock.advance(minutes(1));
    expect([ways.claimBetter("push"), ways.claimBetter("push")]).toEqual([true, false]);
    expect([ways.best(), ways.best()]).toEqual(["streaming", "push"]);
    ways.fallBack("streaming", REFUSED, "g");
    await runtime.clock.advance(hours(1));
    expect(ways.claimBetter("push")).toBe(true);
    ways.worked(ways.best(), "g");
    expect([ways.claimBetter("push"), ways.best(), ways.best()]).toEqual([true, "streaming", "streaming"]);
    expect(events()).toEqual(["notifications-fell-back", "notifications-went-up"]);
  });

  it("is tried again although the clock was set back", async () => {
    const { ways, runtime } = createChoice();
    ways.fallBack("streaming", REFUSED, "g");
    runtime.clock.step(-hours(5));
    expect(ways.claimBetter("pull")).toBe(true);
  });
});
