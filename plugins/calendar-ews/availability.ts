import type { Mailbox } from "../../src/core/addresses.ts";
import { type BusyInterval, canonicalIntervals, type FreeBusyStatus } from "../../src/core/busy-time.ts";
import {
  earlier,
  formatLocalUtc,
  hours,
  type Instant,
  instant,
  minutes,
  plus,
  type TimeWindow,
} from "../../src/lib/time.ts";
import { escapeXml } from "../../src/lib/xml.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import { anchorHeaders } from "./anchor-mailbox.ts";
import type { Operation } from "./ews-client.ts";
import { ewsError } from "./ews-errors.ts";
import { problemError } from "./response-problem.ts";
import { type AnswerDecoder, answerDecoder, type BodyHandler, type ResponseMessage } from "./soap-answer.ts";
import { encodeEnvelope, type RequestVersion } from "./soap-request.ts";
import { wireTimeParser } from "./wire-times.ts";

/** Most mailboxes of one GetUserAvailability (ErrorMailboxDataArrayTooBig). */
export const MAX_MAILBOXES = 100;

/** What was asked, to make sense of the answer. */
export interface AvailabilityQuery {
  readonly host: string;
  readonly mailboxes: readonly Mailbox[];
  readonly window: TimeWindow;
  /** As whom it is asked; absent: as the account. */
  readonly impersonated?: Mailbox;
}

// Length of one digit of MergedFreeBusy, the finest that EWS has: digits are all that some other forests tell.
const DIGIT = minutes(5);
// GetUserAvailability: the longest window by default.
const LONGEST_WINDOW = hours(42 * 24);

/** The window asked for: begins on a multiple of five minutes, so that digits and the edges of meetings coincide. */
function requestedWindow({ start, end }: TimeWindow): TimeWindow {
  const floored = instant(Math.floor(start / DIGIT) * DIGIT);
  return { start: floored, end: earlier(instant(Math.ceil(end / 1000) * 1000), plus(floored, LONGEST_WINDOW)) };
}

const UTC_CHANGE =
  "<t:Bias>0</t:Bias><t:Time>00:00:00</t:Time><t:DayOrder>0</t:DayOrder><t:Month>0</t:Month><t:DayOfWeek>Sunday</t:DayOfWeek>";
// Mandatory in Exchange 2007 and in other servers, and what the times of the answer are local to.
const UTC_ZONE =
  `<t:TimeZone><t:Bias>0</t:Bias><t:StandardTime>${UTC_CHANGE}</t:StandardTime>` +
  `<t:DaylightTime>${UTC_CHANGE}</t:DaylightTime></t:TimeZone>`;

/** GetUserAvailability with the view FreeBusy: times and status, nothing private. */
function encodeAvailability({ mailboxes, window, impersonated }: AvailabilityQuery, version: RequestVersion): string {
  const { start, end } = requestedWindow(window);
  const identities = mailboxes.map(
    (mailbox) =>
      `<t:MailboxData><t:Email><t:Address>${escapeXml(mailbox)}</t:Address></t:Email>` +
      "<t:AttendeeType>Required</t:AttendeeType></t:MailboxData>",
  );
  return encodeEnvelope(
    version,
    `<m:GetUserAvailabilityRequest>${UTC_ZONE}<m:MailboxDataArray>${identities.join("")}</m:MailboxDataArray>` +
      `<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>${formatLocalUtc(start)}</t:StartTime>` +
      `<t:EndTime>${formatLocalUtc(end)}</t:EndTime></t:TimeWindow>` +
      `<t:MergedFreeBusyIntervalInMinutes>${DIGIT / 60_000}</t:MergedFreeBusyIntervalInMinutes>` +
      "<t:RequestedView>FreeBusy</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>",
    impersonated,
  );
}

/** LegacyFreeBusyType; a value of a later Exchange is `noData`, never busy. */
const STATUSES: ReadonlyMap<string, FreeBusyStatus> = new Map<string, FreeBusyStatus>([
  ["Free", "free"],
  ["Tentative", "tentative"],
  ["Busy", "busy"],
  ["OOF", "oof"],
  ["WorkingElsewhere", "workingElsewhere"],
  ["NoData", "noData"],
]);

/** Digits of MergedFreeBusy; any other is `noData`. */
const DIGITS: readonly FreeBusyStatus[] = ["free", "tentative", "busy", "oof", "noData"];

interface FreeBusyResponse {
  message: ResponseMessage | undefined;
  view: string | undefined;
  digits: string | undefined;
  readonly events: BusyInterval[];
  hasEventList: boolean;
  hasBadTime: boolean;
}

const emptyResponse = (): FreeBusyResponse => ({
  message: undefined,
  view: undefined,
  digits: undefined,
  events: [],
  hasEventList: false,
  hasBadTime: false,
});

