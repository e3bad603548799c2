import { afterEach, describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { instant, minutes, plus } from "../../../src/lib/time.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { type PushScenario, pass, startPushScenario, told, watchUp } from "./push-scenario.ts";
import { addMailboxes, type ScenarioOptions, until } from "./scenario.ts";
import { meet } from "./watch-scenario.ts";

let scenario: PushScenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startPushScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

afterEach(() => scenario.end());

describe("pull notifications", () => {
  it.each(["exchange2007sp1", "exchange2010sp1", "exchange2016"] as const)(
    "ask %s for each mailbox once in five minutes, and tell changes",
    async (version) => {
      await setUp({ exchange: { version }, options: { notifications: "pull" } });
      const watch = await watchUp(scenario, mailboxes);
      watch.forget();
      meet(scenario, mailboxes[1]);
      await pass(scenario, minutes(5));
      await until(() => watch.words.length > 0);
      expect(watch.words).toEqual(["changed user001@example.com"]);
      expect(scenario.exchange.stats.requestsOf("GetEvents")).toBe(3);
      watch.forget();
      await pass(scenario, minutes(30));
      expect(watch.words).toEqual([]); // each change once
      expect(watch.error).toBeUndefined();
    },
  );

  it("that the server lost are subscribed anew, and the mailbox is looked at", async () => {
    await setUp({ options: { notifications: "pull" } });
    const watch = await watchUp(scenario, mailboxes);
    await pass(scenario, minutes(1));
    watch.forget();
    scenario.exchange.faults.endSubscriptions(mailboxes[2] ?? "", "ErrorExpiredSubscription");
    await pass(scenario, minutes(6));
    expect(watch.words).toEqual(["changed user002@example.com"]);
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(4);
  });

  it("of a mailbox that is gone fail for it alone", async () => {
    await setUp({ options: { notifications: "pull" } });
    scenario.exchange.faults.moveMailbox(mailboxes[0] ?? "");
    const watch = await watchUp(scenario, mailboxes);
    expect(watch.words).toEqual(["failed user000@example.com ews-mailbox-moving", "all"]);
  });
});

describe("a server whose clock is ten minutes off", () => {
  it.each([
    ["streaming", -10],
    ["streaming", 10],
    ["push", -10],
    ["push", 10],
  ] as const)("is watched by %s (%d minutes) as any other, and meetings stand where they are", async (way, skew) => {
    let now = (): number => MONDAY_MORNING;
    const clock = {
      now: () => now() + minutes(skew),
      setTimeout: (action: () => void, length: number) => follow.setTimeout(action, length),
    };
    let follow = followClock({ now: () => instant(now()), at: () => () => undefined });
    await setUp({ exchange: { clock }, options: { notifications: way } });
    now = () => scenario.runtime.clock.now();
    follow = followClock(scenario.runtime.clock);
    const watch = await watchUp(scenario, mailboxes);
    watch.forget();
    meet(scenario, mailboxes[1]);
    await told(scenario, watch, "changed user001@example.com");
    const window = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, minutes(300)) };
    const [, result] = await scenario.source.fetchBusyTime(mailboxes, window, scenario.signal);
    expect(result).toMatchObject({
      intervals: [{ start: plus(MONDAY_MORNING, minutes(60)), end: plus(MONDAY_MORNING, minutes(120)) }],
    });
    await pass(scenario, minutes(5));
    expect(watch.error).toBeUndefined();
  });
});
