import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Allowance,
  afterOutage,
  afterRefusal,
  afterSuccess,
  firstAllowance,
} from "../../../plugins/shared-microsoft/request-allowance.ts";
import { hours, type Instant, instant, minutes, plus, seconds } from "../../../src/lib/time.ts";

const START = instant(1_000_000_000);
const FIRST_ALLOWANCE = firstAllowance(5);

const refused = (allowance: Allowance, level: number, now: Instant): Allowance =>
  afterRefusal(allowance, { level, startedAt: now, now, retryAfter: 5, random: 0 });

/** Successes with all of the limit in use. */
function succeed(
  allowance: Allowance,
  { times, now, ceiling = 60 }: { times: number; now: Instant; ceiling?: number },
) {
  let grown = allowance;
  for (let count = 0; count < times; count++)
    grown = afterSuccess(grown, { level: Math.floor(grown.limit), now, ceiling });
  return grown;
}

describe("the allowance", () => {
  const step = fc.record({
    ok: fc.boolean(),
    level: fc.integer({ min: 1, max: 100 }),
    later: fc.nat(500_000),
    retryAfter: fc.option(fc.nat(100_000), { nil: undefined }),
    random: fc.double({ min: 0, max: 0.999, noNaN: true }),
  });

  it("stays between one and the ceiling, and never ends a pause that the server asked for", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 100 }), (steps, ceiling) => {
        let allowance: Allowance = FIRST_ALLOWANCE;
        let now = START;
        for (const { ok, level, later, retryAfter, random } of steps) {
          const startedAt = now;
          now = plus(now, later);
          const before = allowance;
          allowance = ok
            ? afterSuccess(allowance, { level, now, ceiling })
            : afterRefusal(allowance, { level, startedAt, now, retryAfter, random });
          expect(allowance.limit).toBeGreaterThanOrEqual(1);
          expect(allowance.limit).toBeLessThanOrEqual(Math.max(ceiling, FIRST_ALLOWANCE.limit));
          expect(allowance.pausedUntil).toBeGreaterThanOrEqual(before.pausedUntil);
          if (ok) continue;
          expect(allowance.pausedUntil).toBeGreaterThanOrEqual(now + (retryAfter ?? 0));
          expect(allowance.limit).toBeLessThan(Math.max(level, 2));
        }
      }),
    );
  });

  it("is halved once for a round of refusals, and grows by one for a round of successes", () => {
    const refusal = { level: 8, startedAt: plus(START, 10), now: plus(START, 20), retryAfter: 5, random: 0 };
    const once = afterRefusal({ ...FIRST_ALLOWANCE, limit: 8 }, refusal);
    expect(once.limit).toBe(4);
    expect(afterRefusal(once, { ...refusal, now: plus(START, 21) }).limit).toBe(4);
    const again = { ...refusal, level: 4, startedAt: plus(START, 30), now: plus(START, 31) };
    expect(afterRefusal(once, again).limit).toBe(2);
    expect(Math.floor(succeed(once, { times: 5, now: plus(START, 40) }).limit)).toBe(5);
  });

  it("does not grow while it is not used: of what was never tried nothing is known", () => {
    let allowance = FIRST_ALLOWANCE;
    for (let count = 0; count < 1000; count++)
      allowance = afterSuccess(allowance, { level: 4, now: START, ceiling: 60 });
    expect(allowance.limit).toBe(FIRST_ALLOWANCE.limit);
  });

  it("stays below what was refused, and tries it only now and then, each time later", () => {
    // A server that allows seven at once, and as many requests waiting as can be, for a day.
    let allowance = FIRST_ALLOWANCE;
    const refusals: Instant[] = [];
    for (let now = START; now < plus(START, hours(24)); now = plus(now, seconds(1))) {
      const level = Math.floor(allowance.limit);
      if (level > 7) {
        refusals.push(now);
        allowance = refused(allowance, level, now);
      } else allowance = succeed(allowance, { times: level, now });
    }
    expect(refusals.length).toBeLessThan(15);
    const last = refusals.at(-1) ?? START;
    expect(last - (refusals.at(-2) ?? START)).toBeGreaterThan(hours(4));
    expect(Math.floor(allowance.limit)).toBe(7);
  });

  it("goes on beyond what was refused once that goes well again", () => {
    const busy = refused({ ...FIRST_ALLOWANCE, limit: 20 }, 6, START);
    const held = succeed(busy, { times: 500, now: plus(START, seconds(59)) });
    expect(Math.floor(held.limit)).toBe(5);
    expect(Math.floor(succeed(held, { times: 500, now: plus(START, minutes(1)), ceiling: 24 }).limit)).toBe(24);
  });

  it("does not wait for ever below what was refused when the clock is set back", () => {
    const busy = refused({ ...FIRST_ALLOWANCE, limit: 9 }, 9, START);
    expect(Math.floor(succeed(busy, { times: 500, now: plus(START, -hours(3)), ceiling: 24 }).limit)).toBe(24);
  });

  it("waits longer after each refusal without a time", () => {
    let allowance: Allowance = FIRST_ALLOWANCE;
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((round) => {
      const now = instant(round * 1_000_000);
      const refusal = { level: 1, startedAt: now, now, retryAfter: undefined, random: 0.999_999 };
      allowance = afterRefusal(allowance, refusal);
      return Math.round((allowance.pausedUntil - now) / 1000);
    });
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  });

  it("begins again where an unknown server begins after an outage, and not higher", () => {
    expect(afterOutage({ ...FIRST_ALLOWANCE, limit: 24 }).limit).toBe(FIRST_ALLOWANCE.limit);
    expect(afterOutage({ ...FIRST_ALLOWANCE, limit: 2 }).limit).toBe(2);
  });
});

describe("[H3] the default EwsMaxConcurrency of the server's version", () => {
  it("grows its pauses where a server asks for one second for ever, and only there", () => {
    const pauses = (isGrowing: boolean): readonly number[] => {
      let allowance: Allowance = FIRST_ALLOWANCE;
      let now = START;
      return Array.from({ length: 8 }, () => {
        const refusal = { level: 1, startedAt: now, now, retryAfter: 1000, random: 0, isGrowing };
        allowance = afterRefusal(allowance, refusal);
        const pause = allowance.pausedUntil - now;
        now = plus(now, pause + 1);
        return pause;
      });
    };
    expect(pauses(false)).toEqual(Array(8).fill(1000));
    expect(pauses(true)).toEqual([1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });
});