/** Collects FreeBusyResponse elements in the order of the answer, which is all that ties them to mailboxes. */
class AvailabilityBody implements BodyHandler {
  readonly responses: FreeBusyResponse[] = [];
  /** An error that concerns the whole request. */
  problem: ResponseMessage | undefined;
  readonly #window: TimeWindow;
  readonly #parseTime = wireTimeParser();
  #current: FreeBusyResponse | undefined;
  #start: Instant | undefined;
  #end: Instant | undefined;
  #status: FreeBusyStatus = "noData";

  constructor(window: TimeWindow) {
    this.#window = window;
  }

  open(name: string): void {
    if (name === "FreeBusyResponse") {
      this.#current = emptyResponse();
      this.responses.push(this.#current);
    } else if (name === "CalendarEventArray") {
      if (this.#current) this.#current.hasEventList = true;
    } else if (name === "CalendarEvent") {
      this.#start = undefined;
      this.#end = undefined;
      this.#status = "noData";
    }
  }

  close(name: string, text: string): void {
    if (!this.#current) return;
    switch (name) {
      case "StartTime":
        this.#start = this.#parseTime(text);
        return;
      case "EndTime":
        this.#end = this.#parseTime(text);
        return;
      case "BusyType":
        this.#status = STATUSES.get(text.trim()) ?? "noData";
        return;
      case "CalendarEvent":
        this.#addEvent(this.#current);
        return;
      case "FreeBusyViewType":
        this.#current.view = text.trim();
        return;
      case "MergedFreeBusy":
        this.#current.digits = text.trim();
        return;
      case "FreeBusyResponse":
        this.#current = undefined;
        return;
    }
  }

  message(message: ResponseMessage): void {
    if (this.#current) this.#current.message = message;
    else if (!message.isSuccess) this.problem = message;
  }

  #addEvent(response: FreeBusyResponse): void {
    const [start, end, status] = [this.#start, this.#end, this.#status];
    if (start === undefined || end === undefined) response.hasBadTime = true;
    else if (end > this.#window.start && start < this.#window.end) response.events.push({ start, end, status });
  }
}

/** Busy time from digits, which begin with the requested window. */
function readDigits(digits: string, window: TimeWindow): BusyInterval[] {
  const origin = requestedWindow(window).start;
  const intervals: BusyInterval[] = [];
  for (const run of digits.matchAll(/(.)\1*/gs)) {
    const status = DIGITS[Number(run[0].charAt(0))] ?? "noData";
    const start = plus(origin, run.index * DIGIT);
    const end = plus(start, run[0].length * DIGIT);
    if (end > window.start && start < window.end) intervals.push({ start, end, status });
  }
  return intervals;
}

/** Events where there are any; else digits; else free when the view would have had events, and unknown when not. */
function intervalsOf(response: FreeBusyResponse, window: TimeWindow): readonly BusyInterval[] {
  const { events, digits, view, hasEventList } = response;
  if (events.length > 0) return canonicalIntervals(events);
  if (digits) return canonicalIntervals(readDigits(digits, window));
  const isEmptyCalendar = hasEventList || /FreeBusy|Detailed/.test(view ?? "");
  return isEmptyCalendar ? [] : [{ ...window, status: "noData" }];
}

function resultOf(mailbox: Mailbox, response: FreeBusyResponse, { host, window }: AvailabilityQuery): BusyTimeResult {
  const subject = `${mailbox} at ${host}`;
  if (response.message && !response.message.isSuccess) {
    return { mailbox, error: problemError(response.message, subject) };
  }
  if (response.hasBadTime) {
    return { mailbox, error: ewsError("ews-bad-answer", `${subject}: an entry has no valid time`) };
  }
  return { mailbox, intervals: intervalsOf(response, window) };
}

function results(body: AvailabilityBody, query: AvailabilityQuery): readonly BusyTimeResult[] {
  const { host, mailboxes } = query;
  if (body.problem) throw problemError(body.problem, host);
  if (body.responses.length !== mailboxes.length) {
    // Answers carry no mailbox: with one too few, everybody behind it would get another's calendar.
    const counts = `${mailboxes.length} mailboxes were asked for, ${body.responses.length} came`;
    throw ewsError("ews-bad-answer", `${host}: the answer does not fit the request: ${counts}`);
  }
  const all = mailboxes.flatMap((mailbox, index) => {
    const response = body.responses[index];
    return response ? [resultOf(mailbox, response, query)] : [];
  });
  const first = all[0];
  const isThrottled = all.every((result) => "error" in result && result.error.code === "ews-throttled");
  if (first && "error" in first && isThrottled) throw first.error;
  return all;
}

/** GetUserAvailability as an operation of the client. */
export const availabilityOperation = (query: AvailabilityQuery): Operation<readonly BusyTimeResult[]> => ({
  encode: (version) => ({
    body: encodeAvailability(query, version),
    ...(query.impersonated !== undefined && { headers: anchorHeaders(query.impersonated) }),
  }),
  decoder: () => availabilityDecoder(query),
});

/** One result per mailbox, in the query's order. */
function availabilityDecoder(query: AvailabilityQuery): AnswerDecoder<readonly BusyTimeResult[]> {
  const body = new AvailabilityBody(query.window);
  return answerDecoder(query.host, body, () => results(body, query));
}
