import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus, type TimeWindow } from "../../../src/lib/time.ts";
import type { BusyTimeResult } from "../../../src/ports/calendar-source.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import {
  addMailboxes,
  gatewayError,
  passUntil,
  type Scenario,
  type ScenarioOptions,
  startScenario,
  until,
} from "./scenario.ts";

const WINDOW: TimeWindow = { start: plus(MONDAY_MORNING, -hours(1)), end: plus(MONDAY_MORNING, hours(24)) };
const MEETING = { start: plus(MONDAY_MORNING, hours(1)), end: plus(MONDAY_MORNING, hours(2)), status: "busy" } as const;

let scenario: Scenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

const fetch = (): Promise<readonly BusyTimeResult[]> =>
  scenario.source.fetchBusyTime(mailboxes, WINDOW, scenario.signal);

const words = (results: readonly BusyTimeResult[]): readonly string[] =>
  results.map((result) => ("error" in result ? result.error.code : result.intervals.map((each) => each.status).join()));

afterEach(() => scenario.end());

describe("a healthy server", () => {
  it("[W1] [W2] [W3] is read, whichever of its versions it is", async () => {
    for (const version of [
      "exchange2007sp1",
      "exchange2010sp1",
      "exchange2010sp2",
      "exchange2013sp1",
      "exchange2016",
      "exchange2019",
      "exchangeSe",
    ] as const) {
      await setUp({ exchange: { version, availabilityOrder: "reversed" } });
      const [first] = mailboxes;
      scenario.exchange.findMailbox(first ?? "")?.addMeeting(MEETING);
      expect(await fetch()).toEqual([
        { mailbox: mailboxes[0], intervals: [MEETING] },
        { mailbox: mailboxes[1], intervals: [] },
        { mailbox: mailboxes[2], intervals: [] },
      ]);
      if (version !== "exchangeSe") await scenario.end();
    }
  });

  it("that is older is asked in its own version once, and then remembered", async () => {
    await setUp({ exchange: { version: "exchange2010sp1" } });
    await fetch();
    await fetch();
    expect(scenario.exchange.stats.refusalsOf("ErrorInvalidServerVersion")).toBe(1);
    expect(scenario.exchange.stats.requestsOf("GetUserAvailability")).toBe(3);
  });

  it("is asked over few connections that are kept", async () => {
    await setUp();
    for (let count = 0; count < 10; count++) await fetch();
    expect(scenario.exchange.stats.connectionsAccepted).toBeLessThanOrEqual(2);
  });

  it("tells its version in the health", async () => {
    await setUp();
    expect(scenario.source.health()).toEqual({ state: "starting" });
    await fetch();
    expect(scenario.source.health()).toMatchObject({
      state: "ok",
      detail: expect.stringContaining("Exchange 2016 (15.1.2507)"),
    });
  });

  it("refuses more than 100 mailboxes before it sends anything", async () => {
    await setUp({}, 101);
    expect(await gatewayError(fetch())).toMatchObject({ code: "ews-batch-too-big", type: "modify" });
    expect(scenario.exchange.stats.requests).toEqual({});
    mailboxes = mailboxes.slice(0, 100);
    expect(await fetch()).toHaveLength(100);
  });

  it("is asked nothing for no mailboxes", async () => {
    await setUp({}, 0);
    expect(await fetch()).toEqual([]);
    expect(scenario.exchange.stats.requests).toEqual({});
  });
});

describe("one mailbox's trouble", () => {
  it.each([
    ["ErrorMailRecipientNotFound", "ews-mailbox-not-found"],
    ["ErrorNoFreeBusyAccess", "ews-no-access"],
    ["ErrorProxyRequestProcessingFailed", "ews-mailbox-moving"],
  ])("%s never stops the batch", async (responseCode, code) => {
    await setUp();
    scenario.exchange.findMailbox(mailboxes[2] ?? "")?.addMeeting(MEETING);
    scenario.exchange.faults.failAvailability(mailboxes[1] ?? "", responseCode);
    expect(words(await fetch())).toEqual(["", code, "busy"]);
    expect(scenario.source.health().state).toBe("ok");
  });

  it("of a moving mailbox ends with the move", async () => {
    await setUp();
    scenario.exchange.faults.moveMailbox(mailboxes[0] ?? "");
    expect(words(await fetch())).toEqual(["ews-mailbox-moving", "", ""]);
    scenario.exchange.faults.settleMailbox(mailboxes[0] ?? "");
    expect(words(await fetch())).toEqual(["", "", ""]);
  });
});

