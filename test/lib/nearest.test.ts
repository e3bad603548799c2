import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { editDistance, nearest } from "../../src/lib/nearest.ts";

const WORDS = ["help", "status", "gateway add", "gateway list", "user enable", "user disable", "why"];
const aWord = fc.string({ unit: fc.constantFrom(..."abc"), maxLength: 6 });

/** The definition (optimal string alignment), without a table. */
function slowDistance(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [restA, restB] = [a.slice(1), b.slice(1)];
  const swapped = a[0] === b[1] && a[1] === b[0] && a.length > 1 && b.length > 1;
  return Math.min(
    slowDistance(restA, restB) + (a[0] === b[0] ? 0 : 1),
    slowDistance(restA, b) + 1,
    slowDistance(a, restB) + 1,
    swapped ? slowDistance(a.slice(2), b.slice(2)) + 1 : Number.POSITIVE_INFINITY,
  );
}

describe("the distance of two words", () => {
  it("is the least number of insertions, deletions, replacements and swaps", () => {
    fc.assert(
      fc.property(aWord, aWord, (a, b) => {
        expect(editDistance(a, b)).toBe(slowDistance(a, b));
        expect(editDistance(b, a)).toBe(editDistance(a, b));
      }),
      { numRuns: 60 },
    );
  });
});

describe("the nearest word", () => {
  it.each([
    ["halp", "help"],
    ["hlep", "help"],
    ["STATUS", "status"],
    ["gatway add", "gateway add"],
    ["user enabel", "user enable"],
    ["wyh", "why"],
  ])("to %s is %s", (word, expected) => {
    expect(nearest(word, WORDS)).toBe(expected);
  });

  it.each(["", "frobnicate", "x", "statusstatus"])("to %j is none", (word) => {
    expect(nearest(word, WORDS)).toBeUndefined();
  });

  it("is found, or not, for a word of megabytes and for no candidates", () => {
    expect(nearest("a".repeat(1_000_000), WORDS)).toBeUndefined();
    expect(nearest("help", [])).toBeUndefined();
  });
});
