import { z } from "zod";
import type { Mailbox } from "../../src/core/addresses.ts";
import { type BusyInterval, canonicalIntervals, type FreeBusyStatus } from "../../src/core/busy-time.ts";
import { formatLocalUtc, plus, type TimeWindow } from "../../src/lib/time.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import { graphCodeOf } from "./answer-errors.ts";
import type { GraphRequest } from "./graph-client.ts";
import { type GraphErrorCode, graphError } from "./graph-errors.ts";
import { utcTime } from "./utc-time.ts";

/**
 * calendar: getSchedule for some mailboxes, on behalf of one of them.
 *
 * @param anchor whose mailbox works for it: any that the application may read
 */
export function encodeGetSchedule(anchor: Mailbox, mailboxes: readonly Mailbox[], window: TimeWindow): GraphRequest {
  return {
    method: "POST",
    path: `/users/${encodeURIComponent(anchor)}/calendar/getSchedule`,
    headers: { prefer: 'outlook.timezone="UTC"' },
    body: {
      schedules: mailboxes,
      startTime: { dateTime: formatLocalUtc(window.start), timeZone: "UTC" },
      // Up to the next whole second: nothing at the window's edge may be lost.
      endTime: { dateTime: formatLocalUtc(plus(window.end, 999)), timeZone: "UTC" },
      availabilityViewInterval: viewInterval(window),
    },
  };
}

/** The digits are not looked at (working elsewhere is 0 or 4, as documents differ), so few are asked for: 5 to 1440 minutes. */
const viewInterval = ({ start, end }: TimeWindow): number =>
  Math.min(1440, Math.max(5, Math.floor((end - start) / 60_000)));

/** scheduleItem: subject, location and isPrivate may come too and end here. */
const item = z.object({ status: z.string().max(64), start: utcTime, end: utcTime });

/** scheduleInformation. The items are checked one schedule at a time, so that one that is bad spoils no other. */
const schedule = z.object({
  scheduleId: z.string().max(320),
  scheduleItems: z.unknown().optional(),
  error: z.object({ responseCode: z.string().max(200).catch("") }).nullish(),
});
const answer = z.object({ value: z.array(z.unknown()).max(1000) });
const items = z.array(item).max(100_000).nullish();

/** freeBusyStatus; one that is not known here is `noData`, never busy. */
const STATUSES: ReadonlyMap<string, FreeBusyStatus> = new Map<string, FreeBusyStatus>([
  ["free", "free"],
  ["tentative", "tentative"],
  ["busy", "busy"],
  ["oof", "oof"],
  ["workingElsewhere", "workingElsewhere"],
  ["unknown", "noData"],
]);

/** Of what a schedule's error says, that which concerns the request and not the mailbox. */
const OF_REQUEST: ReadonlySet<GraphErrorCode | undefined> = new Set<GraphErrorCode | undefined>([
  "graph-batch-too-big",
  "graph-window-too-big",
]);

/** One result per mailbox, in order. Throws GatewayError for an answer that is none, or that refuses the whole request. */
export function decodeSchedules(
  body: unknown,
  mailboxes: readonly Mailbox[],
  window: TimeWindow,
  host: string,
): readonly BusyTimeResult[] {
  const parsed = answer.safeParse(body);
  if (!parsed.success) throw graphError("graph-bad-answer", `${host}: the answer is not one of getSchedule`);
  const schedules = new Map<string, z.infer<typeof schedule>>();
  for (const each of parsed.data.value) {
    const read = schedule.safeParse(each);
    const id = read.success ? read.data.scheduleId.toLowerCase() : "";
    if (read.success && !schedules.has(id)) schedules.set(id, read.data);
  }
  return mailboxes.map((mailbox) => decodeSchedule(schedules.get(mailbox), mailbox, window, host));
}

function decodeSchedule(
  found: z.infer<typeof schedule> | undefined,
  mailbox: Mailbox,
  window: TimeWindow,
  host: string,
): BusyTimeResult {
  const fail = (code: GraphErrorCode, text: string): BusyTimeResult => {
    const error = graphError(code, `${mailbox} at ${host}: ${text}`);
    if (OF_REQUEST.has(code)) throw error;
    return { mailbox, error };
  };
  if (!found) return fail("graph-schedule-missing", "the answer leaves it out");
  if (found.error) {
    const { responseCode } = found.error;
    const name = /^\w{1,100}$/.test(responseCode) ? responseCode : "an error without a code";
    return fail(graphCodeOf(responseCode) ?? "graph-availability-failed", name);
  }
  const read = items.safeParse(found.scheduleItems);
  if (!read.success) return fail("graph-bad-answer", "an entry has no valid time or status");
  return { mailbox, intervals: canonicalIntervals((read.data ?? []).map(toInterval).filter(isIn(window))) };
}

const toInterval = ({ start, end, status }: z.infer<typeof item>): BusyInterval => ({
  start,
  end,
  status: STATUSES.get(status) ?? "noData",
});

const isIn =
  (window: TimeWindow) =>
  ({ start, end }: BusyInterval): boolean =>
    end > window.start && start < window.end;