describe("a failing server", () => {
  beforeEach(() => setUp());

  it.each<readonly [string, (s: Scenario) => void, string, string]>([
    ["forbids EWS", (s) => s.exchange.faults.forbidden(), "ews-forbidden", "auth"],
    ["shows a login page", (s) => s.exchange.faults.html(), "ews-not-xml", "wait"],
    ["cuts its answer short", (s) => s.exchange.faults.truncated(), "ews-bad-answer", "wait"],
    [
      "drops the connection within the answer",
      (s) => s.exchange.faults.truncated(1, "connection"),
      "ews-unavailable",
      "wait",
    ],
    ["drops the connection before the answer", (s) => s.exchange.faults.drop(), "ews-unavailable", "wait"],
    [
      "sends a fault with HTTP 200 and no detail",
      (s) => s.exchange.faults.faultWithoutDetail200(),
      "ews-fault",
      "wait",
    ],
    ["answers far too much", (s) => s.exchange.faults.oversizedAnswer(20_000_000), "ews-bad-answer", "wait"],
    ["is out of service", (s) => s.exchange.faults.serverBusy({ form: "http503" }), "ews-unavailable", "wait"],
    ["is busy", (s) => s.exchange.faults.serverBusy(), "ews-throttled", "wait"],
    ["is busy inside HTTP 200", (s) => s.exchange.faults.serverBusy({ form: "inner200" }), "ews-throttled", "wait"],
  ])("that %s is reported, and read again when it is well", async (_what, fault, code, type) => {
    fault(scenario);
    const error = await gatewayError(fetch());
    expect(error).toMatchObject({ code, type });
    expect(error.message).toContain("localhost");
    expect(error.message).not.toMatch(/p:ä&s|svc/);
    expect(scenario.source.health()).toMatchObject({ error: { code } });
    await scenario.runtime.clock.advance(2000);
    expect(await fetch()).toHaveLength(3);
    expect(scenario.source.health().state).toBe("ok");
  });

  it("[P3] [R8] that hangs is given up after the parameter's time, which may change while the gateway runs", async () => {
    for (const [seconds, parameter] of [
      [3, undefined],
      [7, "7"],
    ] as const) {
      if (parameter) scenario.parameters["exchange-timeout"] = parameter;
      scenario.exchange.faults.hang();
      const failed = gatewayError(fetch());
      await until(() => scenario.exchange.stats.inFlight === 1);
      await scenario.runtime.clock.advance(seconds * 1000 - 1);
      expect(scenario.source.health()).not.toMatchObject({
        error: { message: expect.stringContaining(`${seconds} s`) },
      });
      await scenario.runtime.clock.advance(1);
      expect(await failed).toMatchObject({
        code: "ews-timeout",
        message: expect.stringContaining(`within ${seconds} s`),
      });
    }
  });

  it("that is gone is down after three tries, and well when it is back", async () => {
    await scenario.exchange.stop();
    const codes: string[] = [];
    for (let count = 0; count < 3; count++) codes.push((await gatewayError(fetch())).code);
    expect(new Set(codes)).toEqual(new Set(["ews-unavailable"]));
    expect(scenario.source.health().state).toBe("down");
    await scenario.exchange.restart();
    expect(await fetch()).toHaveLength(3);
    expect(scenario.source.health().state).toBe("ok");
  });

  it("whose answers come in single bytes is read all the same", async () => {
    scenario.exchange.findMailbox(mailboxes[0] ?? "")?.addMeeting(MEETING);
    scenario.exchange.faults.cutChunks({ maximum: 40, seed: 7 });
    expect(words(await fetch())).toEqual(["busy", "", ""]);
  });
});

