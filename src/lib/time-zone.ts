import { formatInstant, hours, type Instant, later, parseInstant, plus } from "./time.ts";
import { ianaOfWindowsZone } from "./windows-zones.ts";

/** The longest name of a zone is far below. */
const LONGEST_ZONE = 64;

/** The canonical IANA name of a time zone given by its IANA or Windows name, in any case; `undefined` when it is none. */
export function parseTimeZone(name: string): string | undefined {
  if (name.length > LONGEST_ZONE) return undefined;
  const zone = ianaOfWindowsZone(name) ?? name.trim();
  // Offsets know no summer time: whoever writes one is mostly wrong half the year.
  if (!/^[A-Za-z]/.test(zone)) return undefined;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    return undefined; // RangeError, its only one
  }
}

/** What clocks on walls show: no instant, but where one is in the proleptic Gregorian calendar. */
export interface WallTime {
  /** `2026-11-22`. */
  readonly date: string;
  readonly hour: number;
  readonly minute: number;
}

/** What clocks in the zone show. */
export function wallTimeAt(at: Instant, zone: string): WallTime {
  const format = new Intl.DateTimeFormat("en-u-ca-iso8601-nu-latn", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.get(type) ?? "";
  return {
    date: `${part("year").padStart(4, "0")}-${part("month")}-${part("day")}`,
    hour: Number(part("hour")),
    minute: Number(part("minute")),
  };
}

/** As if the clock on the wall were that of UTC. */
const asUtc = ({ date, hour, minute }: WallTime): Instant | undefined => {
  const midnight = parseInstant(`${date}T00:00:00Z`);
  return midnight === undefined || hour > 23 || minute > 59 ? undefined : plus(midnight, hours(hour + minute / 60));
};

const offsetAt = (at: Instant, zone: string): number =>
  (asUtc(wallTimeAt(at, zone)) ?? at) - Math.floor(at / MINUTE) * MINUTE;

const MINUTE = 60_000;

/**
 * When clocks in the zone show this; of a time that comes twice the first, for one that is left out when summer time begins as
 * much later. `undefined` for what is no date or time.
 */
export function instantOfWallTime(wall: WallTime, zone: string): Instant | undefined {
  const plain = asUtc(wall);
  if (plain === undefined) return undefined;
  const before = plus(plain, -offsetAt(plus(plain, -hours(24)), zone));
  const after = plus(plain, -offsetAt(plus(plain, hours(24)), zone));
  const fitting = [before, after].filter((at) => offsetAt(at, zone) === plain - at).sort((a, b) => a - b);
  return fitting[0] ?? later(before, after);
}

/** The first instant after `at` at which clocks in the zone show the time of day. */
export function nextTimeOfDay(time: Pick<WallTime, "hour" | "minute">, at: Instant, zone: string): Instant | undefined {
  const today = wallTimeAt(at, zone).date;
  const days = [today, dayAfter(today, 1), dayAfter(today, 2)];
  return days
    .map((date) => instantOfWallTime({ date, ...time }, zone))
    .find((found) => found !== undefined && found > at);
}

/** The date so many days after another. */
export function dayAfter(date: string, days: number): string {
  const start = parseInstant(`${date}T12:00:00Z`);
  return start === undefined ? date : formatInstant(plus(start, hours(24 * days))).slice(0, 10);
}
