import { formatInstant, formatLength, type Instant } from "../lib/time.ts";

/** `2026-11-22 09:00:00 UTC`. */
export const formatDate = (at: Instant): string => formatInstant(at).replace("T", " ").replace("Z", " UTC");

/** `09:00:00 UTC`, with the date where it is not that of `now`. */
export function formatTime(at: Instant, now: Instant): string {
  const [date, time = ""] = formatInstant(at).split("T");
  const isToday = formatInstant(now).startsWith(`${date}T`);
  return `${isToday ? "" : `${date} `}${time.replace("Z", " UTC")}`;
}

/** `3 m ago`, `in 2 h 5 m`, `now`. */
export function formatDistance(at: Instant, now: Instant): string {
  if (Math.abs(at - now) < 500) return "now";
  return at < now ? `${formatLength(now - at)} ago` : `in ${formatLength(at - now)}`;
}

/** `09:00:00 UTC (3 m ago)`. */
export const formatMoment = (at: Instant, now: Instant): string =>
  `${formatTime(at, now)} (${formatDistance(at, now)})`;
