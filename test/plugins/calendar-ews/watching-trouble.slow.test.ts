import { afterEach, describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, seconds } from "../../../src/lib/time.ts";
import {
  addMailboxes,
  passUntil,
  type Scenario,
  type ScenarioOptions,
  startScenario,
  startWatch,
  until,
} from "./scenario.ts";
import { live, meet, saw, watchUp } from "./watch-scenario.ts";

let scenario: Scenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

afterEach(() => scenario.end());

describe("subscriptions that the server lost", () => {
  it("are made anew, only they, and all is looked at again: what was on its way on that connection is lost", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    await live(scenario, seconds(30));
    watch.forget();
    scenario.exchange.faults.endSubscriptions(mailboxes[1] ?? "", "ErrorSubscriptionNotFound");
    await saw(watch, "all");
    await until(() => scenario.exchange.stats.requestsOf("GetStreamingEvents") === 2);
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(4);
    watch.forget();
    meet(scenario, mailboxes[1]);
    await saw(watch, "changed user001@example.com");
    expect(watch.words).not.toContain("all");
  });

  it("again and again at once end the watch, instead of a storm", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    scenario.exchange.faults.endSubscriptions(mailboxes[1] ?? "", "ErrorSubscriptionNotFound");
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-subscription-lost", type: "wait" });
  });
});

describe("a lost connection", () => {
  it("ends the watch with an error that says to come again", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    scenario.exchange.faults.dropStreaming();
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-unavailable", type: "wait" });
    const again = await watchUp(scenario, mailboxes);
    meet(scenario, mailboxes[0]);
    await saw(again, "changed user000@example.com");
  });

  it("by a restart of the server is got over by watching again", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    await scenario.exchange.restart();
    await watch.ended;
    expect(watch.error).toMatchObject({ type: "wait" });
    const again = await watchUp(scenario, mailboxes);
    meet(scenario, mailboxes[0]);
    await saw(again, "changed user000@example.com");
  });

  it("is noticed by silence, when nothing at all is heard for three minutes", async () => {
    await setUp({ exchange: { streamingHeartbeat: hours(1) } });
    const watch = await watchUp(scenario, mailboxes);
    await scenario.runtime.clock.advance(minutes(3) - 1);
    expect(watch.error).toBeUndefined();
    await scenario.runtime.clock.advance(1);
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-stream-silent", type: "wait" });
  });

  it.each([
    ["a web page", () => scenario.exchange.faults.html({ operation: "GetStreamingEvents" }), "ews-not-xml"],
    ["a busy server", () => scenario.exchange.faults.serverBusy({ operation: "GetStreamingEvents" }), "ews-throttled"],
    ["a fault", () => scenario.exchange.faults.faultWithoutDetail200({ operation: "GetStreamingEvents" }), "ews-fault"],
    [
      "a refused password",
      () => scenario.exchange.faults.unauthorized({ operation: "GetStreamingEvents" }),
      "ews-unauthorized",
    ],
  ])("has its own error when instead of notifications there is %s", async (_what, fault, code) => {
    await setUp();
    fault();
    const watch = startWatch(scenario.source, mailboxes);
    await watch.ended;
    expect(watch.error).toMatchObject({ code });
    expect(watch.words).toEqual([]);
  });

  it("that never came about ends the watch after the time of a request", async () => {
    await setUp();
    scenario.exchange.faults.hang({ operation: "GetStreamingEvents" });
    const watch = startWatch(scenario.source, mailboxes);
    await until(() => scenario.exchange.stats.requestsOf("GetStreamingEvents") === 1);
    await scenario.runtime.clock.advance(seconds(3));
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-timeout", type: "wait" });
  });
});

describe("a busy server while subscribing", () => {
  const patient = { parameters: { "exchange-timeout": "20" } };

  it("is left alone for as long as it asks, and then all are subscribed", async () => {
    await setUp(patient, 30);
    scenario.exchange.faults.serverBusy({ operation: "Subscribe", backOffMilliseconds: 4000, times: 2 });
    const startedAt = scenario.runtime.clock.now();
    const watch = startWatch(scenario.source, mailboxes);
    await passUntil(scenario.runtime.clock, () => watch.words.includes("all"));
    expect(watch.words).toEqual(["all"]);
    expect(scenario.exchange.stats.subscriptions).toBe(30);
    expect(scenario.runtime.clock.now() - startedAt).toBeGreaterThanOrEqual(4000);
  });

  it("that allows few requests at a time is not asked more for long", async () => {
    await setUp({ ...patient, exchange: { version: "exchange2010sp2", budgets: { maxConcurrency: 2 } } }, 40);
    const watch = startWatch(scenario.source, mailboxes);
    await passUntil(scenario.runtime.clock, () => watch.words.includes("all"));
    expect(watch.words).toEqual(["all"]);
    expect(scenario.exchange.stats.subscriptions).toBe(40);
  });

  it("that never answers is given up after a few mailboxes, not after all", async () => {
    await setUp({}, 100);
    scenario.exchange.faults.hang(1000);
    const watch = startWatch(scenario.source, mailboxes);
    await until(async () => {
      await scenario.runtime.clock.advance(1000);
      return watch.error !== undefined;
    });
    expect(watch.error).toMatchObject({ code: "ews-timeout" });
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBeLessThan(20);
  });
});