describe("a busy server", () => {
  beforeEach(() => setUp());

  it.each(["fault500", "inner200"] as const)("is left alone for as long as it asks (%s)", async (form) => {
    scenario.exchange.faults.serverBusy({ form, backOffMilliseconds: 4000 });
    expect(await gatewayError(fetch())).toMatchObject({ code: "ews-throttled", retryAfter: 4000 });
    const next = fetch();
    await scenario.runtime.clock.advance(3999);
    expect(scenario.exchange.stats.requestsOf("GetUserAvailability")).toBe(1);
    await scenario.runtime.clock.advance(1);
    expect(await next).toHaveLength(3);
  });

  it("that asks for a long time is not waited for: the caller is told when to come again", async () => {
    scenario.exchange.faults.serverBusy({ backOffMilliseconds: 60_000 });
    await gatewayError(fetch());
    await scenario.runtime.clock.advance(10_000);
    expect(await gatewayError(fetch())).toMatchObject({ code: "ews-throttled", retryAfter: 50_000 });
    expect(scenario.exchange.stats.requestsOf("GetUserAvailability")).toBe(1);
  });

  it("never gets more requests at once than its policy allows, once it has said so", async () => {
    await scenario.end();
    await setUp({ parameters: { "exchange-timeout": "20" }, exchange: { budgets: { maxConcurrency: 4 } } });
    await fetch();
    let failed = 0;
    for (let round = 0; round < 8; round++) {
      let settled = 0;
      failed = 0;
      for (let count = 0; count < 10; count++) {
        fetch()
          .catch(() => failed++)
          .finally(() => settled++);
      }
      await passUntil(scenario.runtime.clock, () => settled === 10);
    }
    expect(failed).toBeLessThanOrEqual(1);
  });
});

describe("a refused password", () => {
  beforeEach(() => setUp());

  it("is not tried again for five minutes, so that the account is not locked out", async () => {
    scenario.exchange.faults.unauthorized(100);
    const errors = await Promise.all(Array.from({ length: 20 }, () => gatewayError(fetch())));
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["ews-unauthorized"]));
    expect(scenario.exchange.stats.refusalsOf("unauthorized")).toBe(1);
    expect(scenario.source.health()).toMatchObject({ state: "down", error: { code: "ews-unauthorized" } });
    await scenario.runtime.clock.advance(minutes(5) - 1);
    expect((await gatewayError(fetch())).retryAfter).toBe(1);
    scenario.exchange.faults.clear();
    await scenario.runtime.clock.advance(1);
    expect(await fetch()).toHaveLength(3);
  });

  it("is tried at once when an administrator runs the test, which lifts the pause if it works", async () => {
    scenario.exchange.faults.unauthorized();
    await gatewayError(fetch());
    const steps = [];
    for await (const step of scenario.source.test?.({}, scenario.signal) ?? []) steps.push([step.step, step.ok]);
    expect(steps).toEqual([
      ["DNS", true],
      ["TCP", true],
      ["HTTP", true],
      ["login", true],
      ["version", true],
    ]);
    expect(await fetch()).toHaveLength(3);
  });
});

describe("cancelling", () => {
  it("settles a request in flight and one in the queue with the signal's reason", async () => {
    await setUp({ parameters: { "exchange-threads": "1" } });
    scenario.exchange.faults.hang();
    const cancelled = new AbortController();
    const reasons = [1, 2].map(() =>
      scenario.source.fetchBusyTime(mailboxes, WINDOW, cancelled.signal).catch((error: unknown) => error),
    );
    await until(() => scenario.exchange.stats.inFlight === 1);
    cancelled.abort("enough");
    expect(await Promise.all(reasons)).toEqual(["enough", "enough"]);
    expect(await fetch()).toHaveLength(3);
  });

  it("by stopping rejects what runs, and what comes after", async () => {
    await setUp();
    scenario.exchange.faults.hang();
    const running = gatewayError(fetch());
    await until(() => scenario.exchange.stats.inFlight === 1);
    await scenario.source.stop();
    expect((await running).code).toBe("ews-stopped");
    expect((await gatewayError(fetch())).code).toBe("ews-stopped");
    expect(scenario.source.health()).toEqual({ state: "stopped" });
  });
});
