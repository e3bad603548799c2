/**
 * Time as plain numbers with the unit in the type. Nothing here reads a clock: time is always an argument.
 */

declare const unit: unique symbol;

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number & { readonly [unit]: "instant" };

/** A length of time in milliseconds. */
export type Milliseconds = number & { readonly [unit]: "milliseconds" };

/** A half-open stretch of time, `[start, end)`. */
export interface TimeWindow {
  readonly start: Instant;
  readonly end: Instant;
}

/** The instant of a number of milliseconds since the epoch. */
export const instant = (epochMilliseconds: number): Instant => epochMilliseconds as Instant;

/** A length of time given in milliseconds. */
export const milliseconds = (count: number): Milliseconds => count as Milliseconds;

/** A length of time given in seconds. */
export const seconds = (count: number): Milliseconds => (count * 1000) as Milliseconds;

/** A length of time given in minutes. */
export const minutes = (count: number): Milliseconds => (count * 60_000) as Milliseconds;

/** A length of time given in hours. */
export const hours = (count: number): Milliseconds => (count * 3_600_000) as Milliseconds;

/** The instant that lies `length` after (or, when negative, before) `from`. */
export const plus = (from: Instant, length: number): Instant => (from + length) as Instant;

/** The later of two instants. */
export const later = (a: Instant, b: Instant): Instant => (a > b ? a : b);

/** The earlier of two instants. */
export const earlier = (a: Instant, b: Instant): Instant => (a < b ? a : b);

const DAY = 86_400_000;

/** Days since the epoch of a date of the proleptic Gregorian calendar (months 1 to 12). */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/** Year, month (1 to 12) and day of a number of days since the epoch. */
function civilFromDays(days: number): readonly [number, number, number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth + (shiftedMonth < 10 ? 3 : -9);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

const DATE_TIME =
  /^(-?\d{4,6})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d\d:?(?:\d\d)?)?$/i;

const daysInMonth = (year: number, month: number): number =>
  month === 2
    ? (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
      ? 29
      : 28
    : [4, 6, 9, 11].includes(month)
      ? 30
      : 31;

/** Minutes east of UTC of `Z`, `+01:00`, `+0100` or `+01`. */
function parseOffset(text: string): number | undefined {
  if (text === "Z" || text === "z") return 0;
  const digits = text.slice(1).replace(":", "");
  const hour = Number(digits.slice(0, 2));
  const minute = Number(digits.slice(2) || "0");
  if (hour > 14 || minute > 59) return undefined;
  return (text.startsWith("-") ? -1 : 1) * (hour * 60 + minute);
}

/**
 * Reads an ISO 8601 date and time; one without a zone is taken as UTC, which is what availability answers mean when
 * the request's `t:TimeZone` is UTC. Offsets may come with or without colon. `undefined` when it is no valid date.
 */
export function parseInstant(text: string): Instant | undefined {
  if (text.length > 64) return undefined;
  const match = DATE_TIME.exec(text.trim());
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const offset = parseOffset(match[8] ?? "Z");
  if (offset === undefined || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  const fraction = Math.trunc(Number(`0.${match[7] ?? "0"}`) * 1000);
  if (minute > 59 || second > 60 || hour > 24 || (hour === 24 && minute + second + fraction > 0)) return undefined;
  const inDay = ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction;
  return instant(daysFromCivil(year, month, day) * DAY + inDay);
}

const two = (value: number): string => (value < 10 ? `0${value}` : `${value}`);

/** The day in UTC, `2026-01-31`. */
export const formatDay = (at: Instant): string => formatLocalUtc(at).slice(0, 10);

/** `2026-11-22T09:00:00` in UTC, without zone and without fractions: the form availability requests carry. */
export function formatLocalUtc(at: Instant): string {
  const days = Math.floor(at / DAY);
  const rest = Math.floor((at - days * DAY) / 1000);
  const [year, month, day] = civilFromDays(days);
  const clock = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  return `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}T${clock}`;
}

/** `2026-11-22T09:00:00Z` (RFC 3339, XEP-0082), without fractions. */
export const formatInstant = (at: Instant): string => `${formatLocalUtc(at)}Z`;

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/** A short length for people: `1 d 3 h`, `5 m 10 s`, `0 s`; the two largest units only. */
export function formatLength(length: number): string {
  let rest = Math.max(0, Math.round(length / 1000) * 1000);
  const parts: string[] = [];
  for (const [name, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** Reads `90m`, `2h`, `1h30m`, `1d`, `45 min`, `30 seconds`; a bare number is minutes. `undefined` when it is none. */
export function parseLength(text: string): Milliseconds | undefined {
  const trimmed = text.trim().toLowerCase();
  if (/^\d{1,6}$/.test(trimmed)) return minutes(Number(trimmed));
  const part = /(\d{1,6}(?:\.\d{1,3})?)\s*(d|days?|h|hours?|hrs?|m|mins?|minutes?|s|secs?|seconds?)(?=[\s\d]|$)\s*/y;
  let total = 0;
  while (part.lastIndex < trimmed.length) {
    const match = part.exec(trimmed);
    if (!match) return undefined;
    const size = UNITS.find(([name]) => match[2]?.startsWith(name))?.[1] ?? 0;
    total += Math.round(Number(match[1]) * size);
  }
  return trimmed === "" ? undefined : milliseconds(total);
}
