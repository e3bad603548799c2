import { encodeStatus } from "../availability.ts";
import { changeKey, decodeId, folderId, type Mailbox, type Meeting, occurrenceId } from "../mailbox.ts";
import { type FreeBusyStatus, type MeetingDetails, occurrencesIn, type TimeSpan } from "../meetings.ts";
import { child, textAt, type XmlElement } from "../request-xml.ts";
import type { Call, Site } from "../site.ts";
import { EwsFault, escapeXml } from "../soap.ts";
import { formatUtcTime, parseTime, UTC } from "../time-zone.ts";
import { encodeRecurrence, parseRecurrence } from "./recurrence-xml.ts";

const STATUSES: readonly FreeBusyStatus[] = ["free", "tentative", "busy", "oof", "workingElsewhere", "noData"];

/** An item that a request names; `occurrence` when it is one of a series. */
export interface FoundItem {
  readonly mailbox: Mailbox;
  readonly meeting: Meeting;
  readonly occurrence: TimeSpan | undefined;
}

/** The item of a t:ItemId, if the caller may use its mailbox. */
export function findItem(call: Call, element: XmlElement, site: Site): FoundItem {
  const id = element.attributes.get("Id") ?? "";
  const decoded = decodeId(id);
  if (decoded?.kind !== "i") throw new EwsFault("ErrorInvalidIdMalformed", "Id is malformed.");
  const mailbox = site.mailboxOf(call, decoded.smtp);
  const [number = "", start] = decoded.local.split("@");
  const meeting = mailbox.meetingNumber(number);
  if (start === undefined) return { mailbox, meeting, occurrence: undefined };
  const window = { start: Number(start), end: Number(start) + 1 };
  const occurrence = [...occurrencesIn(meeting, window, mailbox.utcOffset)].find((span) => span.start === window.start);
  if (occurrence === undefined) throw new EwsFault("ErrorItemNotFound", "The series has no such occurrence.");
  return { mailbox, meeting, occurrence };
}

/** t:ItemId of an item or of one occurrence of a series. */
export function encodeItemId({ meeting, occurrence }: Pick<FoundItem, "meeting" | "occurrence">): string {
  const id = occurrence === undefined ? meeting.id : occurrenceId(meeting.id, occurrence.start);
  return `<t:ItemId Id="${id}" ChangeKey="${changeKey(meeting.changedAt)}"/>`;
}

/** t:CalendarItem with the properties that clients commonly read, in the schema's order. */
export function encodeCalendarItem(item: FoundItem): string {
  const { mailbox, meeting, occurrence } = item;
  const { start, end } = occurrence ?? meeting;
  const isMaster = meeting.recurrence !== undefined && occurrence === undefined;
  const type = meeting.recurrence === undefined ? "Single" : isMaster ? "RecurringMaster" : "Occurrence";
  const recurrence =
    isMaster && meeting.recurrence ? encodeRecurrence(meeting, meeting.recurrence, mailbox.utcOffset) : "";
  return (
    `<t:CalendarItem>${encodeItemId(item)}<t:ParentFolderId Id="${folderId(mailbox.smtp, "calendar")}" ChangeKey="${changeKey(1)}"/>` +
    `<t:ItemClass>IPM.Appointment</t:ItemClass><t:Subject>${escapeXml(meeting.subject ?? "")}</t:Subject>` +
    `<t:Sensitivity>${meeting.isPrivate ? "Private" : "Normal"}</t:Sensitivity><t:Importance>Normal</t:Importance>` +
    `<t:ReminderIsSet>false</t:ReminderIsSet><t:HasAttachments>false</t:HasAttachments><t:UID>${meeting.id}</t:UID>` +
    `<t:Start>${formatUtcTime(start)}</t:Start><t:End>${formatUtcTime(end)}</t:End><t:IsAllDayEvent>${meeting.allDay ?? false}</t:IsAllDayEvent>` +
    `<t:LegacyFreeBusyStatus>${encodeStatus(meeting.status)}</t:LegacyFreeBusyStatus><t:Location>${escapeXml(meeting.location ?? "")}</t:Location>` +
    `<t:IsMeeting>${meeting.isMeeting ?? false}</t:IsMeeting><t:IsCancelled>false</t:IsCancelled><t:IsRecurring>${occurrence !== undefined}</t:IsRecurring>` +
    `<t:CalendarItemType>${type}</t:CalendarItemType><t:MyResponseType>Organizer</t:MyResponseType>` +
    `<t:Organizer><t:Mailbox><t:Name>${escapeXml(mailbox.displayName)}</t:Name><t:EmailAddress>${escapeXml(mailbox.smtp)}</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType></t:Mailbox></t:Organizer>` +
    `${recurrence}</t:CalendarItem>`
  );
}

/** The properties that a t:CalendarItem of a request sets; the others of a meeting stay as they are. */
export function parseItemProperties(item: XmlElement, mailbox: Mailbox): Partial<MeetingDetails> {
  const text = (name: string): string | undefined => textAt(item, name);
  const recurrence = child(item, "Recurrence");
  const sensitivity = text("Sensitivity");
  const hasAttendees = ["RequiredAttendees", "OptionalAttendees"].some((name) => child(item, name) !== undefined);
  return defined<MeetingDetails>({
    start: parseItemTime(text("Start")),
    end: parseItemTime(text("End")),
    status: parseStatus(text("LegacyFreeBusyStatus")),
    subject: text("Subject"),
    location: text("Location"),
    allDay: parseBoolean(text("IsAllDayEvent")),
    isPrivate: sensitivity === undefined ? undefined : sensitivity === "Private" || sensitivity === "Confidential",
    isMeeting: hasAttendees || undefined,
    recurrence: recurrence && parseRecurrence(recurrence, mailbox.utcOffset),
  });
}

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

function defined<T extends object>(properties: Optional<T>): Partial<T> {
  const result: Partial<T> = {};
  for (const key in properties) {
    const value = properties[key];
    if (value !== undefined) result[key] = value;
  }
  return result;
}

function parseItemTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const instant = parseTime(text, UTC);
  if (instant === undefined)
    throw new EwsFault("ErrorSchemaValidation", "The request failed schema validation: not a time.");
  return instant;
}

function parseBoolean(text: string | undefined): boolean | undefined {
  return text === undefined ? undefined : text === "true" || text === "1";
}

function parseStatus(text: string | undefined): FreeBusyStatus | undefined {
  if (text === undefined) return undefined;
  const status = STATUSES.find((known) => encodeStatus(known) === text);
  if (status === undefined)
    throw new EwsFault("ErrorSchemaValidation", "The request failed schema validation: LegacyFreeBusyStatus.");
  return status;
}
