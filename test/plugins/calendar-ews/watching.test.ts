import { afterEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus, seconds } from "../../../src/lib/time.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import {
  addMailboxes,
  type Scenario,
  type ScenarioOptions,
  startScenario,
  startWatch,
  until,
  type Watch,
} from "./scenario.ts";

const MEETING = { start: plus(MONDAY_MORNING, hours(1)), end: plus(MONDAY_MORNING, hours(2)), status: "busy" } as const;

let scenario: Scenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

afterEach(() => scenario.end());

const meet = (mailbox: Mailbox | undefined): string =>
  scenario.exchange.findMailbox(mailbox ?? "")?.addMeeting(MEETING) ?? "";

const saw = (watch: Watch, ...words: readonly string[]): Promise<void> =>
  until(() => words.every((word) => watch.words.includes(word)), `${words.join(", ")} (saw ${watch.words.join(", ")})`);

/** Lets time pass in the steps in which the server gives signs of life. */
async function live(length: number): Promise<void> {
  for (let passed = 0; passed < length; passed += seconds(15)) {
    await scenario.runtime.clock.advance(seconds(15));
    await settle();
  }
}

async function watchUp(): Promise<Watch> {
  const watch = startWatch(scenario.source, mailboxes);
  await saw(watch, "all");
  return watch;
}

describe("watching", () => {
  it("tells all when it is up, then each change within the same breath", async () => {
    await setUp();
    const watch = await watchUp();
    expect(watch.words[0]).toBe("all");
    watch.forget();
    const id = meet(mailboxes[1]);
    await saw(watch, "changed user001@example.com");
    watch.forget();
    scenario.exchange.findMailbox(mailboxes[1] ?? "")?.removeMeeting(id);
    await saw(watch, "changed user001@example.com");
    expect(watch.words).toEqual(["changed user001@example.com"]);
  });

  it("works with every version, and when answers come in single bytes", async () => {
    for (const version of ["exchange2010sp1", "exchange2010sp2", "exchange2013sp1", "exchange2019"] as const) {
      await setUp({ exchange: { version } });
      scenario.exchange.faults.cutChunks(1);
      const watch = await watchUp();
      meet(mailboxes[2]);
      await saw(watch, "changed user002@example.com");
      if (version !== "exchange2019") await scenario.end();
    }
  });

  it("keeps every subscription of a group on one server by header and cookie", async () => {
    await setUp({ exchange: { backEnds: 7 } }, 40);
    const watch = await watchUp();
    await settle();
    expect(watch.words).toEqual(["all"]);
    for (const mailbox of mailboxes) meet(mailbox);
    await saw(watch, ...mailboxes.map((mailbox) => `changed ${mailbox}`));
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(40);
    expect(scenario.exchange.stats.streamingConnections).toBe(1);
  });

  it("tells signs of life", async () => {
    await setUp();
    const watch = await watchUp();
    watch.forget();
    await live(minutes(2));
    await until(() => watch.changes.some(({ kind }) => kind === "alive"));
    expect(watch.words).toEqual([]);
    expect(watch.error).toBeUndefined();
  });

  it("goes on over the end of a connection's lifetime without a gap and without subscribing anew", async () => {
    await setUp();
    const watch = await watchUp();
    await live(minutes(28.75));
    watch.forget();
    await live(minutes(1));
    await until(() => scenario.exchange.stats.requestsOf("GetStreamingEvents") === 2);
    meet(mailboxes[0]);
    await saw(watch, "changed user000@example.com");
    expect(watch.words).not.toContain("all");
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(3);
  });

  it("watches 250 mailboxes as two groups side by side", async () => {
    await setUp({}, 250);
    const [first, second] = [mailboxes.slice(0, 200), mailboxes.slice(200)].map((group) =>
      startWatch(scenario.source, group),
    );
    if (!first || !second) throw new Error("two groups");
    await saw(first, "all");
    await saw(second, "all");
    expect(scenario.exchange.stats.subscriptions).toBe(250);
    expect(scenario.exchange.stats.streamingConnections).toBe(2);
    meet(mailboxes[249]);
    await saw(second, "changed user249@example.com");
    expect(first.words).not.toContain("changed user249@example.com");
    expect(scenario.exchange.stats.maxInFlight).toBeLessThanOrEqual(60);
    const tooMany = startWatch(scenario.source, mailboxes);
    await tooMany.ended;
    expect(tooMany.error).toMatchObject({ code: "ews-batch-too-big" });
  });
});

