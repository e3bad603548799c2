import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { minutes } from "../../../src/lib/time.ts";
import { listenOnLoopback } from "../../doubles/listen-on-loopback.ts";
import { findFreePort } from "../../lab/free-ports.ts";
import { post } from "../../shell/notification-stage.ts";
import { type PushScenario, pass, startPushScenario, told, watchUp } from "./push-scenario.ts";
import { addMailboxes, type ScenarioOptions, startWatch, until } from "./scenario.ts";
import { meet, saw } from "./watch-scenario.ts";

let scenario: PushScenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startPushScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

const detail = (): string => {
  const health = scenario.source.health();
  return health.state === "ok" ? (health.detail ?? "") : health.state;
};
const eventNames = (): readonly string[] => scenario.runtime.events.map(({ event }) => event);

afterEach(() => scenario.end());

describe("[P1] push notifications", () => {
  it("are heard on the notification port, and nothing is left behind at the end", async () => {
    await setUp({ options: { notifications: "push" } }, 20);
    const watch = await watchUp(scenario, mailboxes);
    expect(detail()).toContain("notifications by push for 20 of 20 mailboxes");
    watch.forget();
    meet(scenario, mailboxes[7]);
    await told(scenario, watch, "changed user007@example.com");
    await pass(scenario, minutes(1));
    expect(watch.words.filter((word) => !word.endsWith("user007@example.com"))).not.toContain("all");
    watch.stop();
    await watch.ended;
    await until(() => scenario.exchange.stats.subscriptions === 0, "no subscription left");
    await until(() => scenario.memory.kept.size === 0, "nothing remembered");
  });

  it("[W1] [W3] come from Exchange 2007 by themselves, which has no streaming", async () => {
    await setUp({ exchange: { version: "exchange2007sp1" } });
    const watch = await watchUp(scenario, mailboxes);
    expect(detail()).toMatch(/^Exchange 2007 SP1 \(8\.1\.436\), .* notifications by push for 3 of 3 mailboxes/);
    watch.forget();
    meet(scenario, mailboxes[1]);
    await told(scenario, watch, "changed user001@example.com");
    expect(scenario.exchange.stats.requestsOf("GetStreamingEvents")).toBe(0);
    expect(eventNames().filter((name) => name === "ews.version-stepped-down")).toHaveLength(2);
  });

  it("[W2] come from Exchange SE where they are wanted, each with a path that cannot be guessed", async () => {
    await setUp({ exchange: { version: "exchangeSe" }, options: { notifications: "push" } });
    const watch = await watchUp(scenario, mailboxes);
    const port = scenario.parameters["exchange-notification-port"];
    expect((await post(`http://127.0.0.1:${port}/n/id-0`)).status).toBe(404);
    expect((await post(`http://127.0.0.1:${port}/n/id-1`, "garbage")).status).toBe(400);
    watch.forget();
    meet(scenario, mailboxes[2]);
    await told(scenario, watch, "changed user002@example.com");
  });

  it("[P6] are asked for with the status frequency; silence of twice that subscribes anew", async () => {
    await setUp({ options: { notifications: "push" }, parameters: { "ews-status-frequency": "10" } });
    const watch = await watchUp(scenario, mailboxes);
    await pass(scenario, minutes(1));
    watch.forget();
    scenario.exchange.faults.endSubscriptions(mailboxes[1] ?? "", "ErrorExpiredSubscription");
    await pass(scenario, minutes(19));
    expect(watch.words).toEqual([]);
    await pass(scenario, minutes(4), () => watch.words.length > 0);
    expect(watch.words).toEqual(["changed user001@example.com"]);
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(4);
    meet(scenario, mailboxes[1]);
    watch.forget();
    await told(scenario, watch, "changed user001@example.com");
    expect(watch.error).toBeUndefined();
  });

  it("[P6] follow the parameter when it is changed", async () => {
    await setUp({ options: { notifications: "push" } });
    const watch = await watchUp(scenario, mailboxes);
    watch.forget();
    scenario.parameters["ews-status-frequency"] = "30";
    await pass(scenario, minutes(1));
    await told(scenario, watch, "all");
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(6);
    await until(() => scenario.exchange.stats.subscriptions === 3, "the old subscriptions are ended");
  });

  it("[R8] go on at another port without losing a user when the port is changed", async () => {
    await setUp({ options: { notifications: "push" } });
    const watch = await watchUp(scenario, mailboxes);
    watch.forget();
    scenario.parameters["exchange-notification-port"] = String(await findFreePort());
    await scenario.listener.portChanged();
    await told(scenario, watch, "all");
    watch.forget();
    for (const mailbox of mailboxes) meet(scenario, mailbox);
    await told(scenario, watch, ...mailboxes.map((mailbox) => `changed ${mailbox}`));
    await until(() => scenario.exchange.stats.subscriptions === 3, "the old subscriptions are ended");
  });
});

