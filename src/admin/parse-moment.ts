import { formatInstant, hours, type Instant, parseInstant, parseLength, plus } from "../lib/time.ts";

const DAY = hours(24);

/**
 * Reads a moment in UTC, as people write it: `22:00` (the next, or the last), `2h`, `in 2h`, `3 days ago`,
 * `2026-11-22 22:00`, `2026-11-22`. `undefined` when it is none, or lies on the wrong side of `now`.
 */
export function parseMoment(text: string, now: Instant, side: "future" | "past"): Instant | undefined {
  const plain = text.trim().replace(/\s*(?:UTC|Z)$/i, "");
  const at = parseClock(plain, now, side) ?? parseDistance(plain, now, side) ?? parseInstant(plain.replace(/\s+/, "T"));
  return at === undefined || (side === "future" ? at <= now : at > now) ? undefined : at;
}

function parseClock(text: string, now: Instant, side: "future" | "past"): Instant | undefined {
  if (!/^\d{1,2}:\d\d(:\d\d)?$/.test(text)) return undefined;
  const today = parseInstant(`${formatInstant(now).slice(0, 10)}T${text.padStart(text.length > 5 ? 8 : 5, "0")}`);
  if (today === undefined) return undefined;
  if (side === "future") return today > now ? today : plus(today, DAY);
  return today <= now ? today : plus(today, -DAY);
}

function parseDistance(text: string, now: Instant, side: "future" | "past"): Instant | undefined {
  const words = side === "future" ? text.replace(/^in\s+/i, "") : text.replace(/\s+ago$/i, "");
  // A bare number would be minutes; of a moment it is more often a year, or a time without its colon.
  const length = /^\d+$/.test(words) ? undefined : parseLength(words);
  return length && plus(now, side === "future" ? length : -length);
}
