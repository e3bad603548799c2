import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { type BusyInterval, canonicalIntervals } from "../../../src/core/busy-time.ts";
import { formatLocalUtc, hours, instant, minutes, parseInstant, plus } from "../../../src/lib/time.ts";

/** Answers as real servers and less careful ones send them. */

const EXCHANGE_HEADER =
  '<s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" MinorBuildNumber="4" Version="V2017_07_11" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header>';

/** A SOAP envelope around a body. */
export const envelope = (body: string): string =>
  `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">${EXCHANGE_HEADER}<s:Body>${body}</s:Body></s:Envelope>`;

/** GetUserAvailabilityResponse around FreeBusyResponse elements. */
export const availabilityAnswer = (...responses: readonly string[]): string =>
  envelope(
    '<GetUserAvailabilityResponse xmlns="http://schemas.microsoft.com/exchange/services/2006/messages">' +
      `<FreeBusyResponseArray>${responses.join("")}</FreeBusyResponseArray></GetUserAvailabilityResponse>`,
  );

/** One successful FreeBusyResponse around the content of its FreeBusyView. */
export const freeBusyResponse = (view: string): string =>
  '<FreeBusyResponse><ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>' +
  `<FreeBusyView>${view}</FreeBusyView></FreeBusyResponse>`;

/** One failed FreeBusyResponse. */
export const failedResponse = (code: string, responseClass = "Error"): string =>
  `<FreeBusyResponse><ResponseMessage ResponseClass="${responseClass}"><MessageText>It went wrong.</MessageText>` +
  `<ResponseCode>${code}</ResponseCode><DescriptiveLinkKey>0</DescriptiveLinkKey></ResponseMessage></FreeBusyResponse>`;

/** A view with events. */
export const freeBusyView = (...events: readonly string[]): string =>
  `<FreeBusyViewType>FreeBusy</FreeBusyViewType><CalendarEventArray>${events.join("")}</CalendarEventArray>`;

/** One CalendarEvent; the texts stand as they are. */
export const calendarEvent = (start: string, end: string, busyType: string): string =>
  `<CalendarEvent><StartTime>${start}</StartTime><EndTime>${end}</EndTime><BusyType>${busyType}</BusyType></CalendarEvent>`;

/** A SOAP fault as Exchange sends it. */
export const soapFault = (code: string, backOffMilliseconds?: number): string =>
  '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>' +
  `<faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:${code}</faultcode>` +
  '<faultstring xml:lang="en-US">The server cannot service this request right now.</faultstring>' +
  `<detail><e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">${code}</e:ResponseCode>` +
  '<e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">Try again later.</e:Message>' +
  (backOffMilliseconds === undefined
    ? ""
    : `<t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><t:Value Name="BackOffMilliseconds">${backOffMilliseconds}</t:Value></t:MessageXml>`) +
  "</detail></s:Fault></s:Body></s:Envelope>";

/** 2026-11-23T09:00:00Z. */
export const MONDAY_NINE = instant(1_795_424_400_000);

/** The instant of a text, which must be one. */
export function at(text: string): ReturnType<typeof instant> {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw new Error(`no instant: ${text}`);
  return parsed;
}

/** `mailboxes(3)`: three addresses. */
export const mailboxes = (count: number): readonly Mailbox[] =>
  Array.from({ length: count }, (_, index) => parseMailbox(`user${index}@example.com`));

const STATUSES = [
  ["Busy", "busy"],
  ["Tentative", "tentative"],
  ["OOF", "oof"],
  ["WorkingElsewhere", "workingElsewhere"],
  ["NoData", "noData"],
] as const;

/** An answer of many mailboxes with many events each, and what it means. */
export function largeAnswer(
  count: number,
  events: number,
): { readonly text: string; readonly expected: readonly (readonly BusyInterval[])[] } {
  const expected: (readonly BusyInterval[])[] = [];
  const responses: string[] = [];
  for (let index = 0; index < count; index++) {
    const intervals: BusyInterval[] = [];
    const parts: string[] = [];
    for (let number = 0; number < events; number++) {
      const [word, status] = STATUSES[(index + number) % STATUSES.length] ?? STATUSES[0];
      const start = plus(MONDAY_NINE, number * minutes(60) + index * minutes(1));
      const end = plus(start, minutes(30));
      intervals.push({ start, end, status });
      parts.push(calendarEvent(formatLocalUtc(start), formatLocalUtc(end), word));
    }
    expected.push(canonicalIntervals(intervals));
    responses.push(freeBusyResponse(freeBusyView(...parts)));
  }
  return { text: availabilityAnswer(...responses), expected };
}

/** The day from Monday nine on. */
export const DAY = { start: MONDAY_NINE, end: plus(MONDAY_NINE, hours(24)) };
