import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Instant, instant, minutes, parseInstant, plus } from "../../src/lib/time.ts";
import { instantOfWallTime, nextTimeOfDay, parseTimeZone, wallTimeAt } from "../../src/lib/time-zone.ts";

const at = (text: string): Instant => parseInstant(text) ?? instant(0);

describe("the name of a time zone", () => {
  it.each([
    ["Europe/Berlin", "Europe/Berlin"],
    ["europe/berlin", "Europe/Berlin"],
    ["W. Europe Standard Time", "Europe/Berlin"],
    ["pacific standard time", "America/Los_Angeles"],
    ["UTC", "UTC"],
  ])("%s is %s", (name, zone) => {
    expect(parseTimeZone(name)).toBe(zone);
  });

  it.each(["", "Nowhere/Nothing", "+02:00", "Europe/Berlin; DROP TABLE user", "x".repeat(1000), "constructor"])(
    "is not %j",
    (name) => {
      expect(parseTimeZone(name)).toBeUndefined();
    },
  );

  it("is known for every Windows zone", async () => {
    const names = ["Dateline Standard Time", "India Standard Time", "Line Islands Standard Time", "FLE Standard Time"];
    for (const name of names) expect(parseTimeZone(name)).toMatch(/^[A-Z]/);
  });
});

describe("the time on a wall", () => {
  it.each([
    ["a winter's day", "2026-11-22", 15, 30, "2026-11-22T14:30:00Z"],
    ["a summer's day", "2026-07-01", 15, 30, "2026-07-01T13:30:00Z"],
    ["a time left out in spring: an hour later", "2026-03-29", 2, 30, "2026-03-29T01:30:00Z"],
    ["a time that comes twice in autumn: the first", "2026-10-25", 2, 30, "2026-10-25T00:30:00Z"],
  ])("in Berlin on %s", (_, date, hour, minute, utc) => {
    expect(instantOfWallTime({ date, hour, minute }, "Europe/Berlin")).toBe(at(utc));
  });

  it.each([
    ["2026-02-30", 1, 0],
    ["2026-01-01", 24, 0],
    ["2026-01-01", 1, 60],
    ["x", 1, 0],
  ])("is none on %s at %i:%i", (date, hour, minute) => {
    expect(instantOfWallTime({ date, hour, minute }, "Europe/Berlin")).toBeUndefined();
  });

  it("comes back from the instant it was made of, but for hours that come twice", () => {
    const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe");
    const anInstant = fc
      .integer({ min: 0, max: 2_000_000 })
      .map((count) => plus(instant(1_700_000_000_000 - (1_700_000_000_000 % 60_000)), minutes(count)));
    fc.assert(
      fc.property(anInstant, zones, (now, zone) => {
        const back = instantOfWallTime(wallTimeAt(now, zone), zone) ?? instant(0);
        expect(wallTimeAt(back, zone)).toEqual(wallTimeAt(now, zone));
        expect(now - back === 0 || (now > back && now - back <= minutes(60))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it("of a time of day is today's, else tomorrow's", () => {
    const now = at("2026-11-22T14:30:00Z");
    expect(nextTimeOfDay({ hour: 15, minute: 31 }, now, "Europe/Berlin")).toBe(at("2026-11-22T14:31:00Z"));
    expect(nextTimeOfDay({ hour: 15, minute: 30 }, now, "Europe/Berlin")).toBe(at("2026-11-23T14:30:00Z"));
    expect(nextTimeOfDay({ hour: 0, minute: 0 }, now, "Europe/Berlin")).toBe(at("2026-11-22T23:00:00Z"));
  });
});