describe("a server that accepts connections and never answers", () => {
  it("is a timeout, and no reason to give push up", async () => {
    await setUp({ options: { notifications: "push" } });
    scenario.exchange.faults.hang({ times: 1000, operation: "Subscribe" });
    const watch = startWatch(scenario.source, mailboxes);
    await until(async () => {
      await scenario.runtime.clock.advance(500);
      return watch.error !== undefined;
    });
    expect(watch.error).toMatchObject({ code: "ews-timeout", type: "wait" });
    expect(eventNames()).not.toContain("ews.notifications-fell-back");
    scenario.exchange.faults.clear();
    await watchUp(scenario, mailboxes);
  });
});

describe("push that cannot work", () => {
  it("because the server does not reach the gateway gives way to pull after two minutes, says so, and is tried again", async () => {
    await setUp({
      options: { notifications: "push", "notification-sources": "192.0.2.1" },
      parameters: { "exchange-timeout": "20" },
    });
    const watch = startWatch(scenario.source, mailboxes);
    await pass(scenario, minutes(2));
    expect(watch.words).toEqual([]);
    await pass(scenario, minutes(1), () => watch.words.length > 0);
    expect(watch.words).toEqual(["all"]);
    expect(detail()).toContain("notifications by pull for 3 of 3 mailboxes");
    expect(scenario.runtime.events.find(({ event }) => event === "ews.notifications-fell-back")?.fields).toMatchObject({
      from: "push",
      to: "pull",
      code: "ews-push-unreachable",
    });
    watch.forget();
    meet(scenario, mailboxes[2]);
    await pass(scenario, minutes(6), () => watch.words.length > 0);
    expect(watch.words).toEqual(["changed user002@example.com"]);
    const asked = scenario.exchange.stats.requestsOf("GetEvents");
    expect(asked).toBeLessThanOrEqual(6); // each once in five minutes
    await pass(scenario, minutes(62), () => detail().includes("by push"));
    expect(detail()).toContain("by push");
    await pass(scenario, minutes(4), () => detail().includes("by pull"));
    expect(eventNames().filter((name) => name === "ews.notifications-fell-back")).toHaveLength(1);
  });

  it("because the port is taken gives way to pull at once, with what to do in the log", async () => {
    const taken = createServer();
    const port = String(await listenOnLoopback(taken));
    await setUp({ options: { notifications: "push", "notification-port": port } });
    const watch = await watchUp(scenario, mailboxes);
    expect(detail()).toContain("notifications by pull for 3 of 3 mailboxes");
    expect(scenario.runtime.events.find(({ event }) => event === "ews.notifications-fell-back")?.fields).toMatchObject({
      code: "notification-port-taken",
      message: expect.stringContaining("parameter set exchange-notification-port"),
    });
    watch.stop();
    taken.close();
  });
});

describe("streaming that cannot work", () => {
  it("because each connection is cut within seconds gives way to push, and comes back when it works", async () => {
    await setUp();
    for (let cut = 0; cut < 5; cut++) {
      const watch = startWatch(scenario.source, mailboxes);
      await saw(watch, "all");
      scenario.exchange.faults.dropStreaming();
      if (cut < 4) {
        await watch.ended;
        expect(watch.error).toMatchObject({ code: "ews-unavailable" });
        continue;
      }
      watch.forget();
      await told(scenario, watch, "all"); // the same watch, by push now
      expect(detail()).toContain("notifications by push for 3 of 3 mailboxes");
      await pass(scenario, minutes(62), () => detail().includes("by streaming"));
      await pass(scenario, minutes(2));
      expect(detail()).toContain("notifications by streaming for 3 of 3 mailboxes");
      expect(eventNames()).toContain("ews.notifications-went-up");
      watch.forget();
      meet(scenario, mailboxes[0]);
      await told(scenario, watch, "changed user000@example.com");
    }
  });

  it("is not what an ordinary outage is taken for", async () => {
    await setUp();
    const watch = startWatch(scenario.source, mailboxes);
    await saw(watch, "all");
    await scenario.exchange.stop();
    await watch.ended;
    for (let times = 0; times < 8; times++) {
      const again = startWatch(scenario.source, mailboxes);
      await again.ended;
      expect(again.error).toMatchObject({ code: "ews-unavailable" });
    }
    expect(eventNames()).not.toContain("ews.notifications-fell-back");
    await scenario.exchange.restart();
    await saw(startWatch(scenario.source, mailboxes), "all");
    expect(detail()).toContain("by streaming");
  });
});

