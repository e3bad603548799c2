import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffDelay } from "../../src/lib/backoff.ts";
import { milliseconds, minutes, seconds } from "../../src/lib/time.ts";

const POLICY = { first: seconds(1), longest: minutes(5) };

describe("back-off", () => {
  it("doubles from the first wait to the longest", () => {
    const longest = [1, 2, 3, 4, 8, 9, 10, 1000].map((failures) => backoffDelay(POLICY, failures, 1));
    expect(longest).toEqual([1000, 2000, 4000, 8000, 128_000, 256_000, 300_000, 300_000]);
  });

  it("lies in the upper half of its step, wherever the die falls", () => {
    const die = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100_000 }),
        fc.integer({ min: 1, max: 5000 }),
        die,
        (failures, first, random) => {
          const policy = { first: milliseconds(first), longest: minutes(5) };
          const step = Math.min(first * 2 ** Math.min(failures - 1, 40), minutes(5));
          const wait = backoffDelay(policy, failures, random);
          expect(wait).toBeGreaterThanOrEqual(Math.floor(step / 2));
          expect(wait).toBeLessThanOrEqual(step);
          expect(Number.isInteger(wait)).toBe(true);
        },
      ),
    );
  });

  it("takes no failure as the first", () => {
    expect(backoffDelay(POLICY, 0, 0)).toBe(backoffDelay(POLICY, 1, 0));
  });
});
