import { afterEach, describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, plus, seconds } from "../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import {
  addMailboxes,
  passUntil,
  type Scenario,
  type ScenarioOptions,
  startScenario,
  startWatch,
  until,
} from "./scenario.ts";
import { watchUp } from "./watch-scenario.ts";

const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

// Answers take their time, so that requests meet; and no time-out comes of the test's own haste.
const LATENCY = 20;
const PATIENT = { parameters: { "exchange-timeout": "20" } };

let scenario: Scenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

const fetch = () => scenario.source.fetchBusyTime(mailboxes.slice(0, 3), WINDOW, scenario.signal);
const codeOf = (error: unknown): string => (error instanceof Error && "code" in error ? String(error.code) : "");

afterEach(() => scenario.end());

describe("a server that accepts and never answers", () => {
  it("[P3] gets no more at a time than one that is not known, and each time-out lets the next one go", async () => {
    await setUp();
    await fetch();
    const { stats, faults } = scenario.exchange;
    faults.hang(Number.POSITIVE_INFINITY);
    const codes: string[] = [];
    for (let count = 0; count < 30; count++) void fetch().catch((error: unknown) => codes.push(codeOf(error)));
    for (let round = 1; round <= 6; round++) {
      await until(() => stats.refusalsOf("hang") === round * 5 && stats.inFlight === 5, `round ${round}`);
      await scenario.runtime.clock.advance(seconds(3));
      await until(() => codes.length === round * 5);
    }
    expect(new Set(codes)).toEqual(new Set(["ews-timeout"]));
    faults.clear();
    expect(await fetch()).toHaveLength(3);
  });
});

describe("watching", () => {
  const two = () => [mailboxes.slice(0, 200), mailboxes.slice(200)].map((group) => startWatch(scenario.source, group));

  it("[H3] of several groups and reading share what the account of Exchange 2010 may do at a time, to the farewell", async () => {
    await setUp({ ...PATIENT, exchange: { version: "exchange2010sp3" } }, 300);
    const { stats, faults } = scenario.exchange;
    faults.slow(LATENCY);
    const watches = two();
    const readings = Array.from({ length: 20 }, fetch);
    await passUntil(scenario.runtime.clock, () => watches.every(({ words }) => words.includes("all")));
    await Promise.all(readings);
    const stopped = scenario.source.stop();
    await passUntil(scenario.runtime.clock, () => stats.subscriptions === 0);
    await stopped;
    expect(stats).toMatchObject({ subscriptions: 0, throttled: {}, mostUsed: { "streaming-connection": 1 } });
    expect(stats.requestsOf("Unsubscribe")).toBe(300);
    expect(stats.mostUsed.request).toBeGreaterThan(5);
    expect(stats.mostUsed.request).toBeLessThanOrEqual(9);
  });

  it("[H3] goes further than ten at a time once the server is known to be younger, and stays below 27", async () => {
    await setUp(PATIENT, 300);
    scenario.exchange.faults.slow(LATENCY);
    const watches = two();
    const readings = Array.from({ length: 20 }, fetch);
    await passUntil(scenario.runtime.clock, () => watches.every(({ words }) => words.includes("all")));
    await Promise.all(readings);
    expect(scenario.exchange.stats.maxInFlight).toBeGreaterThan(10);
    // Besides the requests that are counted, two notification connections come up.
    expect(scenario.exchange.stats.maxInFlight).toBeLessThanOrEqual(24 + 2);
    scenario.exchange.faults.slow(0);
  });

  it("[H4] needs one subscription a mailbox, also when everything has to be subscribed anew ten times", async () => {
    await setUp({ exchange: { budgets: { maxSubscriptions: 2 } } }, 30);
    for (let round = 0; round < 10; round++) {
      const watch = await watchUp(scenario, mailboxes);
      watch.stop("enough");
      await watch.ended;
      await until(() => scenario.exchange.stats.subscriptions === 0);
    }
    expect(scenario.exchange.stats.throttled).toEqual({});
  });
});

describe("a pause that the server asks for", () => {
  it("on a notification connection holds for everything else", async () => {
    await setUp();
    await watchUp(scenario, mailboxes);
    const { faults, stats } = scenario.exchange;
    faults.serverBusy({ operation: "GetStreamingEvents", backOffMilliseconds: 4000 });
    const watch = startWatch(scenario.source, mailboxes);
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-throttled", retryAfter: 4000 });
    const before = stats.requestsOf("GetUserAvailability");
    const reading = fetch();
    await scenario.runtime.clock.advance(3999);
    expect(stats.requestsOf("GetUserAvailability")).toBe(before);
    await scenario.runtime.clock.advance(1);
    expect(await reading).toHaveLength(3);
  });

  it("holds for a notification connection that is to be opened", async () => {
    await setUp(PATIENT);
    const { faults, stats } = scenario.exchange;
    await fetch();
    faults.slow(1000);
    const watch = startWatch(scenario.source, mailboxes);
    await until(() => stats.requestsOf("Subscribe") === 1);
    faults.slow(0);
    // The answer to the last Subscribe is on its way when the reading is refused.
    faults.serverBusy({ operation: "GetUserAvailability", backOffMilliseconds: 30_000 });
    expect(await fetch().catch(codeOf)).toBe("ews-throttled");
    await scenario.runtime.clock.advance(29_000);
    expect(stats.requestsOf("GetStreamingEvents")).toBe(0);
    await passUntil(scenario.runtime.clock, () => watch.words.includes("all"));
  });
});
