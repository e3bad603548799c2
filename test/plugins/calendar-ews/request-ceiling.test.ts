import { describe, expect, it } from "vitest";
import { defaultCeiling, FIRST_LIMIT } from "../../../plugins/calendar-ews/request-ceiling.ts";

describe("the documented limit of an Exchange version", () => {
  it.each([
    [undefined, 10],
    ["14.1.218", 10],
    ["14.3.123", 10],
    ["15.0.847", 27],
    ["15.1.2507", 27],
    ["15.2.2562", 27],
    ["8.3.83", 10],
    ["", 10],
  ])("is kept below with a margin (%s: %i)", (version, limit) => {
    expect(defaultCeiling(version)).toBeLessThan(limit);
    expect(defaultCeiling(version)).toBeGreaterThanOrEqual(limit - 3);
    expect(FIRST_LIMIT).toBeLessThan(10);
  });
});
