import { describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import type { AutomaticReplies } from "../../src/core/automatic-replies.ts";
import { Presentities } from "../../src/engine/presentity.ts";
import { ReadMailboxSettings } from "../../src/engine/read-mailbox-settings.ts";
import { hours, minutes, plus, seconds } from "../../src/lib/time.ts";
import type { CalendarSource } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { MailboxSettings, MailboxSettingsResult } from "../../src/ports/mailbox-settings.ts";
import type { User } from "../../src/ports/registry.ts";
import { settle } from "../doubles/fake-clock.ts";
import { MemoryJournal, MemoryRegistry } from "../doubles/memory-store.ts";
import { createTestRuntime, MONDAY_MORNING } from "../doubles/test-runtime.ts";

const ALWAYS: AutomaticReplies = { kind: "always" };
const DISABLED: AutomaticReplies = { kind: "disabled" };

/** The job alone, with a server that answers from a table. */
function createSite(count: number, options: Partial<User> = {}) {
  const runtime = createTestRuntime();
  const [journal, registry, presentities] = [new MemoryJournal(), new MemoryRegistry(), new Presentities()];
  const mailboxes = Array.from({ length: count }, (_, index) => parseMailbox(`user${index}@example.com`));
  const requests: { readonly after: number; readonly mailboxes: readonly Mailbox[] }[] = [];
  const recomputed: string[] = [];
  const settings = new Map<Mailbox, MailboxSettings | GatewayError>();
  const site = { outage: undefined as GatewayError | undefined, mostInTime: 20 };
  const answer = (mailbox: Mailbox): MailboxSettingsResult => {
    const found = settings.get(mailbox) ?? { automaticReplies: DISABLED };
    return found instanceof GatewayError ? { mailbox, error: found } : { mailbox, settings: found };
  };
  const source: CalendarSource = {
    capabilities: { maxMailboxesPerFetch: 1, maxMailboxesPerWatch: 1, maxMailboxesPerSettings: 20 },
    start: async () => undefined,
    stop: async () => undefined,
    health: () => ({ state: "ok" }),
    fetchBusyTime: async () => [],
    async readMailboxSettings(asked) {
      requests.push({ after: runtime.clock.now() - MONDAY_MORNING, mailboxes: asked });
      if (site.outage) throw site.outage;
      if (asked.length > site.mostInTime) throw failure("wait", "graph-timeout");
      return asked.map(answer);
    },
  };
  const recompute = ({ id }: { readonly id: string }): number => recomputed.push(id);
  const job = new ReadMailboxSettings("graph", source, { runtime, journal, registry, presentities, recompute });
  const presentityOf = (mailbox: Mailbox) => presentities.open(parsePresentityId(mailbox));
  for (const mailbox of mailboxes) {
    const presentity = presentityOf(mailbox);
    const user = { presentity: presentity.id, mailbox, gateway: "graph", locale: "en", isEnabled: true, ...options };
    registry.users.set(presentity.id, user);
    presentities.assign(presentity, user);
    presentities.place(presentity, "graph");
    job.add(mailbox, undefined);
  }
  job.start(new AbortController().signal);
  const localeOf = (mailbox: Mailbox) => registry.users.get(parsePresentityId(mailbox));
  return { runtime, journal, registry, mailboxes, requests, recomputed, settings, site, job, presentityOf, localeOf };
}

const failure = (type: GatewayError["type"], code: string, retryAfter?: number): GatewayError =>
  new GatewayError(code, { type, code, ...(retryAfter !== undefined && { retryAfter }) });

const [ALICE, BOB] = [parseMailbox("user0@example.com"), parseMailbox("user1@example.com")];

describe("reading mailbox settings", () => {
  it("comes after the calendars, in batches, one every few seconds", async () => {
    const { runtime, requests } = createSite(50);
    await runtime.clock.advance(minutes(1));
    expect(requests).toEqual([]);
    await runtime.clock.advance(minutes(2));
    expect(requests.map(({ mailboxes }) => mailboxes.length)).toEqual([20, 20, 10]);
    expect(requests.map(({ after }) => after / 1000)).toEqual([120, 125, 130]);
  });

  it("happens once a day, in as few requests as the days allow", async () => {
    const { runtime, requests } = createSite(50);
    await runtime.clock.advance(hours(60));
    expect(requests.reduce((sum, { mailboxes }) => sum + mailboxes.length, 0)).toBe(150);
    expect(requests.length).toBeLessThanOrEqual(9);
    const times = requests.filter(({ mailboxes }) => mailboxes.includes(ALICE)).map(({ after }) => after);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(hours(22));
    for (const gap of gaps) expect(gap).toBeLessThanOrEqual(hours(24) + minutes(16));
  });

  it("is not repeated after a restart before its day is over", async () => {
    const { runtime, requests, job } = createSite(0);
    job.add(ALICE, plus(MONDAY_MORNING, -hours(10)));
    await runtime.clock.advance(hours(12));
    expect(requests).toEqual([]);
    await runtime.clock.advance(minutes(15));
    expect(requests).toHaveLength(1);
  });

  it("happens at once when somebody asks, and only for mailboxes that are wanted", async () => {
    const { runtime, requests, job } = createSite(2);
    await runtime.clock.advance(minutes(10));
    job.readSoon(BOB);
    job.readSoon(parseMailbox("carol@example.com"));
    await settle();
    job.delete(ALICE);
    await runtime.clock.advance(hours(25));
    expect(requests.map(({ mailboxes }) => mailboxes)).toEqual([[ALICE, BOB], [BOB], [BOB]]);
  });

  it("remembers automatic replies, and composes anew when they say something else or last longer", async () => {
    const { runtime, journal, settings, job, recomputed, presentityOf } = createSite(1);
    const id = presentityOf(ALICE).id;
    const readNow = async (automaticReplies: AutomaticReplies | undefined): Promise<number> => {
      settings.set(ALICE, automaticReplies ? { automaticReplies } : {});
      job.readSoon(ALICE);
      await runtime.clock.advance(seconds(10));
      return recomputed.splice(0).length;
    };
    expect(await readNow(DISABLED)).toBe(1);
    expect(await readNow(DISABLED)).toBe(0);
    expect(await readNow(ALWAYS)).toBe(1);
    expect(journal.find(id)?.automaticReplies?.replies).toEqual(ALWAYS);
    expect(await readNow(ALWAYS)).toBe(1);
    expect(await readNow(undefined)).toBe(1);
    expect(journal.find(id)?.automaticReplies).toBeUndefined();
  });

  it("gives the user the mailbox's time zone, by its IANA name, unless the user has set one", async () => {
    const { runtime, settings, registry } = createSite(1);
    const alice = parsePresentityId(ALICE);
    settings.set(ALICE, { timeZone: "W. Europe Standard Time" });
    await runtime.clock.advance(minutes(3));
    expect(registry.timeZones.get(alice)).toEqual({ zone: "Europe/Berlin", from: "mailbox" });
    settings.set(ALICE, { timeZone: "Customized Time Zone" });
    await runtime.clock.advance(hours(25));
    expect(registry.timeZones.get(alice)).toEqual({ zone: "Europe/Berlin", from: "mailbox" });
    await registry.replaceTimeZone(alice, { zone: "Asia/Tokyo", from: "user" });
    settings.set(ALICE, { timeZone: "Europe/Paris" });
    await runtime.clock.advance(hours(25));
    expect(registry.timeZones.get(alice)).toEqual({ zone: "Asia/Tokyo", from: "user" });
  });

  it("[L4] gives the user the mailbox's locale unless an administrator has set one", async () => {
    for (const [localeFrom, expected] of [
      ["default", { locale: "de-AT", localeFrom: "mailbox" }],
      ["mailbox", { locale: "de-AT", localeFrom: "mailbox" }],
      [undefined, { locale: "en" }],
      ["user", { locale: "en" }],
    ] as const) {
      const { runtime, settings, localeOf } = createSite(1, localeFrom ? { localeFrom } : {});
      settings.set(ALICE, { locale: "de-AT" });
      await runtime.clock.advance(minutes(3));
      expect(localeOf(ALICE)).toMatchObject(expected);
      expect(localeOf(ALICE)?.localeFrom).toBe(localeFrom === "default" ? "mailbox" : localeFrom);
    }
  });
});

describe("mailbox settings that cannot be read", () => {
  it("of one mailbox are asked for again, no sooner than the server says, and alone", async () => {
    const { runtime, settings, requests } = createSite(3);
    settings.set(BOB, failure("wait", "graph-throttled", minutes(7)));
    await runtime.clock.advance(minutes(8.9));
    expect(requests).toHaveLength(1);
    settings.delete(BOB);
    await runtime.clock.advance(hours(10));
    expect(requests.slice(1)).toEqual([{ after: minutes(9), mailboxes: [BOB] }]);
  });

  it("of one mailbox are asked for less and less often while it goes on", async () => {
    const { runtime, settings, requests } = createSite(2);
    settings.set(BOB, failure("wait", "graph-throttled", 1000));
    await runtime.clock.advance(hours(20));
    expect(requests.length).toBeLessThan(20);
  });

  it("of a mailbox that is no more are forgotten, others kept", async () => {
    const { runtime, settings, job, presentityOf } = createSite(2);
    for (const mailbox of [ALICE, BOB]) settings.set(mailbox, { automaticReplies: ALWAYS });
    await runtime.clock.advance(minutes(3));
    settings.set(ALICE, failure("cancel", "graph-mailbox-not-found"));
    settings.set(BOB, failure("auth", "graph-settings-denied"));
    for (const mailbox of [ALICE, BOB]) job.readSoon(mailbox);
    await runtime.clock.advance(minutes(1));
    expect(presentityOf(ALICE).automaticReplies).toBeUndefined();
    expect(presentityOf(BOB).automaticReplies?.replies).toEqual(ALWAYS);
  });

  it("because the right is lacking are said once, tried once an hour, and read when it is granted", async () => {
    const { runtime, requests, site, job, presentityOf } = createSite(30);
    site.outage = failure("auth", "graph-settings-denied");
    await runtime.clock.advance(hours(5));
    expect(requests.length).toBeLessThanOrEqual(5);
    expect(job.lastError?.code).toBe("graph-settings-denied");
    const told = runtime.events.filter(({ level }) => level === "warn");
    expect(told.map(({ event }) => event)).toEqual(["calendar.settings-failed"]);
    site.outage = undefined;
    job.readSoon(ALICE);
    await runtime.clock.advance(minutes(1));
    expect(job.lastError).toBeUndefined();
    expect(presentityOf(ALICE).automaticReplies?.replies).toEqual(DISABLED);
    await runtime.clock.advance(hours(1));
    expect(presentityOf(parseMailbox("user29@example.com")).automaticReplies?.replies).toEqual(DISABLED);
  });

  it("because the server is away are tried with growing patience, and none is lost", async () => {
    const { runtime, requests, site, mailboxes, presentityOf } = createSite(30);
    site.outage = failure("wait", "graph-unavailable");
    await runtime.clock.advance(hours(24));
    expect(requests.length).toBeLessThan(60);
    site.outage = undefined;
    await runtime.clock.advance(hours(2));
    for (const mailbox of mailboxes) expect(presentityOf(mailbox).automaticReplies).toBeDefined();
  });

  it("in time because they are so many are asked for in smaller batches, which grow again", async () => {
    const { runtime, requests, site } = createSite(40);
    site.mostInTime = 5;
    await runtime.clock.advance(minutes(30));
    const sizes = requests.map(({ mailboxes }) => mailboxes.length);
    expect(sizes.slice(0, 3)).toEqual([20, 10, 5]);
    site.mostInTime = 20;
    await runtime.clock.advance(hours(7 * 24));
    expect(requests.at(-1)?.mailboxes.length).toBeGreaterThan(5);
  });

  it("because the clock stood ahead are not put off until then", async () => {
    const { runtime, requests, job } = createSite(1);
    runtime.clock.step(hours(1000));
    await runtime.clock.advance(minutes(5));
    runtime.clock.step(-hours(1000));
    job.clockSetBack();
    await runtime.clock.advance(hours(25));
    expect(requests).toHaveLength(2);
  });
});
