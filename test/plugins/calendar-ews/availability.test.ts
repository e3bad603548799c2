import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FreeBusyStatus } from "../../../src/core/busy-time.ts";
import { minutes, plus } from "../../../src/lib/time.ts";
import type { BusyTimeResult } from "../../../src/ports/calendar-source.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import {
  at,
  availabilityAnswer,
  calendarEvent,
  DAY,
  envelope,
  failedResponse,
  freeBusyResponse,
  freeBusyView,
  largeAnswer,
  MONDAY_NINE,
  mailboxes,
  soapFault,
} from "./answers.ts";
import { anyText } from "./any-text.ts";
import { decodeAvailability } from "./decode-availability.ts";

const HOST = "mail.example.com";

const decode = (text: string | Uint8Array, count = 1): readonly BusyTimeResult[] =>
  decodeAvailability({ host: HOST, mailboxes: mailboxes(count), window: DAY }, [Buffer.from(text)]);

const outcome = (result: BusyTimeResult | undefined): unknown =>
  result && ("error" in result ? result.error.code : result.intervals);

const errorOf = (action: () => unknown): GatewayError => {
  try {
    action();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

const single = (start: string, end: string, word: string) =>
  outcome(decode(availabilityAnswer(freeBusyResponse(freeBusyView(calendarEvent(start, end, word)))))[0]);

describe("an availability answer", () => {
  const TEN_TO_ELEVEN = { start: at("2026-11-23T10:00:00Z"), end: at("2026-11-23T11:00:00Z") };

  it.each<readonly [string, string, FreeBusyStatus]>([
    ["[M2]", "Tentative", "tentative"],
    ["[M3]", "Busy", "busy"],
    ["[M4]", "OOF", "oof"],
    ["[M6]", "WorkingElsewhere", "workingElsewhere"],
    ["[M7]", "NoData", "noData"],
    ["[M7]", "AStatusOfALaterExchange", "noData"],
    ["[M7]", "", "noData"],
  ])("%s reads the busy type '%s' as %s", (_id, word, status) => {
    expect(single("2026-11-23T10:00:00", "2026-11-23T11:00:00", word)).toEqual([{ ...TEN_TO_ELEVEN, status }]);
  });

  it("[M1] has nothing to show for a free entry", () => {
    expect(single("2026-11-23T10:00:00", "2026-11-23T11:00:00", "Free")).toEqual([]);
  });

  it.each([
    ["2026-11-23T10:00:00", "2026-11-23T11:00:00"],
    ["2026-11-23T10:00:00Z", "2026-11-23T11:00:00.000Z"],
    ["2026-11-23T12:00:00+02:00", "2026-11-23T13:00:00+0200"],
    ["2026-11-23T04:30:00-05:30", "2026-11-23T05:30:00.0000000-05:30"],
    [" 2026-11-23T10:00 ", "2026-11-23T11:00:00+00:00"],
  ])("reads the times %s to %s", (start, end) => {
    expect(single(start, end, "Busy")).toEqual([{ ...TEN_TO_ELEVEN, status: "busy" }]);
  });

  it("keeps unsorted entries in order and leaves out those beside the window", () => {
    const view = freeBusyView(
      calendarEvent("2026-11-23T15:00:00", "2026-11-23T16:00:00", "Busy"),
      calendarEvent("2026-11-23T08:00:00", "2026-11-23T09:00:00", "Busy"), // ends as the window begins
      calendarEvent("2026-11-23T08:30:00", "2026-11-23T09:30:00", "OOF"),
      calendarEvent("2026-11-24T09:00:00", "2026-11-24T10:00:00", "Busy"), // begins as the window ends
    );
    expect(outcome(decode(availabilityAnswer(freeBusyResponse(view)))[0])).toEqual([
      { start: at("2026-11-23T08:30:00Z"), end: at("2026-11-23T09:30:00Z"), status: "oof" },
      { start: at("2026-11-23T15:00:00Z"), end: at("2026-11-23T16:00:00Z"), status: "busy" },
    ]);
  });

  it("ignores prefixes, namespaces, CDATA, comments and everything that was not asked for", () => {
    const text =
      '<e:Envelope xmlns:e="urn:x"><e:Body><a:Answer xmlns:a="urn:y"><a:FreeBusyResponse><a:FreeBusyView>' +
      "<z:FreeBusyViewType xmlns:z='urn:z'>Detailed</z:FreeBusyViewType><a:CalendarEventArray><!-- one --><a:CalendarEvent>" +
      "<a:BusyType><![CDATA[Busy]]></a:BusyType><a:StartTime>2026-11-23T10:00:00</a:StartTime><a:Extra><a:Deep>StartTime</a:Deep></a:Extra>" +
      "<a:EndTime>2026-11-23T1&#49;:00:00</a:EndTime><a:CalendarEventDetails><a:Subject>Busy</a:Subject></a:CalendarEventDetails>" +
      "</a:CalendarEvent></a:CalendarEventArray><a:WorkingHours><a:TimeZone><a:Bias>-60</a:Bias></a:TimeZone></a:WorkingHours>" +
      "</a:FreeBusyView></a:FreeBusyResponse></a:Answer></e:Body></e:Envelope>";
    expect(outcome(decode(text)[0])).toEqual([{ ...TEN_TO_ELEVEN, status: "busy" }]);
  });

  it("is free for a calendar without entries, with or without an empty list", () => {
    expect(outcome(decode(availabilityAnswer(freeBusyResponse(freeBusyView())))[0])).toEqual([]);
    const bare = freeBusyResponse("<FreeBusyViewType>FreeBusy</FreeBusyViewType>");
    expect(outcome(decode(availabilityAnswer(bare))[0])).toEqual([]);
  });

  it("[M7] is unknown, and neither free nor busy, where the server tells nothing at all", () => {
    const unknown = [{ ...DAY, status: "noData" }];
    for (const view of [
      "<FreeBusyViewType>None</FreeBusyViewType>",
      "<FreeBusyViewType>MergedOnly</FreeBusyViewType>",
      "",
    ]) {
      expect(outcome(decode(availabilityAnswer(freeBusyResponse(view)))[0])).toEqual(unknown);
    }
    const noView = availabilityAnswer("<FreeBusyResponse></FreeBusyResponse>");
    expect(outcome(decode(noView)[0])).toEqual(unknown);
  });

  it("reads five-minute digits where another forest tells no more", () => {
    const view = `<FreeBusyViewType>MergedOnly</FreeBusyViewType><MergedFreeBusy>001122233345${"0".repeat(276)}</MergedFreeBusy>`;
    const step = (count: number) => plus(MONDAY_NINE, count * minutes(5));
    expect(outcome(decode(availabilityAnswer(freeBusyResponse(view)))[0])).toEqual([
      { start: step(2), end: step(4), status: "tentative" },
      { start: step(4), end: step(7), status: "busy" },
      { start: step(7), end: step(10), status: "oof" },
      { start: step(10), end: step(11), status: "noData" },
      { start: step(11), end: step(12), status: "noData" },
    ]);
  });

  it("reports a mailbox that failed and goes on with the others", () => {
    const busy = freeBusyResponse(freeBusyView(calendarEvent("2026-11-23T10:00:00", "2026-11-23T11:00:00", "Busy")));
    const text = availabilityAnswer(
      busy,
      failedResponse("ErrorMailRecipientNotFound"),
      busy,
      failedResponse("ErrorNoFreeBusyAccess"),
    );
    const results = decode(text, 4);
    expect(results.map((result) => result.mailbox)).toEqual(mailboxes(4));
    expect(results.map(outcome)).toEqual([
      [{ ...TEN_TO_ELEVEN, status: "busy" }],
      "ews-mailbox-not-found",
      [{ ...TEN_TO_ELEVEN, status: "busy" }],
      "ews-no-access",
    ]);
    const [, failed] = results;
    expect(failed && "error" in failed && failed.error.message).toContain("user1@example.com at mail.example.com");
  });

  it("takes a warning for what it is: no data", () => {
    expect(outcome(decode(availabilityAnswer(failedResponse("ErrorProxyRequestProcessingFailed", "Warning")))[0])).toBe(
      "ews-mailbox-moving",
    );
  });

  it("reports a mailbox with an entry whose time cannot be read, rather than leave the entry out", () => {
    expect(single("2026-11-23T10:00:00", "2026-02-30T11:00:00", "Busy")).toBe("ews-bad-answer");
    expect(single("", "2026-11-23T11:00:00", "Busy")).toBe("ews-bad-answer");
  });

  it("never gives one mailbox the calendar of another: a count that does not fit fails all", () => {
    const one = freeBusyResponse(freeBusyView(calendarEvent("2026-11-23T10:00:00", "2026-11-23T11:00:00", "Busy")));
    expect(errorOf(() => decode(availabilityAnswer(one), 2)).code).toBe("ews-bad-answer");
    expect(errorOf(() => decode(availabilityAnswer(one, one, one), 2)).code).toBe("ews-bad-answer");
    expect(errorOf(() => decode(envelope("<Nothing/>"), 2)).code).toBe("ews-bad-answer");
  });

  it.each([
    ["ErrorTimeIntervalTooBig", "ews-window-too-big", "modify"],
    ["ErrorMailboxDataArrayTooBig", "ews-batch-too-big", "modify"],
    ["ErrorInvalidServerVersion", "ews-version-refused", "cancel"],
    ["ErrorServerBusy", "ews-throttled", "wait"],
    ["ErrorAccessDenied", "ews-forbidden", "auth"],
    ["ErrorNobodyKnows", "ews-fault", "wait"],
  ])("that is the fault %s rejects as %s (%s)", (fault, code, type) => {
    expect(errorOf(() => decode(soapFault(fault)))).toMatchObject({ code, type });
  });

  it.each([
    [1500, 1500],
    [0, undefined],
    [-5, undefined],
    [1e15, 3_600_000],
  ])("passes on BackOffMilliseconds %d as %d", (told, retryAfter) => {
    expect(errorOf(() => decode(soapFault("ErrorServerBusy", told))).retryAfter).toBe(retryAfter);
  });

  it("finds 'server busy' inside ErrorInternalServerError with HTTP 200", () => {
    const text = envelope(
      '<m:GetUserAvailabilityResponse xmlns:m="urn:m"><m:ResponseMessage ResponseClass="Error"><m:ResponseCode>ErrorInternalServerError</m:ResponseCode>' +
        '<m:MessageXml><Value Name="InnerErrorResponseCode">ErrorServerBusy</Value><Value Name="BackOffMilliseconds">700</Value></m:MessageXml>' +
        "</m:ResponseMessage></m:GetUserAvailabilityResponse>",
    );
    expect(errorOf(() => decode(text))).toMatchObject({ code: "ews-throttled", retryAfter: 700 });
  });

  it("rejects as a whole when every mailbox is refused because the server is busy", () => {
    expect(
      errorOf(() => decode(availabilityAnswer(failedResponse("ErrorServerBusy"), failedResponse("ErrorServerBusy")), 2))
        .code,
    ).toBe("ews-throttled");
  });

  it("understands faults without any detail, of SOAP 1.1 and 1.2", () => {
    const bare = envelope("<s:Fault><faultcode>s:Server</faultcode><faultstring>Broken</faultstring></s:Fault>");
    expect(errorOf(() => decode(bare))).toMatchObject({
      code: "ews-fault",
      message: expect.stringContaining("Broken"),
    });
    expect(errorOf(() => decode(envelope("<s:Fault></s:Fault>"))).code).toBe("ews-fault");
    const modern = envelope(
      "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code><s:Reason><s:Text>Wrong</s:Text></s:Reason></s:Fault>",
    );
    expect(errorOf(() => decode(modern)).message).toContain("Wrong");
  });
});

describe("a hostile availability answer", () => {
  it.each<readonly [string, string | Uint8Array, string]>([
    ["truncated", availabilityAnswer(freeBusyResponse(freeBusyView())).slice(0, -30), "ews-bad-answer"],
    ["empty", "", "ews-bad-answer"],
    ["not XML", "Service Unavailable", "ews-bad-answer"],
    ["a web page", "<!DOCTYPE html><html><body>Sign in</body></html>", "ews-not-xml"],
    ["a web page without declaration", "<HTML><body>Sign in</body></HTML>", "ews-not-xml"],
    ["other XML", "<rss/>", "ews-bad-answer"],
    ["a document type", `<!DOCTYPE Envelope [<!ENTITY a "b">]>${availabilityAnswer()}`, "ews-bad-answer"],
    ["an unknown entity", envelope("<a>&nbsp;</a>"), "ews-bad-answer"],
    ["nested too deep", envelope("<a>".repeat(100) + "</a>".repeat(100)), "ews-bad-answer"],
    ["no UTF-8", Uint8Array.from([0x3c, 0x73, 0xff, 0xfe]), "ews-bad-answer"],
    ["cut inside a character", Buffer.from(envelope("<a>é</a>")).subarray(0, -31), "ews-bad-answer"],
    ["two documents", availabilityAnswer() + availabilityAnswer(), "ews-bad-answer"],
  ])("that is %s is refused", (_name, bytes, code) => {
    expect(errorOf(() => decode(bytes)).code).toBe(code);
  });

  it("is refused when it is larger than 16 MiB, without reading on", () => {
    let sent = 0;
    function* endless(): Generator<Uint8Array> {
      yield Buffer.from('<s:Envelope xmlns:s="urn:s"><s:Body><a>');
      for (const chunk = Buffer.alloc(1024 * 1024, "x"); ; sent++) yield chunk;
    }
    const query = { host: HOST, mailboxes: mailboxes(1), window: DAY };
    expect(errorOf(() => decodeAvailability(query, endless())).code).toBe("ews-bad-answer");
    expect(sent).toBeLessThanOrEqual(16);
  });

  it("throws nothing but GatewayError, and names no more mailboxes than were asked for, whatever is changed in it", () => {
    const { text } = largeAnswer(3, 3);
    const mutation = fc.record({
      at: fc.nat(text.length - 1),
      length: fc.nat(12),
      insert: fc.oneof(
        anyText(8),
        fc.constantFrom(
          "<",
          ">",
          "&",
          "</",
          "<FreeBusyResponse>",
          "]]>",
          "<!--",
          "<?",
          "\uD800",
          "\u0000",
          "<a xmlns:x=''>",
        ),
      ),
    });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        let mutated = text;
        for (const { at: from, length, insert } of mutations) {
          mutated = mutated.slice(0, from) + insert + mutated.slice(from + length);
        }
        try {
          expect(decode(mutated, 3)).toHaveLength(3);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("decoding", () => {
  it("does not depend on where the answer is cut, not even inside a character", () => {
    const { text, expected } = largeAnswer(4, 5);
    const bytes = Buffer.from(text.replace("NoError", "NoError<!-- é€😀 -->"));
    const query = { host: HOST, mailboxes: mailboxes(4), window: DAY };
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const chunks: Uint8Array[] = [];
        for (let from = 0, turn = 0; from < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          chunks.push(bytes.subarray(from, from + size));
          from += size;
        }
        expect(decodeAvailability(query, chunks).map(outcome)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
    const byteByByte = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(decodeAvailability(query, byteByByte).map(outcome)).toEqual(expected);
  });

  it("tells 100 mailboxes with 20 entries each apart", () => {
    const { text, expected } = largeAnswer(100, 20);
    expect(decode(text, 100).map(outcome)).toEqual(expected);
  });
});