describe("an internationalised address", () => {
  it("is watched like any other, also as the anchor", async () => {
    await setUp({}, 0);
    mailboxes = ["älice@example.com", "чайка@example.com"].map(parseMailbox);
    for (const mailbox of mailboxes) scenario.exchange.addMailbox(mailbox);
    const watch = await watchUp();
    meet(mailboxes[1]);
    await saw(watch, "changed чайка@example.com");
  });
});

describe("a mailbox that cannot be watched", () => {
  it("is reported, and the others are watched, even if it would have been the anchor", async () => {
    await setUp();
    const [first, second, third] = mailboxes;
    scenario.exchange.faults.moveMailbox(first ?? "");
    const watch = await watchUp();
    expect(watch.words.slice(0, 2)).toEqual(["failed user000@example.com ews-mailbox-moving", "all"]);
    meet(second);
    meet(third);
    await saw(watch, `changed ${second}`, `changed ${third}`);
  });

  it("is reported for every one, and the watch rejects, when the account may not impersonate", async () => {
    await setUp({ exchange: { accounts: [{ user: "svc", password: "p:ä&s" }] } });
    const watch = startWatch(scenario.source, mailboxes);
    await watch.ended;
    expect(watch.words).toEqual(mailboxes.map((mailbox) => `failed ${mailbox} ews-impersonation-denied`));
    expect(watch.error).toMatchObject({ code: "ews-impersonation-denied", type: "auth" });
  });

  it("because it moves is reported when that begins, and the others go on", async () => {
    await setUp();
    const watch = await watchUp();
    await live(seconds(30));
    watch.forget();
    scenario.exchange.faults.moveMailbox(mailboxes[1] ?? "");
    await saw(watch, "failed user001@example.com ews-mailbox-moving");
    meet(mailboxes[0]);
    await saw(watch, "changed user000@example.com");
  });
});

describe("subscriptions that the server lost", () => {
  it("are made anew, only they, and their mailboxes are looked at again", async () => {
    await setUp();
    const watch = await watchUp();
    await live(seconds(30));
    watch.forget();
    scenario.exchange.faults.endSubscriptions(mailboxes[1] ?? "", "ErrorSubscriptionNotFound");
    await saw(watch, "changed user001@example.com");
    await until(() => scenario.exchange.stats.requestsOf("GetStreamingEvents") === 2);
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(4);
    watch.forget();
    meet(mailboxes[1]);
    await saw(watch, "changed user001@example.com");
    expect(watch.words).not.toContain("all");
  });

  it("again and again at once end the watch, instead of a storm", async () => {
    await setUp();
    const watch = await watchUp();
    scenario.exchange.faults.endSubscriptions(mailboxes[1] ?? "", "ErrorSubscriptionNotFound");
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-subscription-lost", type: "wait" });
  });
});

