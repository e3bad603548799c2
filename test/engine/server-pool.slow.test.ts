import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { CalendarServer } from "../../src/ports/registry.ts";
import { type EngineLab, meeting, shownOf, startEngineLab, TableCalendar } from "./engine-lab.ts";

const down = new GatewayError("cas: the connection was refused", { type: "wait", code: "ews-unavailable" });
const minutes = (count: number): number => count * 60_000;

let lab: EngineLab;

beforeEach(async () => {
  lab = await startEngineLab();
});

afterEach(() => lab.close());

const userOf = (index: number): string => `user${String(index).padStart(3, "0")}@example.com`;

/** Adds a server of the pool `paris` while the gateway runs. */
async function addServer(name: string, more: Partial<CalendarServer> = {}): Promise<TableCalendar> {
  const calendar = new TableCalendar();
  lab.calendars.set(name, calendar);
  await lab.store.registry.replaceCalendarServer({
    name,
    type: "table",
    options: {},
    isEnabled: true,
    pool: "paris",
    ...more,
  });
  await lab.runtime.clock.advance(1000);
  return calendar;
}

async function enable(count: number, gateway = "paris"): Promise<void> {
  for (let index = 0; index < count; index++) {
    const jid = parsePresentityId(userOf(index));
    const names = { presentity: jid, mailbox: jid as string as never };
    await lab.store.registry.replaceUser({ ...names, gateway, locale: "en", isEnabled: true });
  }
  await lab.runtime.clock.advance(5000);
}

const spread = (): Readonly<Record<string, number>> =>
  Object.fromEntries(["a", "b", "c"].map((name) => [name, lab.gateway.presentities.countOn(name)]));

const serverOf = (index: number): string | undefined =>
  lab.gateway.presentities.find(parsePresentityId(userOf(index)))?.server;

/** The server goes down as a whole: its connections are cut and new ones refused. */
function takeDown(calendar: TableCalendar): void {
  calendar.outage = down;
  calendar.dropWatchers();
}

