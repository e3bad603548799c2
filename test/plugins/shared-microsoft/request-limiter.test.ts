import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ewsError, isEwsError } from "../../../plugins/calendar-ews/ews-errors.ts";
import { RequestLimiter, type Urgency } from "../../../plugins/shared-microsoft/request-limiter.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";

const isRefusal = (error: unknown): error is GatewayError => isEwsError(error, "ews-throttled");
const isOutage = (error: unknown): boolean => isEwsError(error, "ews-unavailable");

function setUp({ ceiling = 60, queue = 2200 } = {}) {
  const runtime = createTestRuntime();
  const options = {
    host: "mail",
    clock: runtime.clock,
    random: () => 0,
    ceiling: () => ceiling,
    longestQueue: () => queue,
    first: 5,
    queueFull: (text: string) => ewsError("ews-queue-full", text),
    paused: (text: string, retryAfter: number) => ewsError("ews-throttled", text, { retryAfter }),
  };
  const limiter = new RequestLimiter({ ...options, isRefusal, isOutage });
  const started: number[] = [];
  const ends: ((error?: GatewayError) => void)[] = [];
  const run = (number: number, urgency: Urgency = "reading", signal = new AbortController().signal): Promise<number> =>
    limiter.run(
      () => {
        started.push(number);
        return new Promise((resolve, reject) => {
          ends[number] = (error) => (error ? reject(error) : resolve(number));
        });
      },
      urgency,
      signal,
    );
  return { runtime, limiter, started, ends, run };
}

const busy = (retryAfter?: number): GatewayError =>
  ewsError("ews-throttled", "busy", retryAfter === undefined ? {} : { retryAfter });

const ERRORS = { ok: undefined, busy: busy(10), fail: ewsError("ews-fault", "no") };

describe("the limiter", () => {
  it("[H3] [P5] begins with five at a time, below the strictest default policy, or fewer when the parameter says so", async () => {
    for (const [ceiling, expected] of [
      [60, 5],
      [3, 3],
      [1, 1],
    ] as const) {
      const { started, run, limiter } = setUp({ ceiling });
      for (let number = 0; number < 20; number++) void run(number).catch(() => undefined);
      await settle();
      expect(started).toHaveLength(expected);
      expect(limiter.load).toEqual({ running: expected, waiting: 20 - expected, limit: expected, pause: 0 });
    }
  });

  /** Keeps more requests waiting than may run, and answers the oldest, so many times. */
  async function saturate({ started, ends, run, limiter }: ReturnType<typeof setUp>, answers: number): Promise<void> {
    for (let number = started.length; number < started.length + 100; number++)
      void run(number, "watching").catch(() => undefined);
    for (let count = 0; count < answers; count++) {
      ends[started.length - limiter.load.running]?.();
      await settle();
    }
  }

  it("grows under load up to the ceiling, and begins small again after the server was away", async () => {
    const set = setUp({ ceiling: 9 });
    await saturate(set, 60);
    expect(set.limiter.load).toMatchObject({ running: 9, limit: 9 });
    set.ends[set.started.length - 1]?.(ewsError("ews-unavailable", "mail: the connection was reset"));
    await settle();
    expect(set.limiter.load.limit).toBe(5);
  });

  it("lets readers go before watchers, each in their order", async () => {
    const { started, ends, run } = setUp({ ceiling: 1 });
    const all = [run(0), run(1, "watching"), run(2, "watching"), run(3), run(4)];
    for (const number of [0, 3, 4, 1, 2]) {
      await settle();
      ends[number]?.();
    }
    await Promise.all(all);
    expect(started).toEqual([0, 3, 4, 1, 2]);
  });

  it("[P4] refuses a reader over the longest queue, and never a watcher", async () => {
    const { run } = setUp({ ceiling: 1, queue: 2 });
    for (const number of [0, 1, 2]) void run(number).catch(() => undefined);
    await expect(run(3)).rejects.toMatchObject({ code: "ews-queue-full", type: "wait" });
    void run(4, "watching").catch(() => undefined);
  });

  it("starts nothing before the time that the server asked for is over", async () => {
    const { runtime, started, ends, run } = setUp({ ceiling: 2 });
    const first = run(0);
    await settle();
    ends[0]?.(busy(3000));
    await expect(first).rejects.toMatchObject({ code: "ews-throttled" });
    void run(1);
    await runtime.clock.advance(2999);
    expect(started).toEqual([0]);
    await runtime.clock.advance(1);
    expect(started).toEqual([0, 1]);
  });

  it("is not held up when the clock is set back during a pause", async () => {
    const { runtime, started, ends, run } = setUp();
    const first = run(0);
    await settle();
    ends[0]?.(busy(3000));
    await first.catch(() => undefined);
    void run(1);
    runtime.clock.step(-3_600_000);
    await runtime.clock.advance(3000);
    expect(started).toEqual([0, 1]);
  });

  it("gives readers back when the pause is long, with the time to come again, and lets watchers wait", async () => {
    const { runtime, started, ends, run } = setUp({ ceiling: 1 });
    const first = run(0);
    const reader = run(1);
    const watcher = run(2, "watching");
    await settle();
    ends[0]?.(busy(60_000));
    await expect(first).rejects.toThrow();
    await expect(reader).rejects.toMatchObject({ code: "ews-throttled", type: "wait", retryAfter: 60_000 });
    await runtime.clock.advance(20_000);
    await expect(run(3)).rejects.toMatchObject({ retryAfter: 40_000 });
    await runtime.clock.advance(40_000);
    expect(started).toEqual([0, 2]);
    ends[2]?.();
    await expect(watcher).resolves.toBe(2);
  });

  it("lets a request that is cancelled in the queue go with the signal's reason, and forgets it", async () => {
    const { limiter, started, ends, run } = setUp({ ceiling: 1 });
    const cancelled = new AbortController();
    const first = run(0);
    const second = run(1, "reading", cancelled.signal);
    cancelled.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    ends[0]?.();
    await first;
    expect(started).toEqual([0]);
    expect(limiter.load).toMatchObject({ running: 0, waiting: 0 });
    await expect(run(2, "reading", cancelled.signal)).rejects.toThrow("enough");
  });

  it("never runs more than the limit, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom("ok" as const, "busy" as const, "fail" as const), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 15 }),
        async (outcomes, ceiling) => {
          const { runtime, limiter, started, ends, run } = setUp({ ceiling });
          const all = outcomes.map((_, number) => run(number, "watching").catch(() => undefined));
          let most = 0;
          for (let ended = 0; ended < outcomes.length; ended++) {
            await settle();
            while (started.length <= ended) await runtime.clock.advance(1000);
            most = Math.max(most, limiter.load.running);
            const number = started[ended] ?? 0;
            ends[number]?.(ERRORS[outcomes[number] ?? "ok"]);
          }
          await Promise.all(all);
          expect(most).toBeLessThanOrEqual(ceiling);
          expect(limiter.load).toMatchObject({ running: 0, waiting: 0 });
        },
      ),
      { numRuns: 15 },
    );
  });
});
