import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { hours, minutes, plus, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { type EngineLab, meeting, shownOf, startEngineLab } from "./engine-lab.ts";

const ALICE = "alice@example.com";
const BOB = "bob@example.com";
const outage = (type: "wait" | "auth" = "wait") =>
  new GatewayError("the server is away", { type, code: "test-outage" });

describe("the gateway", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
  });
  afterEach(async () => {
    await lab.close();
  });

  it("[M3] shows a planned meeting from its start to its end without asking the calendar again", async () => {
    lab.calendar.set(ALICE, [meeting(10, 40)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    const fetches = lab.calendar.fetches.length;
    expect(shownOf(lab, ALICE)).toBe("nothing");
    await lab.runtime.clock.advance(minutes(10));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    await lab.runtime.clock.advance(minutes(30));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    expect(lab.calendar.fetches.length).toBe(fetches);
  });

  it("shows an ad hoc meeting as soon as the calendar server tells of it", async () => {
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.runtime.clock.advance(minutes(1));
    lab.calendar.set(ALICE, [meeting(0, 30)]);
    await lab.runtime.clock.advance(100);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("tells the calendar server of a change that only a routine read has found, once", async () => {
    await lab.enable(ALICE);
    await lab.enable(BOB);
    lab.calendar.set(BOB, [meeting(30, 60)]);
    await lab.runtime.clock.advance(minutes(1));
    lab.calendar.meetings.set(parseMailbox(ALICE), [meeting(0, 300)]);
    await lab.runtime.clock.advance(hours(3));
    expect(lab.calendar.unnoticed).toEqual([ALICE]);
  });

  it("withdraws a meeting that is removed while it runs", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    await lab.runtime.clock.advance(minutes(1));
    lab.calendar.set(ALICE, []);
    await lab.runtime.clock.advance(100);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("does not flicker between meetings that touch, and sends nothing at the seam", async () => {
    lab.calendar.set(ALICE, [meeting(0, 15), meeting(15, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    const sent = lab.publisher.sent.length;
    await lab.runtime.clock.advance(minutes(20));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    expect(lab.publisher.sent.length).toBe(sent);
  });

  it("shows nothing while no client is online, and the meeting as soon as one is", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    await lab.enable(ALICE);
    expect(shownOf(lab, ALICE)).toBe("nothing");
    lab.clients.online(ALICE);
    await lab.runtime.clock.advance(10);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    lab.clients.offline(ALICE);
    await lab.runtime.clock.advance(10);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("knows who is online when somebody is enabled later", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.runtime.clock.advance(minutes(1));
    await lab.enable(ALICE);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("[R7] [K3] withdraws everything of somebody who is disabled or removed, without a restart", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.store.registry.deleteUser(parsePresentityId(ALICE));
    await lab.runtime.clock.advance(1000);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    expect(lab.store.journal.find(parsePresentityId(ALICE))).toBeUndefined();
  });

  it("[U6] withdraws and forgets the calendar of somebody who opts out, and reads it anew when they come back", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    const alice = parsePresentityId(ALICE);
    await lab.store.registry.replaceOptOut(alice, lab.runtime.clock.now());
    await lab.runtime.clock.advance(seconds(1));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    expect(lab.gateway.describe(alice)?.calendar).toBeUndefined();
    const fetches = lab.calendar.fetches.length;
    await lab.runtime.clock.advance(hours(2));
    expect(lab.calendar.fetches.length).toBe(fetches);
    lab.calendar.set(ALICE, [meeting(100, 150)]);
    await lab.store.registry.replaceOptOut(alice, undefined);
    await lab.runtime.clock.advance(seconds(10));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("[U6] shows what the user has set by chat, and the meeting again when that is over", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 60)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    const now = lab.runtime.clock.now();
    const set = { kind: "set", show: "away", setAt: now, until: plus(now, minutes(20)) } as const;
    lab.gateway.setOverride(parsePresentityId(ALICE), set);
    await lab.runtime.clock.advance(10);
    expect(shownOf(lab, ALICE)).toBe("away");
    await lab.runtime.clock.advance(minutes(20));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("[R8] lets a changed parameter take effect at once", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.store.registry.replaceParameter("busy-as", "away");
    await lab.runtime.clock.advance(1000);
    expect(shownOf(lab, ALICE)).toBe("away/in-a-meeting");
  });

  it("[P2] spreads starts by a fixed offset a user and never delays an end", async () => {
    await lab.store.registry.replaceParameter("calendar-spread", "59");
    const users = Array.from({ length: 40 }, (_, index) => `user${index}@example.com`);
    for (const user of users) {
      lab.calendar.set(user, [meeting(10, 20)]);
      lab.clients.online(user);
      await lab.enable(user);
    }
    await lab.runtime.clock.advance(plus(MONDAY_MORNING, minutes(10)) - lab.runtime.clock.now() + 100);
    const atStart = users.filter((user) => shownOf(lab, user) === "dnd/in-a-meeting").length;
    expect(atStart).toBeLessThan(10);
    await lab.runtime.clock.advance(seconds(60));
    expect(users.filter((user) => shownOf(lab, user) === "dnd/in-a-meeting").length).toBe(users.length);
    await lab.runtime.clock.advance(plus(MONDAY_MORNING, minutes(20)) - lab.runtime.clock.now() + 100);
    expect(users.filter((user) => shownOf(lab, user) !== "unavailable")).toEqual([]);
  });

  it("holds no start back when the clock is set back while many are being woken", async () => {
    lab.clients.online(BOB);
    lab.calendar.set(BOB, [meeting(-5, 10)]);
    await lab.enable(BOB);
    for (let index = 0; index < 120; index++) {
      lab.clients.online(`user${index}@example.com`);
      lab.calendar.set(`user${index}@example.com`, [meeting(10, 60)]);
      await lab.enable(`user${index}@example.com`);
    }
    const { publisher } = lab;
    const publish = publisher.publish.bind(publisher);
    let isSetBack = false;
    publisher.publish = (publication) => {
      if (!isSetBack && lab.runtime.clock.now() >= plus(MONDAY_MORNING, minutes(10))) {
        isSetBack = true;
        lab.runtime.clock.step(-minutes(8));
      }
      return publish(publication);
    };
    await lab.runtime.clock.advance(plus(MONDAY_MORNING, minutes(10)) - lab.runtime.clock.now() + 100);
    expect(isSetBack).toBe(true);
    lab.calendar.set(ALICE, [meeting(-5, 60)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.runtime.clock.advance(seconds(2));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("keeps one bad mailbox from harming the others", async () => {
    lab.calendar.failing.set(
      parseMailbox(BOB),
      new GatewayError("no such mailbox", { type: "cancel", code: "ews-mailbox-not-found" }),
    );
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    lab.clients.online(BOB);
    await lab.enable(BOB);
    await lab.enable(ALICE);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    expect(lab.gateway.presentities.find(parsePresentityId(BOB))?.calendarError?.code).toBe("ews-mailbox-not-found");
  });

  it("[M7] ends a meeting on time during an outage, and shows the calendar as unknown when it has gone stale", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30), meeting(60, 600)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    lab.calendar.outage = outage();
    lab.calendar.dropWatchers();
    await lab.runtime.clock.advance(minutes(31));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    await lab.runtime.clock.advance(minutes(40));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    await lab.runtime.clock.advance(hours(2));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    lab.calendar.outage = undefined;
    await lab.runtime.clock.advance(minutes(6));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("asks a server that is away ever more rarely, one request at a time", async () => {
    for (let index = 0; index < 300; index++) lab.calendar.set(`user${index}@example.com`, []);
    lab.calendar.outage = outage();
    for (let index = 0; index < 3; index++) await lab.enable(`user${index}@example.com`);
    const before = lab.calendar.fetches.length;
    await lab.runtime.clock.advance(hours(1));
    expect(lab.calendar.fetches.length - before).toBeLessThan(60);
    expect(lab.runtime.events.filter(({ event }) => event === "calendar.fetch-failed").length).toBe(1);
  });

  it("publishes again what was lost with a restarted presence server, and nothing that was not", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    lab.clients.online(BOB);
    await lab.enable(ALICE);
    await lab.enable(BOB);
    lab.publisher.setEpoch(undefined, { loseState: true });
    lab.publisher.setEpoch("run-2");
    await lab.runtime.clock.advance(100);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    expect(shownOf(lab, BOB)).toBe("nothing");
  });

  it("keeps what is due while the presence server is away and sends only the newest", async () => {
    lab.calendar.set(ALICE, [meeting(10, 20), meeting(30, 40)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    lab.publisher.setEpoch(undefined);
    await lab.runtime.clock.advance(minutes(32));
    expect(lab.publisher.sent.length).toBe(0);
    lab.publisher.setEpoch("run-1");
    await lab.runtime.clock.advance(100);
    expect(lab.publisher.sent.length).toBe(1);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("sends nothing again after a crash when nothing has changed", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    const sent = lab.publisher.sent.length;
    await lab.crashAndRestart();
    expect(lab.publisher.sent.length).toBe(sent);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("leaves no stale meeting after a crash during which the meeting ended", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.crashAndRestart(() => lab.runtime.clock.advance(minutes(45)));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("takes back everything at a clean stop", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    await lab.gateway.stop();
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("drops clients that were not heard again after a reconnect, and no others", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.calendar.set(BOB, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    lab.clients.online(BOB);
    await lab.enable(ALICE);
    await lab.enable(BOB);
    const sent = lab.publisher.sent.length;
    lab.clients.channel.push({ kind: "reset" });
    lab.clients.online(ALICE);
    lab.clients.channel.push({ kind: "settled" });
    await lab.runtime.clock.advance(10);
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    expect(shownOf(lab, BOB)).toBe("unavailable");
    expect(lab.publisher.sent.length).toBe(sent + 1);
  });

  it("[R1] overwrites a forged activity with what is right and keeps a line in the audit", async () => {
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    lab.clients.channel.push({ kind: "claim", presentity: parsePresentityId(ALICE), carrier: "activity" });
    await lab.runtime.clock.advance(10);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    const audit = await lab.store.registry.listAudit(10, ALICE);
    expect(audit.map(({ action }) => action)).toContain("claim.forged");
  });

  it("[R1] overwrites what was forged while the gateway's own publication was on its way", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    let release: (() => void) | undefined;
    lab.publisher.hold = new Promise((resolve) => {
      release = resolve;
    });
    lab.clients.offline(ALICE);
    await lab.runtime.clock.advance(10);
    const sent = lab.publisher.sent.length;
    lab.clients.channel.push({ kind: "claim", presentity: parsePresentityId(ALICE), carrier: "activity" });
    await lab.runtime.clock.advance(10);
    lab.publisher.hold = undefined;
    release?.();
    await lab.runtime.clock.advance(10);
    expect(lab.publisher.sent.length).toBe(sent + 2);
  });

  it("follows a clock that is set forward or back by an hour", async () => {
    lab.calendar.set(ALICE, [meeting(30, 60)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    lab.runtime.clock.step(minutes(40));
    await lab.runtime.clock.advance(seconds(2));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    lab.runtime.clock.step(-hours(1));
    await lab.runtime.clock.advance(seconds(6));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("holds an override until its time and shows the next meeting after it", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30), meeting(30, 50)]);
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    const until = plus(MONDAY_MORNING, minutes(30));
    lab.gateway.setOverride(parsePresentityId(ALICE), { kind: "end", setAt: lab.runtime.clock.now(), until });
    await lab.runtime.clock.advance(10);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    await lab.runtime.clock.advance(minutes(31));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("retries a refused publication with growing patience and says what went wrong", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    lab.publisher.refusal = outage();
    await lab.enable(ALICE);
    expect(lab.gateway.publishers[0]?.lastError?.code).toBe("test-outage");
    expect(lab.store.journal.find(parsePresentityId(ALICE))?.outbox[0]?.lastError).toBe("the server is away");
    lab.publisher.refusal = undefined;
    await lab.runtime.clock.advance(minutes(1));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("sends again in time what outlasts the server's memory of it, and nothing that ends before", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 60 * 24 * 5, "oof")]);
    lab.calendar.set(BOB, [meeting(-5, 60 * 5)]);
    lab.clients.online(ALICE);
    lab.clients.online(BOB);
    await lab.enable(ALICE);
    await lab.enable(BOB);
    const sentTo = (jid: string) => lab.publisher.sent.filter(({ presentity }) => presentity === jid).length;
    const before = sentTo(BOB);
    await lab.runtime.clock.advance(hours(4));
    expect(sentTo(BOB)).toBe(before);
    expect(sentTo(ALICE)).toBe(1);
    await lab.runtime.clock.advance(hours(32));
    expect(sentTo(ALICE)).toBe(4);
    expect(shownOf(lab, ALICE)).toBe("away/out-of-office");
  });

  it("reads a mailbox that may not be watched by the sweep, and tries to watch it again", async () => {
    lab.calendar.refusingWatch.set(parseMailbox(ALICE), outage());
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
    lab.calendar.set(ALICE, [meeting(0, 600)]);
    await lab.runtime.clock.advance(minutes(1));
    expect(shownOf(lab, ALICE)).toBe("nothing");
    lab.calendar.refusingWatch.clear();
    await lab.runtime.clock.advance(minutes(3));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("sends what has become right while an older publication was still on its way", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 30)]);
    lab.clients.online(ALICE);
    let release: (() => void) | undefined;
    lab.publisher.hold = new Promise((resolve) => {
      release = resolve;
    });
    await lab.enable(ALICE);
    lab.clients.offline(ALICE);
    await lab.runtime.clock.advance(10);
    lab.publisher.hold = undefined;
    release?.();
    await lab.runtime.clock.advance(10);
    expect(lab.publisher.sent.length).toBe(2);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });
});
