import { DAYS_OF_WEEK, type MeetingDetails, type Recurrence } from "../meetings.ts";
import { textAt, type XmlElement } from "../request-xml.ts";
import { EwsFault } from "../soap.ts";

const DAY = 86_400_000;

/** Reads t:Recurrence; patterns other than daily and weekly are ErrorUnsupportedRecurrence. */
export function parseRecurrence(element: XmlElement, utcOffset: number): Recurrence {
  const [pattern, range] = element.children;
  const kind = pattern?.name === "DailyRecurrence" ? "daily" : "weekly";
  if (pattern === undefined || (kind === "weekly" && pattern.name !== "WeeklyRecurrence")) {
    throw new EwsFault("ErrorUnsupportedRecurrence", "Only daily and weekly recurrences are offered.");
  }
  const interval = parseCount(textAt(pattern, "Interval") ?? "1");
  const named = (textAt(pattern, "DaysOfWeek") ?? "").split(/\s+/);
  const days = DAYS_OF_WEEK.filter(
    (day) => named.includes(day) || named.includes(groupOf(day)) || named.includes("Day"),
  );
  const base: Recurrence = kind === "weekly" && days.length > 0 ? { kind, interval, days } : { kind, interval };
  const count = textAt(range, "NumberOfOccurrences");
  if (count !== undefined) return { ...base, count: parseCount(count) };
  const endDate = /^\d{4}-\d\d-\d\d/.exec(textAt(range, "EndDate") ?? "")?.[0];
  return endDate === undefined ? base : { ...base, until: Date.parse(`${endDate}T00:00:00Z`) - utcOffset + DAY - 1 };
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 999) {
    throw new EwsFault("ErrorCalendarInvalidRecurrence", "The recurrence pattern or range is not valid.");
  }
  return count;
}

function groupOf(day: string): string {
  return day === "Saturday" || day === "Sunday" ? "WeekendDay" : "Weekday";
}

/** t:Recurrence of a series. */
export function encodeRecurrence({ start }: MeetingDetails, recurrence: Recurrence, utcOffset: number): string {
  const { interval = 1, days = [DAYS_OF_WEEK[new Date(start + utcOffset).getUTCDay()] ?? "Sunday"] } = recurrence;
  const date = (instant: number): string => new Date(instant + utcOffset).toISOString().slice(0, 10);
  const step = `<t:Interval>${interval}</t:Interval>`;
  const pattern =
    recurrence.kind === "daily"
      ? `<t:DailyRecurrence>${step}</t:DailyRecurrence>`
      : `<t:WeeklyRecurrence>${step}<t:DaysOfWeek>${days.join(" ")}</t:DaysOfWeek></t:WeeklyRecurrence>`;
  const begin = `<t:StartDate>${date(start)}</t:StartDate>`;
  if (recurrence.count !== undefined) {
    const count = `<t:NumberOfOccurrences>${recurrence.count}</t:NumberOfOccurrences>`;
    return `<t:Recurrence>${pattern}<t:NumberedRecurrence>${begin}${count}</t:NumberedRecurrence></t:Recurrence>`;
  }
  if (recurrence.until !== undefined) {
    const end = `<t:EndDate>${date(recurrence.until)}</t:EndDate>`;
    return `<t:Recurrence>${pattern}<t:EndDateRecurrence>${begin}${end}</t:EndDateRecurrence></t:Recurrence>`;
  }
  return `<t:Recurrence>${pattern}<t:NoEndRecurrence>${begin}</t:NoEndRecurrence></t:Recurrence>`;
}
