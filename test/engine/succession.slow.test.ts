import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { CalendarServer } from "../../src/ports/registry.ts";
import { type EngineLab, meeting, shownOf, startEngineLab, TableCalendar } from "./engine-lab.ts";

const withdrawn = new GatewayError("cloud: EWS is disabled for this tenant.", {
  type: "auth",
  code: "ews-disabled-by-tenant",
  isWithdrawn: true,
});
const minutes = (count: number): number => count * 60_000;

let lab: EngineLab;
let ews: TableCalendar;
let graph: TableCalendar;

async function addServer(name: string, more: Partial<CalendarServer> = {}): Promise<TableCalendar> {
  const calendar = lab.calendars.get(name) ?? new TableCalendar();
  lab.calendars.set(name, calendar);
  await lab.store.registry.replaceCalendarServer({ name, type: "table", options: {}, isEnabled: true, ...more });
  await lab.runtime.clock.advance(1000);
  return calendar;
}

beforeEach(async () => {
  lab = await startEngineLab();
  ews = await addServer("ews", { successor: "graph" });
  graph = await addServer("graph");
});

afterEach(() => lab.close());

const serverOf = (jid: string): string | undefined => lab.gateway.presentities.find(parsePresentityId(jid))?.server;

function withdraw(): void {
  ews.outage = withdrawn;
  ews.dropWatchers();
}

/** What was shown of somebody each second. */
async function shownDuring(jid: string, length: number): Promise<ReadonlySet<string>> {
  const shown = new Set<string>();
  for (let second = 0; second < length / 1000; second++) {
    await lab.runtime.clock.advance(1000);
    shown.add(shownOf(lab, jid));
  }
  return shown;
}

/** Alice and Bob are in a meeting that both servers know of. */
async function meet(): Promise<void> {
  for (const jid of ["alice@example.com", "bob@example.com"]) {
    for (const calendar of [ews, graph]) calendar.set(jid, [meeting(0, 600)]);
    lab.clients.online(jid);
    await lab.enable(jid, { gateway: "ews" });
  }
}

const told = (): readonly string[] =>
  lab.runtime.events.filter(({ event }) => event === "calendar.server-retired").map(({ event }) => event);

describe("a server whose service is withdrawn", () => {
  it("finds the one that follows on it where none was named, and keeps to it over restarts", async () => {
    await addServer("ews", { options: { "followed-by": "graph" } });
    await meet();
    withdraw();
    expect(await shownDuring("alice@example.com", minutes(2))).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(serverOf("alice@example.com")).toBe("graph");
    const kept = await lab.store.registry.findCalendarServer("ews");
    expect([kept?.successor, kept?.retired === undefined]).toEqual(["graph", false]);
  });

  it("gives its mailboxes to its successor, who reads them at once, without a gap in their presence", async () => {
    await meet();
    graph.fetches.splice(0);
    withdraw();
    expect(await shownDuring("alice@example.com", minutes(2))).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(["alice@example.com", "bob@example.com"].map(serverOf)).toEqual(["graph", "graph"]);
    expect(new Set(graph.fetches.flat()).size).toBe(2);
    graph.set("alice@example.com", []);
    await lab.runtime.clock.advance(10_000);
    expect(shownOf(lab, "alice@example.com")).not.toContain("in-a-meeting");
  });

  it("gets whom an administrator gives it, though its successor has them", async () => {
    await meet();
    await lab.enable("bob@example.com", { gateway: "graph" });
    await lab.runtime.clock.advance(minutes(1));
    expect(serverOf("bob@example.com")).toBe("graph");
    await lab.enable("bob@example.com", { gateway: "ews" });
    expect(await shownDuring("bob@example.com", 60_000)).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(serverOf("bob@example.com")).toBe("ews");
  });

  it("is retired for good, over restarts and though it works again, and audited once", async () => {
    await meet();
    withdraw();
    await lab.runtime.clock.advance(minutes(2));
    ews.outage = undefined;
    await lab.runtime.clock.advance(minutes(10));
    expect(await lab.store.registry.findCalendarServer("ews")).toMatchObject({
      retired: { because: withdrawn.message },
    });
    await lab.crashAndRestart();
    await lab.runtime.clock.advance(minutes(2));
    await lab.enable("carol@example.com", { gateway: "ews" });
    expect(["alice@example.com", "carol@example.com"].map(serverOf)).toEqual(["graph", "graph"]);
    const audit = await lab.store.registry.listAudit(10, "ews");
    expect(audit).toMatchObject([{ actor: "gateway", action: "gateway.retired" }]);
    expect(told()).toHaveLength(1);
  });

  it("has its mailboxes again when an administrator takes it back", async () => {
    await meet();
    withdraw();
    await lab.runtime.clock.advance(minutes(2));
    ews.outage = undefined;
    ews.fetches.splice(0);
    await addServer("ews", { successor: "graph" });
    expect(await shownDuring("bob@example.com", 60_000)).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(["alice@example.com", "bob@example.com"].map(serverOf)).toEqual(["ews", "ews"]);
    expect(new Set(ews.fetches.flat()).size).toBe(2);
    expect(graph.watched).toEqual([]);
  });

  it("stays while its successor does not work, and goes when that does", async () => {
    await meet();
    graph.outage = new GatewayError("graph: refused", { type: "wait", code: "test-down" });
    await lab.enable("carol@example.com", { gateway: "graph" });
    await lab.runtime.clock.advance(minutes(2));
    withdraw();
    expect(await shownDuring("alice@example.com", minutes(3))).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(serverOf("alice@example.com")).toBe("ews");
    graph.outage = undefined;
    await lab.runtime.clock.advance(minutes(10));
    expect(serverOf("alice@example.com")).toBe("graph");
  });

  it("stays where no successor is named, and goes when one is", async () => {
    await addServer("ews");
    await meet();
    withdraw();
    await lab.runtime.clock.advance(minutes(3));
    expect(serverOf("alice@example.com")).toBe("ews");
    await addServer("ews", { successor: "graph" });
    await lab.runtime.clock.advance(minutes(2));
    expect(serverOf("alice@example.com")).toBe("graph");
  });

  it("does not move for an ordinary outage", async () => {
    await meet();
    ews.outage = new GatewayError("ews: refused", { type: "wait", code: "test-down" });
    ews.dropWatchers();
    await lab.runtime.clock.advance(minutes(10));
    expect(serverOf("alice@example.com")).toBe("ews");
  });

  it("is spread evenly over the pool that follows on it", async () => {
    await addServer("cloud1", { pool: "cloud" });
    await addServer("cloud2", { pool: "cloud" });
    await addServer("ews", { successor: "cloud" });
    await meet();
    withdraw();
    await lab.runtime.clock.advance(minutes(2));
    expect(["cloud1", "cloud2"].map((name) => lab.gateway.presentities.countOn(name))).toEqual([1, 1]);
  });
});

