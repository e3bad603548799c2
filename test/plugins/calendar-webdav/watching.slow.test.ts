import { describe, expect, it } from "vitest";
import { minutes } from "../../../src/lib/time.ts";
import { until } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, CAROL, useScenarios } from "./scenario.ts";
import { live, meet, saw, watchUp } from "./watch-scenario.ts";

const start = useScenarios();

describe("changes told by UDP", () => {
  it("[P1] [W3] are heard at the notification port, each within one request", async () => {
    const given = await start();
    const watch = await watchUp(given);
    meet(given, BOB);
    await saw(watch, `changed ${BOB}`);
    expect(watch.words).toEqual([`changed ${BOB}`]);
    expect(given.server.count("POLL")).toBe(1);
    expect(given.source.health()).toMatchObject({ state: "ok", detail: expect.stringContaining("notified by UDP") });
  });

  it("[P1] are heard at the new port when it is changed, after everything was looked at", async () => {
    const given = await start();
    const watch = await watchUp(given);
    const [before] = given.listener.urls;
    given.listener.move();
    await watch.ended;
    expect(watch.error).toBe("returned");
    const next = await watchUp(given);
    expect(given.listener.urls).not.toContain(before);
    expect(given.server.subscriptions.all.size).toBe(3);
    meet(given, CAROL);
    await saw(next, `changed ${CAROL}`);
  });

  it("are told again after each acknowledgement, and none is missed in between", async () => {
    const given = await start();
    const watch = await watchUp(given);
    for (let round = 1; round <= 5; round++) {
      meet(given, ALICE);
      await until(() => watch.words.length === round);
    }
    expect(given.server.subscriptions.sent).toBe(5);
  });

  it("that come twice or more are looked at, and nothing else", async () => {
    const given = await start();
    given.server.subscriptions.copies = 5;
    const watch = await watchUp(given);
    meet(given, ALICE);
    await saw(watch, `changed ${ALICE}`);
    await until(() => given.listener.received === 5);
    expect(new Set(watch.words)).toEqual(new Set([`changed ${ALICE}`]));
  });

  it("that get lost are found by asking after five minutes", async () => {
    const given = await start();
    given.server.subscriptions.copies = 0;
    const watch = await watchUp(given);
    meet(given, BOB);
    await live(given, minutes(4));
    expect(watch.words).toEqual([]);
    await live(given, minutes(2));
    await saw(watch, `changed ${BOB}`);
    expect(given.server.count("POLL")).toBe(1);
  });

  it("of subscriptions that are not ours, or garbage, do nothing", async () => {
    const given = await start();
    const watch = await watchUp(given);
    const [url = ""] = given.listener.urls;
    given.server.subscriptions.send(new URL(url), "Subscription-id: 4711,,\r\n");
    given.server.subscriptions.send(new URL(url.replace("secret-path", "guess")), "Subscription-id: 15\r\n");
    await until(() => given.listener.received === 2);
    meet(given, BOB);
    await saw(watch, `changed ${BOB}`);
    expect(watch.words).toEqual([`changed ${BOB}`]);
  });

  it("without an id (the store shuts down) make everything looked at, after subscribing anew, once a minute at most", async () => {
    const given = await start();
    const watch = await watchUp(given);
    const [url = ""] = given.listener.urls;
    given.server.subscriptions.all.clear();
    for (let count = 0; count < 10; count++) given.server.subscriptions.send(new URL(url), "");
    await saw(watch, "all");
    expect(watch.words.filter((word) => word === "all")).toHaveLength(1);
    expect(given.server.subscriptions.all.size).toBe(3);
    await until(() => given.listener.received === 10);
    await live(given, minutes(2));
    expect(watch.words.filter((word) => word === "all")).toHaveLength(2);
  });
});
