import { afterEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { minutes, seconds } from "../../../src/lib/time.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { addMailboxes, type Scenario, type ScenarioOptions, startScenario, startWatch, until } from "./scenario.ts";
import { live, meet, saw, watchUp } from "./watch-scenario.ts";

let scenario: Scenario;
let mailboxes: readonly Mailbox[];

async function setUp(options: ScenarioOptions = {}, count = 3): Promise<void> {
  scenario = await startScenario(options);
  mailboxes = addMailboxes(scenario.exchange, count);
}

afterEach(() => scenario.end());

describe("watching", () => {
  it("tells all when it is up, then each change within the same breath", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    expect(watch.words[0]).toBe("all");
    watch.forget();
    const id = meet(scenario, mailboxes[1]);
    await saw(watch, "changed user001@example.com");
    watch.forget();
    scenario.exchange.findMailbox(mailboxes[1] ?? "")?.removeMeeting(id);
    await saw(watch, "changed user001@example.com");
    expect(watch.words).toEqual(["changed user001@example.com"]);
  });

  it("works with every version, and when answers come in crumbs", async () => {
    for (const version of ["exchange2010sp1", "exchange2010sp2", "exchange2013sp1", "exchange2019"] as const) {
      await setUp({ exchange: { version } });
      scenario.exchange.faults.cutChunks({ maximum: 9, seed: 3 });
      const watch = await watchUp(scenario, mailboxes);
      meet(scenario, mailboxes[2]);
      await saw(watch, "changed user002@example.com");
      if (version !== "exchange2019") await scenario.end();
    }
  });

  it("keeps every subscription of a group on one server by header and cookie", async () => {
    await setUp({ exchange: { backEnds: 7 } }, 40);
    const watch = await watchUp(scenario, mailboxes);
    await settle();
    expect(watch.words).toEqual(["all"]);
    for (const mailbox of mailboxes) meet(scenario, mailbox);
    await saw(watch, ...mailboxes.map((mailbox) => `changed ${mailbox}`));
    expect(scenario.exchange.stats.requestsOf("Subscribe")).toBe(40);
    expect(scenario.exchange.stats.streamingConnections).toBe(1);
  });

  it("tells signs of life", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    watch.forget();
    await live(scenario, minutes(2));
    await until(() => watch.changes.some(({ kind }) => kind === "alive"));
    expect(watch.words).toEqual([]);
    expect(watch.error).toBeUndefined();
  });

  it("goes on over the end of a connection's lifetime without a gap and without subscribing anew", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    await live(scenario, minutes(28.75));
    watch.forget();
    await live(scenario, minutes(1));
    await until(() => scenario.exchange.stats.requestsOf("GetStreamingEvents") === 2);
    meet(scenario, mailboxes[0]);
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
    meet(scenario, mailboxes[249]);
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
    const watch = await watchUp(scenario, mailboxes);
    meet(scenario, mailboxes[1]);
    await saw(watch, "changed чайка@example.com");
  });
});

describe("a mailbox that cannot be watched", () => {
  it("is reported, and the others are watched, even if it would have been the anchor", async () => {
    await setUp();
    const [first, second, third] = mailboxes;
    scenario.exchange.faults.moveMailbox(first ?? "");
    const watch = await watchUp(scenario, mailboxes);
    expect(watch.words.slice(0, 2)).toEqual(["failed user000@example.com ews-mailbox-moving", "all"]);
    meet(scenario, second);
    meet(scenario, third);
    await saw(watch, `changed ${second}`, `changed ${third}`);
  });

  it("is reported for every one, and the watch rejects, when the account may not impersonate", async () => {
    await setUp({ exchange: { accounts: [{ user: "svc", password: "p:ä&s" }] } });
    const watch = startWatch(scenario.source, mailboxes);
    await watch.ended;
    expect(watch.words).toEqual(mailboxes.map((mailbox) => `failed ${mailbox} ews-impersonation-denied`));
    expect(watch.error).toMatchObject({ code: "ews-impersonation-denied", type: "auth" });
  });

  it("[K2] because it moves is reported when that begins, and the others go on", async () => {
    await setUp();
    const watch = await watchUp(scenario, mailboxes);
    await live(scenario, seconds(30));
    watch.forget();
    scenario.exchange.faults.moveMailbox(mailboxes[1] ?? "");
    await saw(watch, "failed user001@example.com ews-mailbox-moving");
    meet(scenario, mailboxes[0]);
    await saw(watch, "changed user000@example.com");
  });
});

describe("the end of a watch", () => {
  it("settles at once with the signal's reason and leaves no subscription behind", async () => {
    await setUp({}, 20);
    const watch = await watchUp(scenario, mailboxes);
    watch.stop("enough");
    await watch.ended;
    expect(watch.error).toBe("enough");
    await until(() => scenario.exchange.stats.subscriptions === 0, "no subscription left");
    await until(() => scenario.exchange.stats.streamingConnections === 0);
  });

  it("by stopping the source leaves no subscription behind", async () => {
    await setUp({}, 20);
    const watch = await watchUp(scenario, mailboxes);
    await scenario.source.stop();
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-stopped", type: "cancel" });
    expect(scenario.exchange.stats.subscriptions).toBe(0);
    expect(scenario.exchange.stats.streamingConnections).toBe(0);
  });

  it("by a server that does not answer takes at most two seconds", async () => {
    await setUp({}, 20);
    const watch = await watchUp(scenario, mailboxes);
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
