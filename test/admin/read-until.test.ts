import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readUntil } from "../../src/admin/read-until.ts";
import { hours, type Instant, instant, minutes, parseInstant } from "../../src/lib/time.ts";
import { parseTimeZone } from "../../src/lib/time-zone.ts";
import { anyText } from "../lib/any-text.ts";

const at = (text: string): Instant => parseInstant(text) ?? instant(0);
/** A Monday, 10:00 in Berlin. */
const NOW = at("2026-11-23T09:00:00Z");
const read = (text: string, now = NOW) => readUntil(text, now, "Europe/Berlin");

describe("an end that is asked for", () => {
  it.each([
    ["for 45m", "2026-11-23T09:45:00Z"],
    ["2h", "2026-11-23T11:00:00Z"],
    ["90", "2026-11-23T10:30:00Z"],
    ["until 15:30", "2026-11-23T14:30:00Z"],
    ["UNTIL 15.30", "2026-11-23T14:30:00Z"],
    ["15h30", "2026-11-23T14:30:00Z"],
    ["till 3pm", "2026-11-23T14:00:00Z"],
    ["until 12 am", "2026-11-23T23:00:00Z"],
    ["until 12:15pm", "2026-11-23T11:15:00Z"],
    ["until 9", "2026-11-24T08:00:00Z"],
    ["until tomorrow", "2026-11-23T23:00:00Z"],
    ["tomorrow 8:15", "2026-11-24T07:15:00Z"],
    ["until today 18:00", "2026-11-23T17:00:00Z"],
    ["until 2027-01-07", "2027-01-06T23:00:00Z"],
    ["until 2027-07-01 9:00", "2027-07-01T07:00:00Z"],
    ["until 2027-07-01T9:00", "2027-07-01T07:00:00Z"],
    ["until 9 tomorrow", "2026-11-24T08:00:00Z"],
    ["ｕｎｔｉｌ　１５：３０", "2026-11-23T14:30:00Z"],
    ["until ١٥:٣٠", "2026-11-23T14:30:00Z"],
    ["for ۲h", "2026-11-23T11:00:00Z"],
  ])("by %j is %s", (text, expected) => {
    expect(read(text)).toBe(at(expected));
  });

  it.each([
    "",
    "for",
    "until",
    "until noon",
    "for 15:30",
    "until 13pm",
    "until 0am",
    "until 9:60",
    "until 24:00",
    "30s",
  ])("is not %j", (text) => {
    expect(read(text)).toBeUndefined();
  });

  it("is not in the past, nor more than a year off", () => {
    for (const text of ["until today 9:00", "until 2020-01-01", "until 2028-01-01", "for 400d"])
      expect(read(text)).toBeUndefined();
  });

  it("is right on the days on which clocks change", () => {
    const [spring, autumn] = [at("2026-03-28T20:00:00Z"), at("2026-10-24T20:00:00Z")];
    expect(read("until 9:00", spring)).toBe(at("2026-03-29T07:00:00Z"));
    expect(read("until 9:00", autumn)).toBe(at("2026-10-25T08:00:00Z"));
    expect(read("until 2:30", spring)).toBe(at("2026-03-29T01:30:00Z"));
  });

  it("is within its bounds or none, whatever is sent", () => {
    const pieces = fc.constantFrom(
      "for",
      "until",
      "tomorrow",
      "2026-12-24",
      "1",
      "5",
      ":",
      "30",
      "pm",
      "h",
      "m",
      " ",
      "d",
      ".",
    );
    const texts = fc.oneof(
      anyText,
      fc.array(pieces, { maxLength: 8 }).map((each) => each.join("")),
    );
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 100_000 }), (text, shift) => {
        const now = instant(NOW + shift * 997_000);
        const end = read(text, now);
        if (end === undefined) return;
        expect(end - now).toBeGreaterThanOrEqual(minutes(1));
        expect(end - now).toBeLessThanOrEqual(hours(366 * 24));
      }),
      { numRuns: 300 },
    );
  });
});

describe("a time zone that is asked for", () => {
  it("is one that Intl takes, or none, whatever is sent", () => {
    const pieces = fc.constantFrom("Europe", "/", "Berlin", "etc", "GMT", "+", "3", " Standard Time", "W.", "_");
    fc.assert(
      fc.property(
        fc.oneof(
          anyText,
          fc.array(pieces, { maxLength: 4 }).map((each) => each.join("")),
        ),
        (text) => {
          const zone = parseTimeZone(text);
          if (zone !== undefined) expect(parseTimeZone(zone)).toBe(zone);
        },
      ),
      { numRuns: 200 },
    );
  });
});
