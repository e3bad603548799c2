import { hours, type Instant, minutes, parseLength, plus } from "../lib/time.ts";
import { dayAfter, instantOfWallTime, nextTimeOfDay, wallTimeAt } from "../lib/time-zone.ts";

const SHORTEST = minutes(1);
const LONGEST = hours(366 * 24);
const TIME = /^(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?$/;

/** Examples of what `readUntil` reads. */
export const UNTIL_EXAMPLES = "for 45m, for 2h, until 15:30, until tomorrow 9:00";

/**
 * The end that `for 2h`, `until 15:30`, `until tomorrow 9:00` or `until 2026-12-24` ask for, with or without the first word; times
 * are those of the zone. `undefined` for what is none, and for what is sooner than a minute or later than 366 days from now.
 */
export function readUntil(text: string, now: Instant, zone: string): Instant | undefined {
  const plain = withPlainDigits(text.slice(0, 100).normalize("NFKC"));
  const [, word = "", rest = ""] = /^\s*(?:(for|until|till)(?:\s+|$))?(.*)$/is.exec(plain) ?? [];
  const wanted = rest.trim().toLowerCase();
  const isTime = /^(until|till)$/i.test(word);
  const length = isTime ? undefined : parseLength(wanted);
  const end = length === undefined && !/^for$/i.test(word) ? readTime(wanted, now, zone) : length && plus(now, length);
  return end !== undefined && end - now >= SHORTEST && end - now <= LONGEST ? end : undefined;
}

/** Arabic and Persian digits: the times that the gateway tells are in them too. */
const withPlainDigits = (text: string): string =>
  text.replace(/[\u0660-\u0669\u06F0-\u06F9]/g, (digit) => String((digit.codePointAt(0) ?? 0) & 0xf));

function readTime(text: string, now: Instant, zone: string): Instant | undefined {
  const { day, time } = splitDay(text);
  const wanted = readTimeOfDay(time);
  if (day === undefined) return wanted && nextTimeOfDay(wanted, now, zone);
  if (!wanted && time !== "") return undefined;
  const today = wallTimeAt(now, zone).date;
  const date = day === "today" ? today : day === "tomorrow" ? dayAfter(today, 1) : day;
  return instantOfWallTime({ date, ...(wanted ?? { hour: 0, minute: 0 }) }, zone);
}

/** The day stands before the time, or behind it. */
function splitDay(text: string): { readonly day?: string | undefined; readonly time: string } {
  const [, before, rest = ""] = /^(?:(today|tomorrow|\d{4}-\d\d-\d\d)(?:t|\s+|$))?(.*)$/.exec(text) ?? [];
  const [, time = rest, behind] = /^(.*\S)\s+(today|tomorrow|\d{4}-\d\d-\d\d)$/.exec(rest) ?? [];
  return before === undefined ? { day: behind, time } : { day: before, time: rest };
}

function readTimeOfDay(text: string): { readonly hour: number; readonly minute: number } | undefined {
  const match = TIME.exec(text);
  if (!match) return undefined;
  const [hour, minute, half] = [Number(match[1]), Number(match[2] ?? 0), match[3]?.charAt(0)];
  if (half === undefined) return { hour, minute };
  return hour < 1 || hour > 12 ? undefined : { hour: (hour % 12) + (half === "p" ? 12 : 0), minute };
}
