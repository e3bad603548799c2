import type { Mailbox, Meeting } from "./mailbox.ts";
import { type FreeBusyStatus, occurrencesIn, type TimeSpan } from "./meetings.ts";
import { child, textAt, type XmlElement } from "./request-xml.ts";
import type { Answer, Call, Site } from "./site.ts";
import { EwsFault, escapeXml, MESSAGES, TYPES } from "./soap.ts";
import { formatLocalTime, parseTime, parseTimeZone, type RequestTimeZone, UTC } from "./time-zone.ts";
import { isAtLeast } from "./versions.ts";

// GetUserAvailability: at most 100 identities a request and 1000 entries a recipient.
const MAXIMUM_IDENTITIES = 100;
const MAXIMUM_ENTRIES = 1000;
const DAY = 86_400_000;
const VIEWS = ["None", "MergedOnly", "FreeBusy", "FreeBusyMerged", "Detailed", "DetailedMerged"] as const;

interface AvailabilityQuery {
  readonly zone: RequestTimeZone;
  readonly addresses: readonly string[];
  readonly window: TimeSpan;
  readonly view: (typeof VIEWS)[number];
  /** Length of one digit of MergedFreeBusy in milliseconds. */
  readonly digitLength: number;
  readonly knowsWorkingElsewhere: boolean;
  readonly order: Site["availabilityOrder"];
}

interface CalendarEvent extends TimeSpan {
  readonly status: FreeBusyStatus;
  readonly meeting: Meeting;
}

/** GetUserAvailability: one FreeBusyResponse per mailbox, in the request's order; times are local to the request's zone. */
export function getUserAvailability(call: Call, site: Site): Answer {
  const query = parseQuery(call, site);
  const parts = query.addresses.map((address) => encodeFreeBusyResponse(address, query, site));
  const array = parts.join("");
  return {
    body: `<GetUserAvailabilityResponse xmlns="${MESSAGES}"><FreeBusyResponseArray>${array}</FreeBusyResponseArray></GetUserAvailabilityResponse>`,
  };
}

function parseQuery(call: Call, site: Site): AvailabilityQuery {
  const timeZone = child(call.body, "TimeZone");
  if (timeZone === undefined && !isAtLeast(call.requestVersion, "Exchange2010")) {
    throw new EwsFault(
      "ErrorSchemaValidation",
      "The request failed schema validation: the element 'TimeZone' is missing.",
    );
  }
  const zone = timeZone === undefined ? UTC : parseTimeZone(timeZone);
  const options = child(call.body, "FreeBusyViewOptions");
  return {
    zone,
    addresses: parseAddresses(call.body),
    window: parseWindow(options, zone, site.maximumWindow),
    view: parseView(textAt(options, "RequestedView") ?? "FreeBusy"),
    digitLength: parseDigitMinutes(textAt(options, "MergedFreeBusyIntervalInMinutes") ?? "30") * 60_000,
    knowsWorkingElsewhere: isAtLeast(call.requestVersion, "Exchange2013"),
    order: site.availabilityOrder,
  };
}

function parseAddresses(body: XmlElement): readonly string[] {
  const entries = child(body, "MailboxDataArray")?.children ?? [];
  if (entries.length === 0) {
    throw new EwsFault("ErrorMailboxDataArrayEmpty", "The MailboxDataArray of the request has no entries.");
  }
  if (entries.length > MAXIMUM_IDENTITIES) {
    throw new EwsFault(
      "ErrorMailboxDataArrayTooBig",
      `There are too many entries in the MailboxDataArray. Allowed size = ${MAXIMUM_IDENTITIES}; the actual size = ${entries.length}.`,
    );
  }
  return entries.map((entry) => textAt(entry, "Email", "Address") ?? "");
}

function parseWindow(options: XmlElement | undefined, zone: RequestTimeZone, longest: number): TimeSpan {
  const start = parseTime(textAt(options, "TimeWindow", "StartTime"), zone);
  const end = parseTime(textAt(options, "TimeWindow", "EndTime"), zone);
  if (start === undefined || end === undefined || end <= start) {
    throw new EwsFault("ErrorInvalidTimeInterval", "The time interval of FreeBusyViewOptions.TimeWindow is not valid.");
  }
  if (end - start > longest) {
    throw new EwsFault(
      "ErrorTimeIntervalTooBig",
      `The requested time duration specified for FreeBusyViewOptions.TimeWindow is too long. The allowed limit = ${longest / DAY} days; the actual limit = ${Math.ceil((end - start) / DAY)} days.`,
    );
  }
  return { start, end };
}

function parseView(text: string): AvailabilityQuery["view"] {
  // t:FreeBusyViewType is a list: the richest of the named views is answered.
  const named = text.split(/\s+/);
  const view = VIEWS.findLast((candidate) => named.includes(candidate));
  if (view === undefined || view === "None") {
    throw new EwsFault("ErrorInvalidFreeBusyViewType", "The requested free/busy view type is not valid.");
  }
  return view;
}

function parseDigitMinutes(text: string): number {
  const minutes = Number(text);
  if (!Number.isInteger(minutes) || minutes < 5 || minutes > 1440) {
    throw new EwsFault("ErrorInvalidMergedFreeBusyInterval", "MergedFreeBusyIntervalInMinutes must be from 5 to 1440.");
  }
  return minutes;
}

function encodeFreeBusyResponse(address: string, query: AvailabilityQuery, site: Site): string {
  try {
    const view = encodeView(availableMailbox(address, site), query);
    return `<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>${view}</FreeBusyResponse>`;
  } catch (error) {
    if (!(error instanceof EwsFault)) throw error;
    const text = `<MessageText>${escapeXml(error.message)}</MessageText><ResponseCode>${error.code}</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey>`;
    return `<FreeBusyResponse><ResponseMessage ResponseClass="Error">${text}</ResponseMessage></FreeBusyResponse>`;
  }
}

