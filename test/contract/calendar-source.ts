import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Mailbox } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import { hours, plus, type TimeWindow } from "../../src/lib/time.ts";
import type { BusyTimeResult, CalendarChange, CalendarSource } from "../../src/ports/calendar-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";

/** One server under test, with what the suite must be able to do to it. Its time stands still at MONDAY_MORNING. */
export interface CalendarSourceHarness {
  /** Three mailboxes with nothing in their calendars. */
  readonly mailboxes: readonly [Mailbox, Mailbox, Mailbox];
  /** An address that the server does not know. */
  readonly unknown: Mailbox;
  /** A new source for the server, not started. */
  createSource(): CalendarSource;
  /** A new source that can never work, so that `start` rejects; undefined when there is no such configuration. */
  createHopelessSource?(): CalendarSource;
  addMeeting(mailbox: Mailbox, meeting: BusyInterval): void;
  /** How many connections the server has seen so far. */
  connections(): number;
  /** From now on the server takes requests and never answers. */
  hang(): void;
  /** Resolves when the server has a request that it does not answer. */
  untilHanging(): Promise<void>;
  end(): Promise<void>;
}

const WINDOW: TimeWindow = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };
const MEETING: BusyInterval = {
  start: plus(MONDAY_MORNING, hours(1)),
  end: plus(MONDAY_MORNING, hours(2)),
  status: "busy",
};