describe("a lost connection", () => {
  it("ends the watch with an error that says to come again", async () => {
    await setUp();
    const watch = await watchUp();
    scenario.exchange.faults.dropStreaming();
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-unavailable", type: "wait" });
    const again = await watchUp();
    meet(mailboxes[0]);
    await saw(again, "changed user000@example.com");
  });

  it("by a restart of the server is got over by watching again", async () => {
    await setUp();
    const watch = await watchUp();
    await scenario.exchange.restart();
    await watch.ended;
    expect(watch.error).toMatchObject({ type: "wait" });
    const again = await watchUp();
    meet(mailboxes[0]);
    await saw(again, "changed user000@example.com");
  });

  it("is noticed by silence, when nothing at all is heard for three minutes", async () => {
    await setUp({ exchange: { streamingHeartbeat: hours(1) } });
    const watch = await watchUp();
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
    ["no answer", () => scenario.exchange.faults.hang({ operation: "GetStreamingEvents" }), "ews-timeout"],
    [
      "a refused password",
      () => scenario.exchange.faults.unauthorized({ operation: "GetStreamingEvents" }),
      "ews-unauthorized",
    ],
  ])("has its own error when instead of notifications there is %s", async (_what, fault, code) => {
    await setUp();
    fault();
    const watch = startWatch(scenario.source, mailboxes);
    await until(() => scenario.exchange.stats.requestsOf("GetStreamingEvents") === 1);
    await until(async () => {
      await scenario.runtime.clock.advance(1000);
      return watch.error !== undefined;
    });
    expect(watch.error).toMatchObject({ code });
    expect(watch.words).toEqual([]);
  });
});

describe("a busy server while subscribing", () => {
  it("is left alone for as long as it asks, and then all are subscribed", async () => {
    await setUp({}, 30);
    scenario.exchange.faults.serverBusy({ operation: "Subscribe", backOffMilliseconds: 8000, times: 4 });
    const watch = startWatch(scenario.source, mailboxes);
    await until(async () => {
      if (scenario.exchange.stats.inFlight === 0) await scenario.runtime.clock.advance(500);
      return watch.words.includes("all");
    });
    expect(watch.words).toEqual(["all"]);
    expect(scenario.exchange.stats.subscriptions).toBe(30);
  });

  it("that allows few requests at a time is not asked more for long", async () => {
    await setUp({ exchange: { version: "exchange2010sp2", budgets: { maxConcurrency: 2 } } }, 40);
    const watch = startWatch(scenario.source, mailboxes);
    await until(async () => {
      // Time passes only while nothing is on its way: else requests would time out that a busy machine delays.
      if (scenario.exchange.stats.inFlight === 0) await scenario.runtime.clock.advance(200);
      return watch.words.includes("all");
    });
    const failed = watch.words.filter((word) => word.startsWith("failed"));
    expect(scenario.exchange.stats.subscriptions + failed.length).toBe(40);
    expect(failed).toEqual([]);
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

describe("the end of a watch", () => {
  it("settles at once with the signal's reason and leaves no subscription behind", async () => {
    await setUp({}, 20);
    const watch = await watchUp();
    watch.stop("enough");
    await watch.ended;
    expect(watch.error).toBe("enough");
    await until(() => scenario.exchange.stats.subscriptions === 0, "no subscription left");
    await until(() => scenario.exchange.stats.streamingConnections === 0);
  });

  it("by stopping the source leaves no subscription behind", async () => {
    await setUp({}, 20);
    const watch = await watchUp();
    await scenario.source.stop();
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-stopped", type: "cancel" });
    expect(scenario.exchange.stats.subscriptions).toBe(0);
    expect(scenario.exchange.stats.streamingConnections).toBe(0);
  });

  it("by a server that does not answer takes at most two seconds", async () => {
    await setUp({}, 20);
    const watch = await watchUp();
    scenario.exchange.faults.hang(1000);
    let hasStopped = false;
    const stopped = scenario.source.stop().then(() => {
      hasStopped = true;
    });
    await watch.ended;
    await scenario.runtime.clock.advance(1999);
    expect(hasStopped).toBe(false);
    await scenario.runtime.clock.advance(1);
    await stopped;
  });

  it("comes with the signal when there is no mailbox to watch, and is no error before", async () => {
    await setUp({}, 0);
    const watch = startWatch(scenario.source, []);
    await settle();
    expect(watch.error).toBeUndefined();
    watch.stop("enough");
    await watch.ended;
    expect(watch.error).toBe("enough");
  });
});
