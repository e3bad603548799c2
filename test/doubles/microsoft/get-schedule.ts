import type {
  DateTimeTimeZone,
  FreeBusyStatus,
  NullableOption,
  ScheduleInformation,
  ScheduleItem,
} from "@microsoft/microsoft-graph-types";
import { z } from "zod";
import { formatLocalUtc, instant, parseInstant } from "../../../src/lib/time.ts";
import type { CloudMailbox, CloudMeeting } from "./cloud-mailbox.ts";
import { type CloudAnswer, type GraphRoute, graphError } from "./wire.ts";

/** What getSchedule looks at. */
export interface ScheduleSite {
  readonly findMailbox: (smtp: string) => CloudMailbox | undefined;
  /** Most mailboxes in one request. */
  readonly largestBatch: number;
}

const time = z.strictObject({ dateTime: z.string(), timeZone: z.literal("UTC") }) satisfies z.ZodType<DateTimeTimeZone>;
const asked = z.strictObject({
  schedules: z.array(z.string()).min(1),
  startTime: time,
  endTime: time,
  availabilityViewInterval: z.number().int().min(5).max(1440).optional(),
});

const LONGEST_WINDOW = 62 * 86_400_000;
// What the digits of availabilityView stand for, as of 2024.
const DIGITS: Readonly<Record<FreeBusyStatus, string>> = {
  free: "0",
  tentative: "1",
  busy: "2",
  oof: "3",
  workingElsewhere: "0",
  unknown: "4",
};

/** `POST /users/{id}/calendar/getSchedule`. */
export const getScheduleRoute = (site: ScheduleSite): GraphRoute => ({
  name: "getSchedule",
  method: "POST",
  path: /^\/users\/([^/]+)\/calendar\/getSchedule$/,
  roles: ["Calendars.ReadBasic.All", "Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite"],
  answer: ({ parts: [user = ""], json }) => refuseMailbox(site.findMailbox(user)) ?? answerSchedules(site, json),
});

/** Why the application cannot act on the mailbox. */
export function refuseMailbox(mailbox: CloudMailbox | undefined): CloudAnswer | undefined {
  if (!mailbox) return graphError(404, "ErrorInvalidUser", "The requested user is invalid.");
  if (!mailbox.isLicensed) {
    return graphError(
      404,
      "MailboxNotEnabledForRESTAPI",
      "The mailbox is either inactive, soft-deleted, or on premises.",
    );
  }
  if (mailbox.access === "allowed") return undefined;
  const policy = "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.";
  const scope = "Access is denied. Check credentials and try again.";
  return graphError(403, "ErrorAccessDenied", mailbox.access === "access-policy" ? policy : scope);
}

function answerSchedules({ findMailbox, largestBatch }: ScheduleSite, json: unknown): CloudAnswer {
  const parsed = asked.safeParse(json);
  if (!parsed.success) return graphError(400, "RequestBodyRead", parsed.error.message);
  const { schedules, startTime, endTime, availabilityViewInterval = 30 } = parsed.data;
  const start = parseInstant(startTime.dateTime);
  const end = parseInstant(endTime.dateTime);
  if (start === undefined || end === undefined || end <= start) return graphError(400, "ErrorInvalidTimeInterval");
  if (end - start >= LONGEST_WINDOW) return graphError(400, "ErrorTimeIntervalTooBig");
  if (end - start < availabilityViewInterval * 60_000) return graphError(400, "ErrorInvalidMergedFreeBusyInterval");
  if (schedules.length > largestBatch) return graphError(400, "ErrorMailboxDataArrayTooBig");
  const window = { start, end };
  const value = schedules.map((id) => scheduleOf(id, findMailbox(id.toLowerCase()), window));
  return { status: 200, body: { "@odata.context": "$metadata#Collection(scheduleInformation)", value } };
}

interface Window {
  readonly start: number;
  readonly end: number;
}

function scheduleOf(scheduleId: string, mailbox: CloudMailbox | undefined, window: Window): ScheduleInformation {
  const code = mailbox?.isLicensed ? mailbox.scheduleError : "ErrorMailRecipientNotFound";
  if (!mailbox || code !== undefined) {
    return { scheduleId, availabilityView: "", error: { message: `Exception: ${code}`, responseCode: code ?? null } };
  }
  const meetings = mailbox.meetings.filter(({ start, end }) => end > window.start && start < window.end);
  return {
    scheduleId,
    availabilityView: meetings.map(({ status }) => DIGITS[status]).join(""),
    scheduleItems: meetings.map(itemOf),
    workingHours: { daysOfWeek: ["monday", "friday"], startTime: "08:00:00.0000000", endTime: "17:00:00.0000000" },
  };
}

const itemOf = ({ start, end, status, subject, location }: CloudMeeting): ScheduleItem => ({
  isPrivate: false,
  status,
  subject: optional(subject),
  location: optional(location),
  start: timeOf(start),
  end: timeOf(end),
});

const optional = (text: string | undefined): NullableOption<string> => text ?? null;

const timeOf = (at: number): DateTimeTimeZone => ({
  dateTime: `${formatLocalUtc(instant(at))}.0000000`,
  timeZone: "UTC",
});
