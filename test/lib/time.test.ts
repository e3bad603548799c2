import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  earlier,
  formatInstant,
  formatLength,
  formatLocalUtc,
  hours,
  instant,
  later,
  milliseconds,
  minutes,
  parseInstant,
  parseLength,
  plus,
  seconds,
} from "../../src/lib/time.ts";
import { anyText } from "./any-text.ts";

/** Every date that four digits of year can say. */
const aDate = fc.date({
  min: new Date("0000-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59.999Z"),
  noInvalidDate: true,
});
const two = (value: number): string => String(value).padStart(2, "0");

describe("parseInstant", () => {
  it("reads every date, to the millisecond, as Date does", () => {
    fc.assert(
      fc.property(aDate, (date) => {
        expect(parseInstant(date.toISOString())).toBe(date.getTime());
      }),
      { numRuns: 500 },
    );
  });

  it("reads every number of milliseconds exactly", () => {
    for (let count = 0; count < 1000; count++) {
      expect(parseInstant(`1970-01-01T00:00:00.${String(count).padStart(3, "0")}Z`)).toBe(count);
    }
  });

  it("reads offsets with and without colon, as Date does", () => {
    const offset = fc.tuple(
      fc.constantFrom("+", "-"),
      fc.integer({ min: 0, max: 13 }),
      fc.integer({ min: 0, max: 59 }),
    );
    fc.assert(
      fc.property(aDate, offset, (date, [sign, hour, minute]) => {
        const local = date.toISOString().slice(0, -1);
        const expected = Date.parse(`${local}${sign}${two(hour)}:${two(minute)}`);
        expect(parseInstant(`${local}${sign}${two(hour)}:${two(minute)}`)).toBe(expected);
        expect(parseInstant(`${local}${sign}${two(hour)}${two(minute)}`)).toBe(expected);
      }),
    );
  });

  it("accepts exactly the days that there are", () => {
    const field = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(field(9999), field(13), field(32), (year, month, day) => {
        const text = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
        const date = new Date(`${text}T00:00:00Z`);
        const exists = !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
        expect(parseInstant(text)).toBe(exists ? date.getTime() : undefined);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ["2026-11-22T09:00:00", "2026-11-22T09:00:00Z"],
    ["2026-11-22T09:00", "2026-11-22T09:00:00Z"],
    [" 2026-11-22T09:00:00Z ", "2026-11-22T09:00:00Z"],
    ["2026-11-22T09:00:00+01", "2026-11-22T08:00:00Z"],
    ["2026-11-22T09:00:00.1234567Z", "2026-11-22T09:00:00.123Z"],
    ["2026-11-22T24:00:00Z", "2026-11-23T00:00:00Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"],
    ["2024-02-29", "2024-02-29T00:00:00Z"],
  ])("reads %s", (text, same) => {
    expect(parseInstant(text)).toBe(Date.parse(same));
  });

  it.each([
    "",
    "now",
    "2026",
    "2026-02-29",
    "2026-13-01",
    "2026-11-22T25:00:00Z",
    "2026-11-22T24:00:01Z",
    "2026-11-22T24:00:00.5Z",
    "2026-11-22T09:60:00Z",
    "2026-11-22T09:00:00+15:00",
    "2026-11-22T09:00:00 CET",
    "2026-11-22T09:00:00Z2026-11-22T09:00:00Z",
    "２０２６-11-22",
    "1".repeat(1_000_000),
  ])("does not read %.40j", (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  it("never throws", () => {
    const almost = fc.string({ unit: fc.constantFrom(..."0123456789-:.,+TZz "), maxLength: 40 });
    fc.assert(
      fc.property(fc.oneof(anyText, almost), (text) => {
        const at = parseInstant(text);
        expect(at === undefined || Number.isSafeInteger(at)).toBe(true);
      }),
    );
  });
});

describe("formatInstant", () => {
  it("writes every second as Date does, fractions cut off", () => {
    fc.assert(
      fc.property(aDate, (date) => {
        const expected = `${date.toISOString().slice(0, 19)}`;
        expect(formatLocalUtc(instant(date.getTime()))).toBe(expected);
        expect(formatInstant(instant(date.getTime()))).toBe(`${expected}Z`);
      }),
      { numRuns: 500 },
    );
  });

  it("writes what parseInstant reads back", () => {
    fc.assert(
      fc.property(aDate, (date) => {
        const whole = Math.floor(date.getTime() / 1000) * 1000;
        expect(parseInstant(formatInstant(instant(date.getTime())))).toBe(whole);
      }),
    );
  });
});

describe("parseLength", () => {
  it.each([
    ["15", minutes(15)],
    ["0", minutes(0)],
    ["90m", minutes(90)],
    ["2h", hours(2)],
    ["1h30m", minutes(90)],
    ["1 h 30 min", minutes(90)],
    ["1d", hours(24)],
    ["45 min", minutes(45)],
    ["45 mins", minutes(45)],
    ["30 seconds", seconds(30)],
    ["1.5 Hours", minutes(90)],
    ["1.1h", milliseconds(3_960_000)],
    ["2 hrs", hours(2)],
  ])("reads %s", (text, length) => {
    expect(parseLength(text)).toBe(length);
  });

  it.each([
    "",
    " ",
    "h",
    "1x",
    "-5",
    "1h-5m",
    "1hour30minutesx",
    "1,5h",
    "five",
    "1234567",
    "0x10",
    "1e3",
    "9".repeat(1_000_000),
  ])("does not read %.40j", (text) => {
    expect(parseLength(text)).toBeUndefined();
  });

  it("reads back what formatLength wrote of a whole number of minutes below a day", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1439 }), (count) => {
        expect(parseLength(formatLength(minutes(count)))).toBe(minutes(count));
      }),
    );
  });

  it("never throws, and gives whole milliseconds", () => {
    const almost = fc.string({ unit: fc.constantFrom(..."0123456789. dhms"), maxLength: 20 });
    fc.assert(
      fc.property(fc.oneof(anyText, almost), (text) => {
        const length = parseLength(text);
        expect(length === undefined || (Number.isSafeInteger(length) && length >= 0)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe("formatLength", () => {
  it.each([
    [0, "0 s"],
    [-5000, "0 s"],
    [499, "0 s"],
    [1500, "2 s"],
    [59_999, "1 m"],
    [310_000, "5 m 10 s"],
    [3_600_000, "1 h"],
    [97_200_000, "1 d 3 h"],
    [97_265_000, "1 d 3 h"],
  ])("says %i ms as %s", (length, text) => {
    expect(formatLength(length)).toBe(text);
  });
});

describe("instants", () => {
  it("are moved and compared", () => {
    const [a, b] = [instant(5), instant(7)];
    expect([later(a, b), earlier(a, b), plus(a, seconds(1)), plus(a, -5)]).toEqual([7, 5, 1005, 0]);
  });
});
