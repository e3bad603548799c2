import { child, textAt, type XmlElement } from "./request-xml.ts";
import { EwsFault } from "./soap.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;
const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/** Where the year's clock change falls, as t:SerializableTimeZoneTime states it; `bias` in minutes on top of the zone's. */
interface ClockChange {
  readonly bias: number;
  readonly timeOfDay: number;
  readonly month: number;
  readonly dayOrder: number;
  readonly weekday: number;
  readonly isDayOfMonth: boolean;
}

/** The zone in which an availability request gives its window and gets its answer. */
export interface RequestTimeZone {
  /** Milliseconds to add to UTC at that instant. */
  offsetAt(instant: number): number;
}

/** The zone without offset or clock changes. */
export const UTC: RequestTimeZone = { offsetAt: () => 0 };

/** Reads t:TimeZone (SerializableTimeZone, bias in minutes west of UTC). */
export function parseTimeZone(element: XmlElement): RequestTimeZone {
  const bias = integerAt(element, "Bias");
  const standard = parseClockChange(child(element, "StandardTime"));
  const daylight = parseClockChange(child(element, "DaylightTime"));
  const standardOffset = -(bias + standard.bias) * MINUTE;
  const daylightOffset = -(bias + daylight.bias) * MINUTE;
  // Month 0 means that the zone has no clock change.
  if (standard.month === 0 || daylight.month === 0) return { offsetAt: () => standardOffset };
  return {
    offsetAt(instant) {
      const year = new Date(instant + standardOffset).getUTCFullYear();
      const begins = changeInstant(daylight, year) - standardOffset;
      const ends = changeInstant(standard, year) - daylightOffset;
      const isDaylight = begins < ends ? instant >= begins && instant < ends : instant >= begins || instant < ends;
      return isDaylight ? daylightOffset : standardOffset;
    },
  };
}

function parseClockChange(element: XmlElement | undefined): ClockChange {
  const time = /^(\d\d):(\d\d):(\d\d)$/.exec(textAt(element, "Time") ?? "");
  const weekday = WEEKDAYS.indexOf(textAt(element, "DayOfWeek") ?? "");
  if (time === null || weekday < 0) throw invalidTimeZone();
  const [, hours, minutes, seconds] = time.map(Number);
  return {
    bias: integerAt(element, "Bias"),
    timeOfDay: (((hours ?? 0) * 60 + (minutes ?? 0)) * 60 + (seconds ?? 0)) * 1000,
    month: integerAt(element, "Month"),
    dayOrder: integerAt(element, "DayOrder"),
    weekday,
    isDayOfMonth: textAt(element, "Year") !== undefined,
  };
}

/** The change's local wall time in that year, as if it were UTC. DayOrder 5 is the last such weekday of the month. */
function changeInstant(change: ClockChange, year: number): number {
  const firstOfMonth = Date.UTC(year, change.month - 1, 1);
  if (change.isDayOfMonth) return firstOfMonth + (change.dayOrder - 1) * DAY + change.timeOfDay;
  const firstMatch = (change.weekday - new Date(firstOfMonth).getUTCDay() + 7) % 7;
  const daysInMonth = new Date(Date.UTC(year, change.month, 0)).getUTCDate();
  let day = firstMatch + (change.dayOrder - 1) * 7;
  while (day >= daysInMonth) day -= 7;
  return firstOfMonth + day * DAY + change.timeOfDay;
}

function integerAt(element: XmlElement | undefined, name: string): number {
  const value = Number(textAt(element, name) ?? Number.NaN);
  if (!Number.isInteger(value) || Math.abs(value) > 1440) throw invalidTimeZone();
  return value;
}

function invalidTimeZone(): EwsFault {
  return new EwsFault("ErrorTimeZone", "The time zone specified in the request is not valid.");
}

/** xs:dateTime to an instant; a time without offset is in `zone`. Undefined when it is no time. */
export function parseTime(text: string | undefined, zone: RequestTimeZone): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d:\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?$/.exec(text ?? "");
  if (match === null) return undefined;
  const [, date, time = "T00:00:00", offset] = match;
  const wall = Date.parse(`${date}${time}${offset ?? "Z"}`);
  if (Number.isNaN(wall)) return undefined;
  if (offset !== undefined) return wall;
  // Two rounds settle on the offset in force at the local time, except inside the skipped hour, which has none.
  const guess = wall - zone.offsetAt(wall);
  return wall - zone.offsetAt(guess);
}

/** An instant as local time of the zone, to the second and without offset, as availability answers have it. */
export function formatLocalTime(instant: number, zone: RequestTimeZone): string {
  return new Date(instant + zone.offsetAt(instant)).toISOString().slice(0, 19);
}

/** An instant in UTC to the second, with Z. */
export function formatUtcTime(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}
