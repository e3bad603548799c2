import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseLimitedJson } from "../../../plugins/shared-http/limited-json.ts";
import { retryAfterOf } from "../../../plugins/shared-http/retry-after.ts";

describe("JSON of an outside server", () => {
  it("is read as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        expect(parseLimitedJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("is undefined when it is none, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("[", "]", "{", "}", '"', "\\", ",", ":", "a", "1") }), (text) => {
        const valid = ((): boolean => {
          try {
            JSON.parse(text);
            return true;
          } catch {
            return false;
          }
        })();
        expect(parseLimitedJson(text) !== undefined).toBe(valid);
      }),
    );
  });

  it("is not read when it nests too deep; brackets in strings do not count", () => {
    expect(parseLimitedJson("[".repeat(64) + "]".repeat(64))).toBeDefined();
    expect(parseLimitedJson("[".repeat(65) + "]".repeat(65))).toBeUndefined();
    expect(parseLimitedJson("[".repeat(5_000_000))).toBeUndefined();
    const text = JSON.stringify(`\\"${"[".repeat(1000)}\\`);
    expect(parseLimitedJson(text)).toBe(JSON.parse(text));
  });
});

describe("Retry-After", () => {
  it.each([
    [undefined, {}],
    ["", {}],
    ["0", {}],
    ["7", { retryAfter: 7000 }],
    ["999999999", { retryAfter: 3_600_000 }],
    ["-1", {}],
    ["Wed, 21 Oct 2026 07:28:00 GMT", {}],
  ])("is seconds, an hour at most (%s)", (text, expected) => {
    expect(retryAfterOf(text)).toEqual(expected);
  });
});
