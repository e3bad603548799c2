import { describe, expect, it } from "vitest";
import { parseMoment } from "../../src/admin/parse-moment.ts";
import { formatInstant, type Instant, parseInstant } from "../../src/lib/time.ts";

const NOW: Instant = parseInstant("2026-11-22T12:00:00Z") ?? expect.fail();
const show = (text: string, side: "future" | "past"): string => {
  const at = parseMoment(text, NOW, side);
  return at === undefined ? "none" : formatInstant(at);
};

describe("a moment in UTC", () => {
  it.each([
    ["22:00", "2026-11-22T22:00:00Z"],
    ["9:30", "2026-11-23T09:30:00Z"],
    ["12:00", "2026-11-23T12:00:00Z"],
    ["22:00:30 UTC", "2026-11-22T22:00:30Z"],
    ["in 2h", "2026-11-22T14:00:00Z"],
    ["1d", "2026-11-23T12:00:00Z"],
    ["2026-11-23 22:00", "2026-11-23T22:00:00Z"],
    ["2026-11-23T22:00:00Z", "2026-11-23T22:00:00Z"],
    ["2026-11-23 22:00:00 UTC", "2026-11-23T22:00:00Z"],
    ["2026-11-24", "2026-11-24T00:00:00Z"],
    ["2026-11-21", "none"],
    ["25:00", "none"],
    ["2200", "none"],
    ["tonight", "none"],
    ["", "none"],
  ])("to come: %j is %s", (text, expected) => {
    expect(show(text, "future")).toBe(expected);
  });

  it.each([
    ["09:00", "2026-11-22T09:00:00Z"],
    ["22:00", "2026-11-21T22:00:00Z"],
    ["2h", "2026-11-22T10:00:00Z"],
    ["3 days ago", "2026-11-19T12:00:00Z"],
    ["2026-11-20", "2026-11-20T00:00:00Z"],
    ["2026-11-23", "none"],
    ["2026", "none"],
  ])("past: %j is %s", (text, expected) => {
    expect(show(text, "past")).toBe(expected);
  });
});