/** What every calendar source promises beyond its types (docs/PLUGINS.md). */
export function describeCalendarSource(name: string, setUp: () => Promise<CalendarSourceHarness>): void {
  describe(`the contract of a calendar source, kept by ${name}`, () => {
    let harness: CalendarSourceHarness;
    const sources: CalendarSource[] = [];

    beforeEach(async () => {
      harness = await setUp();
    });
    afterEach(async () => {
      await Promise.all(sources.splice(0).map((source) => source.stop()));
      await harness.end();
    });

    const create = (): CalendarSource => {
      const source = harness.createSource();
      sources.push(source);
      return source;
    };
    const start = async (): Promise<CalendarSource> => {
      const source = create();
      await source.start(new AbortController().signal);
      return source;
    };
    const fetch = (source: CalendarSource, signal = new AbortController().signal): Promise<readonly BusyTimeResult[]> =>
      source.fetchBusyTime(harness.mailboxes, WINDOW, signal);

    it("creating one only wires: no connection is made", () => {
      expect(["starting", "stopped"]).toContain(create().health().state);
      expect(harness.connections()).toBe(0);
    });

    it("there is one result for each mailbox, in order, with status only", async () => {
      const [first, second, third] = harness.mailboxes;
      harness.addMeeting(second, MEETING);
      const source = await start();
      expect(await fetch(source)).toEqual([
        { mailbox: first, intervals: [] },
        { mailbox: second, intervals: [MEETING] },
        { mailbox: third, intervals: [] },
      ]);
      expect(source.health().state).toBe("ok");
    });

    it("one bad mailbox never fails the batch", async () => {
      const [first, , third] = harness.mailboxes;
      const mailboxes = [first, harness.unknown, third];
      const results = await (await start()).fetchBusyTime(mailboxes, WINDOW, new AbortController().signal);
      expect(results.map(({ mailbox }) => mailbox)).toEqual(mailboxes);
      expect(results.map((result) => "error" in result)).toEqual([false, true, false]);
      for (const result of results) if ("error" in result) expect(result.error).toBeInstanceOf(GatewayError);
    });

    it("stopping is safe before the start, after a failed start, and twice", async () => {
      await create().stop();
      const hopeless = harness.createHopelessSource?.();
      if (hopeless) {
        await expect(hopeless.start(new AbortController().signal)).rejects.toBeInstanceOf(GatewayError);
        await hopeless.stop();
        await hopeless.stop();
      }
      const source = await start();
      await fetch(source);
      await source.stop();
      await source.stop();
      expect(source.health().state).toBe("stopped");
    });

    it("a start whose signal has aborted rejects with the signal's reason", async () => {
      await expect(create().start(AbortSignal.abort("enough"))).rejects.toBe("enough");
    });

    it("what is asked of one that does not run rejects with a GatewayError", async () => {
      await expect(fetch(create())).rejects.toBeInstanceOf(GatewayError);
      const source = await start();
      await source.stop();
      await expect(fetch(source)).rejects.toBeInstanceOf(GatewayError);
    });

    it("a request settles soon after its signal aborts, with the signal's reason", async () => {
      const source = await start();
      await expect(fetch(source, AbortSignal.abort("enough"))).rejects.toBe("enough");
      harness.hang();
      const cancelled = new AbortController();
      const running = fetch(source, cancelled.signal).catch((error: unknown) => error);
      await harness.untilHanging();
      cancelled.abort("enough");
      expect(await within(1000, running)).toBe("enough");
    });

    it("locating gives one text for each mailbox, also for one that is unknown", async () => {
      const source = await start();
      if (!source.locateMailboxes) return;
      const { signal } = new AbortController();
      const asked = [harness.unknown, ...harness.mailboxes];
      const texts = await source.locateMailboxes(asked, signal);
      expect(texts).toHaveLength(asked.length);
      expect(await source.locateMailboxes(asked, signal)).toEqual(texts);
      expect(await source.locateMailboxes([], signal)).toEqual([]);
      await expect(source.locateMailboxes(asked, AbortSignal.abort("enough"))).rejects.toBe("enough");
    });

    it("a calendar's name is told, or why not, and asking settles soon after its signal aborts", async () => {
      const source = await start();
      if (!source.findCalendarName) return;
      const [first] = harness.mailboxes;
      const { signal } = new AbortController();
      expect(await source.findCalendarName(first, signal)).not.toBe("");
      await expect(source.findCalendarName(harness.unknown, signal)).rejects.toBeInstanceOf(GatewayError);
      harness.hang();
      const cancelled = new AbortController();
      const running = source.findCalendarName(first, cancelled.signal).catch((error: unknown) => error);
      await harness.untilHanging();
      cancelled.abort("enough");
      expect(await within(1000, running)).toBe("enough");
    });

    it("mailbox settings have one result for each mailbox, in order, and reading them settles soon after an abort", async () => {
      const source = await start();
      if (!source.readMailboxSettings) return;
      const [first, , third] = harness.mailboxes;
      const { signal } = new AbortController();
      const results = await source.readMailboxSettings([first, harness.unknown, third], signal);
      expect(results.map(({ mailbox }) => mailbox)).toEqual([first, harness.unknown, third]);
      expect(results.map((result) => "error" in result)).toEqual([false, true, false]);
      for (const result of results) if ("error" in result) expect(result.error).toBeInstanceOf(GatewayError);
      expect(source.capabilities.maxMailboxesPerSettings).toBeGreaterThan(0);
      await expect(source.readMailboxSettings([first], AbortSignal.abort("enough"))).rejects.toBe("enough");
      harness.hang();
      const cancelled = new AbortController();
      const running = source.readMailboxSettings([first], cancelled.signal).catch((error: unknown) => error);
      await harness.untilHanging();
      cancelled.abort("enough");
      expect(await within(1000, running)).toBe("enough");
      await source.stop();
      await expect(source.readMailboxSettings([first], signal)).rejects.toBeInstanceOf(GatewayError);
    });

    it("watching tells all first, then each change, and rejects soon after its signal aborts", async () => {
      const source = await start();
      if (!source.watchChanges) return;
      const [first, second] = harness.mailboxes;
      const stopping = new AbortController();
      const changes = source.watchChanges([first, second], stopping.signal)[Symbol.asyncIterator]();
      expect(await next(changes)).toEqual({ kind: "all" });
      harness.addMeeting(second, MEETING);
      expect(await next(changes)).toEqual({ kind: "changed", mailbox: second });
      const last = next(changes).catch((error: unknown) => error);
      stopping.abort("enough");
      expect(await within(1000, last)).toBe("enough");
    });

    it("watching tells which mailbox cannot be watched, and watches the others", async () => {
      const source = await start();
      if (!source.watchChanges) return;
      const stopping = new AbortController();
      const [first] = harness.mailboxes;
      const changes = source.watchChanges([harness.unknown, first], stopping.signal)[Symbol.asyncIterator]();
      expect(await next(changes)).toMatchObject({ kind: "failed", mailbox: harness.unknown });
      expect(await next(changes)).toEqual({ kind: "all" });
      harness.addMeeting(first, MEETING);
      expect(await next(changes)).toEqual({ kind: "changed", mailbox: first });
      await changes.return?.(undefined);
    });

    it("two side by side do not disturb each other", async () => {
      const [one, two] = [await start(), await start()];
      await Promise.all([fetch(one), fetch(two)]);
      await one.stop();
      expect(await fetch(two)).toHaveLength(3);
      expect(one.health().state).toBe("stopped");
      expect(two.health().state).toBe("ok");
    });

    it("a test tells its steps and does not throw", async () => {
      const source = await start();
      const [first] = harness.mailboxes;
      const steps: boolean[] = [];
      for await (const step of source.test?.({ mailbox: first }, new AbortController().signal) ?? [])
        steps.push(step.ok);
      expect(steps).not.toContain(false);
      for await (const step of source.test?.({ mailbox: harness.unknown }, new AbortController().signal) ?? [])
        steps.push(step.ok);
      if (source.test) expect(steps.at(-1)).toBe(false);
    });
  });
}

/** The next change that is more than a sign of life. */
async function next(changes: AsyncIterator<CalendarChange>): Promise<CalendarChange> {
  for (;;) {
    const { value, done } = await changes.next();
    if (done) throw new Error("the watch returned");
    if (value.kind !== "alive") return value;
  }
}

/** Fails when the promise has not settled after so many milliseconds of real time. */
async function within<Value>(limit: number, promise: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled within ${limit} ms`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