describe("what a crash left behind", () => {
  it("is taken up again: nothing is subscribed twice, and nothing is missed", async () => {
    await setUp({}, 20);
    await saw(startWatch(scenario.source, mailboxes), "all");
    const again = await crash();
    const watch = startWatch(again.source, mailboxes);
    await saw(watch, "all");
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(20);
    expect(scenario.exchange.stats.subscriptions).toBe(20);
    meet(scenario, mailboxes[13]);
    await saw(watch, "changed user013@example.com");
    await again.end();
    expect(scenario.exchange.stats.subscriptions).toBe(0);
    expect(scenario.memory.kept.size).toBe(0); // a clean stop waits for that
  });

  it("is subscribed anew where the server has lost it", async () => {
    await setUp({}, 5);
    await saw(startWatch(scenario.source, mailboxes), "all");
    const again = await crash();
    scenario.exchange.faults.endSubscriptions(mailboxes[2] ?? "", "ErrorSubscriptionNotFound");
    const watch = startWatch(again.source, mailboxes);
    await saw(watch, "all");
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(6);
    await scenario.exchange.restart();
    await watch.ended;
    const third = startWatch(again.source, mailboxes);
    await saw(third, "all");
    expect(scenario.exchange.stats.subscriptions).toBe(5);
    await again.end();
  });

  it("is ended where nobody wants it any more", async () => {
    await setUp({}, 4);
    await saw(startWatch(scenario.source, mailboxes), "all");
    const again = await crash();
    const watch = startWatch(again.source, mailboxes.slice(0, 2));
    await saw(watch, "all");
    expect(scenario.exchange.stats.subscriptions).toBe(4);
    await pass(
      { ...again, exchange: scenario.exchange },
      minutes(6),
      () => scenario.exchange.stats.subscriptions === 2,
    );
    expect(scenario.exchange.stats.subscriptions).toBe(2);
    await until(() => scenario.memory.kept.size === 2, "the end is confirmed");
    expect(watch.error).toBeUndefined();
    await again.end();
    expect(scenario.memory.kept.size).toBe(0);
  });

  it("is known with the cookies that lead to its server, and no others", async () => {
    await setUp({ exchange: { backEnds: 5 } }, 2);
    await saw(startWatch(scenario.source, mailboxes), "all");
    const [host, kind, mailbox, anchor, cookies] = JSON.parse([...scenario.memory.kept.values()][1] ?? "");
    expect([host, kind, mailbox, anchor]).toEqual([
      new URL(scenario.exchange.url).host,
      "streaming",
      ...[mailboxes[1], mailboxes[0]],
    ]);
    expect(cookies).toMatch(/^X-BackEndOverrideCookie=[^;]+$/);
  });
});

/** The process dies without a word; another one starts, with what the first one remembered, at the same server. */
async function crash(): Promise<PushScenario> {
  const { exchange, memory, runtime } = scenario;
  const kept = new Map(memory.kept);
  // What the first one says at its end is not heard: for the server it simply vanishes.
  exchange.faults.hang({ times: 1000, operation: "Unsubscribe" });
  let hasStopped = false;
  void scenario.source.stop().then(() => {
    hasStopped = true;
  });
  await until(async () => {
    await runtime.clock.advance(100);
    return hasStopped && exchange.stats.streamingConnections === 0;
  });
  exchange.faults.clear();
  memory.kept.clear();
  for (const [id, value] of kept) memory.kept.set(id, value);
  return startPushScenario({ options: { url: exchange.url } }, scenario);
}
