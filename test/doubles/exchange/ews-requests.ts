import { MESSAGES, SOAP, TYPES } from "./soap.ts";

/** The SOAP header of a request. */
export interface RequestHeader {
  readonly version?: string;
  /** An element of ConnectingSID and its text. */
  readonly impersonate?: readonly [kind: string, value: string];
}

/** A request's envelope around the operation's element. */
export function envelope(body: string, { version = "Exchange2013_SP1", impersonate }: RequestHeader = {}): string {
  const impersonation = impersonate
    ? `<t:ExchangeImpersonation><t:ConnectingSID><t:${impersonate[0]}>${impersonate[1]}</t:${impersonate[0]}></t:ConnectingSID></t:ExchangeImpersonation>`
    : "";
  return `<s:Envelope xmlns:s="${SOAP}" xmlns:t="${TYPES}" xmlns:m="${MESSAGES}"><s:Header><t:RequestServerVersion Version="${version}"/>${impersonation}</s:Header><s:Body>${body}</s:Body></s:Envelope>`;
}

/** A clock change of t:TimeZone; `day` is DayOrder, Month and DayOfWeek, none when left out. */
export function clockChange(
  name: string,
  bias: number,
  time = "00:00:00",
  day: readonly [number, number, string] = [0, 0, "Sunday"],
): string {
  return `<t:${name}><t:Bias>${bias}</t:Bias><t:Time>${time}</t:Time><t:DayOrder>${day[0]}</t:DayOrder><t:Month>${day[1]}</t:Month><t:DayOfWeek>${day[2]}</t:DayOfWeek></t:${name}>`;
}

/** t:TimeZone of UTC. */
export const UTC_ZONE = `<t:TimeZone><t:Bias>0</t:Bias>${clockChange("StandardTime", 0)}${clockChange("DaylightTime", 0)}</t:TimeZone>`;

/** What an availability request asks for besides the addresses. */
export interface AvailabilityParts {
  readonly start?: string;
  readonly end?: string;
  readonly view?: string;
  readonly zone?: string;
}

/** GetUserAvailabilityRequest. */
export function availabilityRequest(addresses: readonly string[], parts: AvailabilityParts = {}): string {
  const { start = "2026-11-02T00:00:00", end = "2026-11-03T00:00:00", view = "FreeBusy", zone = UTC_ZONE } = parts;
  const mailboxes = addresses.map(
    (address) =>
      `<t:MailboxData><t:Email><t:Address>${address}</t:Address></t:Email><t:AttendeeType>Required</t:AttendeeType></t:MailboxData>`,
  );
  return (
    `<m:GetUserAvailabilityRequest>${zone}<m:MailboxDataArray>${mailboxes.join("")}</m:MailboxDataArray>` +
    `<t:FreeBusyViewOptions><t:TimeWindow><t:StartTime>${start}</t:StartTime><t:EndTime>${end}</t:EndTime></t:TimeWindow>` +
    `<t:MergedFreeBusyIntervalInMinutes>60</t:MergedFreeBusyIntervalInMinutes><t:RequestedView>${view}</t:RequestedView></t:FreeBusyViewOptions></m:GetUserAvailabilityRequest>`
  );
}

/** The calendar folder, of a named mailbox or of the acting one. */
export function calendarFolder(smtp?: string): string {
  const mailbox = smtp ? `<t:Mailbox><t:EmailAddress>${smtp}</t:EmailAddress></t:Mailbox>` : "";
  return `<t:DistinguishedFolderId Id="calendar">${mailbox}</t:DistinguishedFolderId>`;
}

const ALL_EVENTS = ["FreeBusyChangedEvent", "CreatedEvent", "ModifiedEvent", "DeletedEvent"]
  .map((type) => `<t:EventType>${type}</t:EventType>`)
  .join("");

/** Subscribe with a streaming subscription. */
export function streamingSubscribe(folders = calendarFolder()): string {
  return `<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds>${folders}</t:FolderIds><t:EventTypes>${ALL_EVENTS}</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>`;
}

/** Subscribe with a push subscription to that URL. */
export function pushSubscribe(url: string, statusFrequencyMinutes: number): string {
  return `<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>${calendarFolder()}</t:FolderIds><t:EventTypes>${ALL_EVENTS}</t:EventTypes><t:StatusFrequency>${statusFrequencyMinutes}</t:StatusFrequency><t:URL>${url}</t:URL></m:PushSubscriptionRequest></m:Subscribe>`;
}

/** Unsubscribe. */
export function unsubscribeRequest(id: string): string {
  return `<m:Unsubscribe><m:SubscriptionId>${id}</m:SubscriptionId></m:Unsubscribe>`;
}

/** GetStreamingEvents. */
export function streamingEvents(ids: readonly string[], minutes = 30): string {
  const list = ids.map((id) => `<t:SubscriptionId>${id}</t:SubscriptionId>`).join("");
  return `<m:GetStreamingEvents><m:SubscriptionIds>${list}</m:SubscriptionIds><m:ConnectionTimeout>${minutes}</m:ConnectionTimeout></m:GetStreamingEvents>`;
}

/** Subscribe with a pull subscription that lives for so long without GetEvents. */
export function pullSubscribe(timeoutMinutes: number): string {
  return `<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>${calendarFolder()}</t:FolderIds><t:EventTypes>${ALL_EVENTS}</t:EventTypes><t:Timeout>${timeoutMinutes}</t:Timeout></m:PullSubscriptionRequest></m:Subscribe>`;
}

/** GetEvents after a watermark. */
export function getEventsRequest(id: string, watermark: string): string {
  return `<m:GetEvents><m:SubscriptionId>${id}</m:SubscriptionId><m:Watermark>${watermark}</m:Watermark></m:GetEvents>`;
}