function availableMailbox(address: string, site: Site): Mailbox {
  const mailbox = site.findMailbox(address);
  const key = address.toLowerCase();
  const code = site.availabilityErrors.get(key) ?? site.moves.get(key);
  if (code !== undefined) throw new EwsFault(code, `Unable to read the free/busy data of ${address}.`);
  if (mailbox === undefined) {
    throw new EwsFault(
      "ErrorMailRecipientNotFound",
      `Unable to resolve e-mail address ${address} to an Active Directory object.`,
    );
  }
  return mailbox;
}

function encodeView(mailbox: Mailbox, query: AvailabilityQuery): string {
  const { view } = query;
  const events = eventsOf(mailbox, query);
  const digits = view.includes("Merged")
    ? `<MergedFreeBusy xmlns="${TYPES}">${mergedDigits(events, query)}</MergedFreeBusy>`
    : "";
  const withDetails = view.startsWith("Detailed");
  const list =
    view === "MergedOnly" || events.length === 0
      ? ""
      : `<CalendarEventArray xmlns="${TYPES}">${events.map((event) => encodeEvent(event, query, withDetails)).join("")}</CalendarEventArray>`;
  return `<FreeBusyView><FreeBusyViewType xmlns="${TYPES}">${view}</FreeBusyViewType>${digits}${list}${encodeWorkingHours(mailbox)}</FreeBusyView>`;
}

function eventsOf(mailbox: Mailbox, query: AvailabilityQuery): readonly CalendarEvent[] {
  const events: CalendarEvent[] = [];
  for (const meeting of mailbox.meetings) {
    const status = query.knowsWorkingElsewhere || meeting.status !== "workingElsewhere" ? meeting.status : "free";
    for (const span of occurrencesIn(meeting, query.window, mailbox.utcOffset)) {
      events.push({ start: span.start, end: span.end, status, meeting });
      if (events.length > MAXIMUM_ENTRIES) {
        throw new EwsFault(
          "ErrorResultSetTooBig",
          `The result set contains too many calendar entries. The allowed size = ${MAXIMUM_ENTRIES}.`,
        );
      }
    }
  }
  const direction = query.order === "sorted" ? 1 : -1;
  return events.sort((a, b) => direction * (a.start - b.start));
}

function encodeEvent(event: CalendarEvent, { zone }: AvailabilityQuery, withDetails: boolean): string {
  const details = withDetails ? encodeDetails(event.meeting) : "";
  return `<CalendarEvent><StartTime>${formatLocalTime(event.start, zone)}</StartTime><EndTime>${formatLocalTime(event.end, zone)}</EndTime><BusyType>${encodeStatus(event.status)}</BusyType>${details}</CalendarEvent>`;
}

function encodeDetails(meeting: Meeting): string {
  const id = Buffer.from(meeting.id).toString("hex").toUpperCase();
  // The subject and place of a private item are not shown to others.
  const shown = meeting.isPrivate
    ? ""
    : `<Subject>${escapeXml(meeting.subject ?? "")}</Subject><Location>${escapeXml(meeting.location ?? "")}</Location>`;
  return `<CalendarEventDetails><ID>${id}</ID>${shown}<IsMeeting>${meeting.isMeeting ?? false}</IsMeeting><IsRecurring>${meeting.recurrence !== undefined}</IsRecurring><IsException>false</IsException><IsReminderSet>false</IsReminderSet><IsPrivate>${meeting.isPrivate ?? false}</IsPrivate></CalendarEventDetails>`;
}

/** t:LegacyFreeBusyType of a status. */
export function encodeStatus(status: FreeBusyStatus): string {
  return status === "oof" ? "OOF" : status.charAt(0).toUpperCase() + status.slice(1);
}

// MergedFreeBusy: 0 free, 1 tentative, 2 busy, 3 OOF, 4 no data; working elsewhere counts as free.
const DIGITS: Readonly<Record<FreeBusyStatus, number>> = {
  free: 0,
  workingElsewhere: 0,
  tentative: 1,
  busy: 2,
  oof: 3,
  noData: 4,
};

function mergedDigits(events: readonly CalendarEvent[], { window, digitLength }: AvailabilityQuery): string {
  const digits = new Array<number>(Math.ceil((window.end - window.start) / digitLength)).fill(0);
  for (const { start, end, status } of events) {
    const first = Math.max(0, Math.floor((start - window.start) / digitLength));
    const last = Math.min(digits.length, Math.ceil((end - window.start) / digitLength));
    for (let index = first; index < last; index += 1) digits[index] = Math.max(digits[index] ?? 0, DIGITS[status]);
  }
  return digits.join("");
}

function encodeWorkingHours(mailbox: Mailbox): string {
  const none = "<Bias>0</Bias><Time>00:00:00</Time><DayOrder>0</DayOrder><Month>0</Month><DayOfWeek>Sunday</DayOfWeek>";
  const { startMinutes, endMinutes } = mailbox.workingHours;
  return (
    `<WorkingHours xmlns="${TYPES}"><TimeZone><Bias>${-mailbox.utcOffset / 60_000}</Bias><StandardTime>${none}</StandardTime><DaylightTime>${none}</DaylightTime></TimeZone>` +
    `<WorkingPeriodArray><WorkingPeriod><DayOfWeek>Monday Tuesday Wednesday Thursday Friday</DayOfWeek><StartTimeInMinutes>${startMinutes}</StartTimeInMinutes><EndTimeInMinutes>${endMinutes}</EndTimeInMinutes></WorkingPeriod></WorkingPeriodArray></WorkingHours>`
  );
}