describe("a mailbox for which the service is withdrawn", () => {
  const blocked = new GatewayError("cloud: EWS is blocked for the mailbox.", {
    type: "auth",
    code: "ews-mailbox-blocked",
    isWithdrawn: true,
  });
  const alice: Mailbox = parseMailbox("alice@example.com");

  it.each(["failing", "refusingWatch"] as const)(
    "goes to the successor alone, and stays there over a restart (%s)",
    async (how) => {
      ews[how].set(alice, blocked);
      await meet();
      if (how === "failing") ews.set(alice, [meeting(0, 600)]);
      expect(await shownDuring(alice, minutes(2))).toEqual(new Set(["dnd/in-a-meeting"]));
      expect([alice, "bob@example.com"].map(serverOf)).toEqual(["graph", "ews"]);
      ews[how].clear();
      await lab.crashAndRestart();
      await lab.runtime.clock.advance(minutes(2));
      expect([alice, "bob@example.com"].map(serverOf)).toEqual(["graph", "ews"]);
      expect(await lab.store.registry.listAudit(10, alice)).toMatchObject([{ action: "mailbox.succeeded" }]);
    },
  );
});

describe("users of different types of gateway", () => {
  it("are served side by side, and moved by an administrator without a gap in their presence", async () => {
    await meet();
    await lab.enable("carol@example.com", { gateway: "graph" });
    expect([ews.watched.length, graph.watched.length]).toEqual([2, 1]);
    graph.fetches.splice(0);
    const moving = lab.enable("alice@example.com", { gateway: "graph" });
    const shown = await shownDuring("alice@example.com", minutes(2));
    await moving;
    expect(shown).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(graph.fetches.flat()).toContain("alice@example.com");
    expect([ews.watched, graph.watched].map((watched) => [...watched].sort())).toEqual([
      ["bob@example.com"],
      ["alice@example.com", "carol@example.com"],
    ]);
    // What changes is heard from the new server, and from the old one no more.
    ews.set("alice@example.com", [meeting(0, 1)]);
    await lab.runtime.clock.advance(10_000);
    expect(shownOf(lab, "alice@example.com")).toBe("dnd/in-a-meeting");
    graph.set("alice@example.com", []);
    await lab.runtime.clock.advance(10_000);
    expect(shownOf(lab, "alice@example.com")).not.toContain("in-a-meeting");
  });
});