describe("a pool of three servers", () => {
  let [a, b, c] = [new TableCalendar(), new TableCalendar(), new TableCalendar()];

  beforeEach(async () => {
    a = await addServer("a");
    b = await addServer("b");
    c = await addServer("c");
  });

  it("[B1] gives users servers in turn when they are first enabled", async () => {
    await enable(30);
    expect(spread()).toEqual({ a: 10, b: 10, c: 10 });
    expect([a, b, c].map(({ watched }) => watched.length)).toEqual([10, 10, 10]);
  });

  it("[B2] leaves each user with the server over a restart", async () => {
    await enable(30);
    const before = Array.from({ length: 30 }, (_, index) => serverOf(index));
    await lab.crashAndRestart();
    await lab.runtime.clock.advance(minutes(1));
    expect(Array.from({ length: 30 }, (_, index) => serverOf(index))).toEqual(before);
    expect([a, b, c].map(({ watched }) => new Set(watched).size)).toEqual([10, 10, 10]);
  });

  it("[B3] gives the users of a server that fails to the others, and sees what changes there", async () => {
    await enable(30);
    takeDown(a);
    await lab.runtime.clock.advance(minutes(1));
    expect(spread()).toEqual({ a: 0, b: 15, c: 15 });
    const user = userOf(0);
    lab.clients.online(user);
    for (const calendar of [b, c]) calendar.set(user, [meeting(0, 60)]);
    await lab.runtime.clock.advance(10_000);
    expect(shownOf(lab, user)).toBe("dnd/in-a-meeting");
  });

  it("[B2] makes the spread even again when the server is back", async () => {
    await enable(30);
    takeDown(a);
    await lab.runtime.clock.advance(minutes(10));
    expect(spread()).toEqual({ a: 0, b: 15, c: 15 });
    a.outage = undefined;
    await lab.runtime.clock.advance(minutes(4));
    expect(spread()).toEqual({ a: 10, b: 10, c: 10 });
    expect(a.watched.length).toBe(10);
  });

  it("[K2] [B3] follows a mailbox that moved to another site, within a heartbeat and without a gap", async () => {
    const user = userOf(0);
    for (const calendar of [a, b, c]) calendar.set(user, [meeting(0, 120)]);
    lab.clients.online(user);
    await enable(3);
    const before = serverOf(0) ?? "";
    const old = { a, b, c }[before];
    const mailbox = [...lab.gateway.presentities.mailboxesOn(before)][0];
    if (!old || !mailbox) throw new Error("the user has no server");
    const elsewhere = new GatewayError("moved", { type: "wait", code: "ews-mailbox-moving" });
    old.refusingWatch.set(mailbox, elsewhere);
    old.dropWatchers();
    await lab.runtime.clock.advance(minutes(1));
    expect(serverOf(0)).not.toBe(before);
    const now = { a, b, c }[serverOf(0) ?? ""];
    expect(now?.watched).toContain(mailbox);
    expect(shownOf(lab, user)).toBe("dnd/in-a-meeting");
    now?.set(user, []);
    await lab.runtime.clock.advance(10_000);
    expect(shownOf(lab, user)).not.toContain("in-a-meeting");
  });

  it("[K2] moves a mailbox that no server can watch once and then rarely, and goes on reading it", async () => {
    await enable(3);
    const mailbox = [...lab.gateway.presentities.mailboxesOn(serverOf(0) ?? "")][0];
    if (!mailbox) throw new Error("the user has no server");
    const nowhere = new GatewayError("moving", { type: "wait", code: "ews-mailbox-moving" });
    for (const calendar of [a, b, c]) {
      calendar.refusingWatch.set(mailbox, nowhere);
      calendar.dropWatchers();
    }
    const reads = (): number => [a, b, c].reduce((sum, { fetches }) => sum + fetches.flat().length, 0);
    const before = reads();
    await lab.runtime.clock.advance(minutes(60));
    expect(reads() - before).toBeGreaterThan(10);
    expect(reads() - before).toBeLessThan(100);
  });

  it("leaves everybody where they are while no server works, and goes on when one does", async () => {
    await enable(30);
    for (const calendar of [a, b, c]) takeDown(calendar);
    await lab.runtime.clock.advance(minutes(3));
    b.outage = undefined;
    await lab.runtime.clock.advance(minutes(6));
    expect(spread()).toEqual({ a: 0, b: 30, c: 0 });
    a.outage = undefined;
    c.outage = undefined;
    await lab.runtime.clock.advance(minutes(6));
    expect(spread()).toEqual({ a: 10, b: 10, c: 10 });
  });

  it("[R7] shares out anew what a removed or disabled server had, and gives an added one its share", async () => {
    await enable(30);
    await lab.store.registry.deleteCalendarServer("a");
    await lab.runtime.clock.advance(minutes(1));
    expect(spread()).toEqual({ a: 0, b: 15, c: 15 });
    await addServer("a");
    await lab.runtime.clock.advance(minutes(1));
    expect(spread()).toEqual({ a: 10, b: 10, c: 10 });
    await addServer("c", { isEnabled: false });
    await lab.runtime.clock.advance(minutes(1));
    expect(spread()).toEqual({ a: 15, b: 15, c: 0 });
  });

  it("leaves a user whom an administrator put on one server there, also while it fails", async () => {
    await enable(6, "a");
    expect(spread()).toEqual({ a: 6, b: 0, c: 0 });
    takeDown(a);
    await lab.runtime.clock.advance(minutes(5));
    expect(spread()).toEqual({ a: 6, b: 0, c: 0 });
    a.outage = undefined;
    await lab.runtime.clock.advance(minutes(5));
    expect(spread()).toEqual({ a: 6, b: 0, c: 0 });
    expect(a.watched.length).toBe(6);
  });

  it("keeps the sharers of one mailbox on one server", async () => {
    for (const jid of ["alice@example.com", "bob@example.com", "carol@example.com"])
      await lab.enable(jid, { mailbox: "team@example.com", gateway: "paris" });
    expect(Object.values(spread()).toSorted()).toEqual([0, 0, 1]);
  });

  it("keeps a running meeting while its user changes servers", async () => {
    for (const calendar of [a, b, c]) calendar.set(userOf(0), [meeting(0, 120)]);
    lab.clients.online(userOf(0));
    await enable(3);
    const shown: string[] = [];
    const failing = { a, b, c }[serverOf(0) ?? ""];
    if (!failing) throw new Error("the user has no server");
    takeDown(failing);
    for (let second = 0; second < 60; second++) {
      await lab.runtime.clock.advance(1000);
      shown.push(shownOf(lab, userOf(0)));
    }
    expect(new Set(shown)).toEqual(new Set(["dnd/in-a-meeting"]));
  });
});

describe("a mailbox", () => {
  const gone = new GatewayError("no such mailbox", { type: "cancel", code: "ews-mailbox-not-found" });

  it("[K10] that vanished loses its meeting at once, is told of once and read again each hour", async () => {
    lab.clients.online(userOf(0));
    lab.calendar.set(userOf(0), [meeting(0, 600)]);
    await enable(1, "exchange");
    expect(shownOf(lab, userOf(0))).toBe("dnd/in-a-meeting");
    const mailbox = [...lab.gateway.presentities.mailboxesOn("exchange")][0];
    if (!mailbox) throw new Error("nobody is on the server");
    lab.calendar.failing.set(mailbox, gone);
    lab.calendar.set(userOf(0), []);
    await lab.runtime.clock.advance(10_000);
    expect(shownOf(lab, userOf(0))).not.toContain("in-a-meeting");
    const fetches = lab.calendar.fetches.length;
    await lab.runtime.clock.advance(minutes(185));
    expect(lab.calendar.fetches.length - fetches).toBe(3);
    expect(lab.runtime.events.filter(({ event }) => event === "calendar.mailbox-gone").length).toBe(1);
    lab.calendar.failing.clear();
    lab.calendar.meetings.set(mailbox, [meeting(0, 600)]);
    await lab.runtime.clock.advance(minutes(61));
    expect(shownOf(lab, userOf(0))).toBe("dnd/in-a-meeting");
  });
});
