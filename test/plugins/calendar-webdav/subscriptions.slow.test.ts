import { describe, expect, it } from "vitest";
import { WebdavCalendarSource } from "../../../plugins/calendar-webdav/webdav-calendar-source.ts";
import { hours, minutes, seconds } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { LoopbackListener } from "../../doubles/webdav/loopback-listener.ts";
import { startWatch, until } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, CAROL, useScenarios } from "./scenario.ts";
import { ALL, live, lose, meet, saw, watchUp } from "./watch-scenario.ts";

const start = useScenarios();

describe("a subscription", () => {
  it.each([true, false])("is renewed before its lifetime ends (ids together: %s)", async (takesBatches) => {
    const given = await start({ server: { takesBatches } });
    given.server.subscriptions.longestLifetime = 900;
    const watch = await watchUp(given);
    const before = given.server.count("SUBSCRIBE");
    await live(given, hours(1));
    expect(watch.error).toBeUndefined();
    expect(watch.words).toEqual([]);
    expect(given.server.subscriptions.all.size).toBe(3);
    expect([...given.server.subscriptions.all.keys()]).toEqual(["15", "16", "17"]);
    const renewals = given.server.count("SUBSCRIBE") - before;
    expect(renewals).toBeGreaterThanOrEqual(takesBatches ? 5 : 15);
    expect(renewals).toBeLessThanOrEqual(takesBatches ? 7 : 22);
  });

  it("that the server has lost is made anew, and its mailbox looked at", async () => {
    const given = await start();
    const watch = await watchUp(given);
    lose(given, BOB);
    await live(given, minutes(6));
    await saw(watch, `changed ${BOB}`);
    expect(watch.words).toEqual([`changed ${BOB}`]);
    watch.forget();
    meet(given, BOB);
    await saw(watch, `changed ${BOB}`);
  });

  it("of a mailbox that is gone ends, and the others go on", async () => {
    const given = await start();
    const watch = await watchUp(given);
    lose(given, BOB);
    given.server.removeMailbox(BOB);
    await live(given, minutes(6));
    await saw(watch, `failed ${BOB} webdav-mailbox-not-found`);
    meet(given, ALICE);
    await saw(watch, `changed ${ALICE}`);
  });

  it("that is refused for want of rights is told, and the watch of nothing but such rejects", async () => {
    const given = await start();
    const refusals = given.server.findMailbox(BOB)?.refusals;
    if (refusals) Object.assign(refusals, { root: 403, calendar: 403 });
    const watch = startWatch(given.source, [BOB]);
    await watch.ended;
    expect(watch.words).toEqual([`failed ${BOB} webdav-no-access`]);
    expect(watch.error).toMatchObject({ code: "webdav-no-access" });
  });

  it("is given back when the source stops, and when it is watched no more", async () => {
    const given = await start();
    const watch = await watchUp(given, [ALICE]);
    await watchUp(given, [BOB, CAROL]);
    watch.stop();
    await until(() => given.server.subscriptions.all.size === 2);
    await given.stop();
    expect(given.server.subscriptions.all.size).toBe(0);
    expect(given.memory.kept.size).toBe(0);
    expect(given.listener.urls).toEqual([]);
  });

  it("is given back alone when its mailbox is watched no more, and the others go on", async () => {
    const given = await start();
    const watch = await watchUp(given);
    if (given.source instanceof WebdavCalendarSource) given.source.unwatch([BOB]);
    await until(() => given.server.subscriptions.all.size === 2);
    await live(given, hours(1));
    meet(given, ALICE);
    await saw(watch, `changed ${ALICE}`);
    expect(watch.words).toEqual([`changed ${ALICE}`]);
    expect(given.server.subscriptions.all.size).toBe(2);
  });

  it("is not needed for a watch of nobody, which only waits", async () => {
    const given = await start();
    const watch = await watchUp(given, []);
    await live(given, hours(1));
    expect(watch.words).toEqual([]);
    watch.stop("enough");
    await watch.ended;
    expect(watch.error).toBe("enough");
    expect(given.server.requests).toEqual([]);
  });

  it("does not hold up the stop for more than two seconds, and is given back after the next start", async () => {
    const given = await start();
    const watch = await watchUp(given, [ALICE]);
    given.server.plan("never", { method: "UNSUBSCRIBE" });
    const before = given.runtime.clock.now();
    await given.stop();
    expect(given.runtime.clock.now() - before).toBeLessThanOrEqual(seconds(2.2));
    await watch.ended;
    expect(given.memory.kept.size).toBe(1);
    const next = await given.restarted();
    await watchUp({ source: next }, [BOB]);
    await until(() => given.server.subscriptions.all.size === 1);
    expect(given.memory.kept.size).toBe(1);
    await given.stop(next);
    expect(given.server.subscriptions.all.size).toBe(0);
  });

  it("is taken over by the next watch after the server failed for a while, so that nothing leaks", async () => {
    const given = await start();
    const watch = await watchUp(given);
    given.server.plan({ status: 503 }, { method: "POLL" });
    meet(given, ALICE);
    await watch.ended;
    expect(watch.words).toEqual([`changed ${ALICE}`]);
    expect(watch.error).toMatchObject({ code: "webdav-unavailable" });
    const next = await watchUp(given);
    expect([...given.server.subscriptions.all.keys()]).toEqual(["15", "16", "17"]);
    expect(given.server.count("UNSUBSCRIBE")).toBe(0);
    await live(given, minutes(6));
    meet(given, BOB);
    await saw(next, `changed ${BOB}`);
  });
});

describe("where no datagrams can be heard", () => {
  const taken = new GatewayError("port 50020 is taken", { type: "wait", code: "notification-port-taken" });
  const deafListener = (): LoopbackListener => {
    const listener = new LoopbackListener();
    listener.refusal = taken;
    return listener;
  };

  it("[P1] changes are asked for every minute, and the health says why", async () => {
    const given = await start({ listener: deafListener() });
    const watch = await watchUp(given);
    meet(given, CAROL);
    await live(given, minutes(2));
    await saw(watch, `changed ${CAROL}`);
    expect(given.server.subscriptions.sent).toBe(0);
    const { detail } = { detail: "", ...given.source.health() };
    expect(detail).toContain("port 50020 is taken");
  });

  it("datagrams are tried again after an hour", async () => {
    const listener = deafListener();
    const given = await start({ listener });
    const watch = await watchUp(given);
    await live(given, minutes(61));
    await watch.ended;
    expect(watch.error).toBe("returned");
    listener.refusal = undefined;
    const next = await watchUp(given);
    meet(given, CAROL);
    await saw(next, `changed ${CAROL}`);
    await until(() => given.server.subscriptions.all.size === 3);
  });

  it("[P1] the watch is refused with notifications=udp", async () => {
    const given = await start({ listener: deafListener(), options: { notifications: "udp" } });
    const watch = startWatch(given.source, ALL);
    await watch.ended;
    expect(watch.error).toBe(taken);
  });

  it("what a former process subscribed to is used again with notifications=poll", async () => {
    const given = await start({ options: { notifications: "poll" } });
    const watch = await watchUp(given);
    const next = await given.restarted(); // the former did not stop: it was killed
    const second = await watchUp({ source: next });
    expect([...given.server.subscriptions.all.keys()]).toEqual(["15", "16", "17"]);
    meet(given, ALICE);
    await live(given, minutes(2));
    await until(() => [...watch.words, ...second.words].includes(`changed ${ALICE}`));
    second.stop();
    await given.stop(next);
  });
});
