import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { clockChange } from "./ews-requests.ts";
import { DAYS_OF_WEEK, type MeetingDetails, occurrencesIn, type Recurrence } from "./meetings.ts";
import { parseRequestXml } from "./request-xml.ts";
import { formatLocalTime, parseTime, parseTimeZone } from "./time-zone.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SUNDAY = Date.parse("2026-11-01T00:00:00Z");

/** The starts of a series, found by looking at every day one by one. */
function* startsDayByDay(meeting: MeetingDetails, recurrence: Recurrence, utcOffset: number): Generator<number> {
  const { kind, interval = 1, days, count = Number.POSITIVE_INFINITY, until = Number.POSITIVE_INFINITY } = recurrence;
  const firstWeekday = new Date(meeting.start + utcOffset).getUTCDay();
  let found = 0;
  for (let day = 0; day < 200; day += 1) {
    const start = meeting.start + day * DAY;
    const weekday = DAYS_OF_WEEK[(firstWeekday + day) % 7] ?? "Sunday";
    const week = Math.floor((firstWeekday + day) / 7);
    const wanted = days ?? [DAYS_OF_WEEK[firstWeekday]];
    const matches = kind === "daily" ? day % interval === 0 : week % interval === 0 && wanted.includes(weekday);
    if (!matches) continue;
    found += 1;
    if (found > count || start > until) return;
    yield start;
  }
}

const recurrences: fc.Arbitrary<Recurrence> = fc
  .record({
    kind: fc.constantFrom("daily" as const, "weekly" as const),
    interval: fc.integer({ min: 1, max: 5 }),
    days: fc.option(fc.subarray([...DAYS_OF_WEEK], { minLength: 1 }), { nil: undefined }),
    count: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
    until: fc.option(fc.integer({ min: 0, max: 100 }), { nil: undefined }),
  })
  .map(({ kind, interval, days, count, until }) => ({
    kind,
    interval,
    ...(days && { days }),
    ...(count && { count }),
    ...(until !== undefined && { until: SUNDAY + until * DAY }),
  }));

describe("recurring meetings", () => {
  it("occur in a window exactly when looking day by day finds them", () => {
    const hours = fc.integer({ min: 0, max: 60 * 24 });
    fc.assert(
      fc.property(recurrences, hours, hours, fc.integer({ min: -12, max: 14 }), (recurrence, first, open, offset) => {
        const start = SUNDAY + first * HOUR;
        const meeting: MeetingDetails = { start, end: start + 3 * HOUR, status: "busy", recurrence };
        const window = { start: SUNDAY + open * HOUR, end: SUNDAY + open * HOUR + 20 * DAY };
        const expected = [...startsDayByDay(meeting, recurrence, offset * HOUR)].filter(
          (begin) => begin < window.end && begin + 3 * HOUR > window.start,
        );
        expect([...occurrencesIn(meeting, window, offset * HOUR)].map((span) => span.start)).toEqual(expected);
      }),
    );
  });
});

describe("time zones of requests", () => {
  const standard = clockChange("StandardTime", 0, "03:00:00", [5, 10, "Sunday"]);
  const daylight = clockChange("DaylightTime", -60, "02:00:00", [5, 3, "Sunday"]);
  const xml = `<t:TimeZone xmlns:t="urn:t"><t:Bias>-60</t:Bias>${standard}${daylight}</t:TimeZone>`;
  const zone = parseTimeZone(parseRequestXml(Buffer.from(xml)));

  it("read back every time that they write, but the hour that comes twice", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 * 366 * 24 * 60 }), (minutes) => {
        const instant = SUNDAY + minutes * 60_000;
        const isTwice = zone.offsetAt(instant - HOUR) !== zone.offsetAt(instant + HOUR);
        expect(isTwice || parseTime(formatLocalTime(instant, zone), zone) === instant).toBe(true);
      }),
    );
  });

  it("agree with the machine's own rules for Berlin", () => {
    const berlin = new Intl.DateTimeFormat("sv-SE", {
      timeZone: "Europe/Berlin",
      dateStyle: "short",
      timeStyle: "medium",
    });
    for (let instant = SUNDAY; instant < SUNDAY + 2 * 365 * DAY; instant += 7 * HOUR) {
      expect(formatLocalTime(instant, zone)).toBe(berlin.format(instant).replace(" ", "T"));
    }
  });
});
