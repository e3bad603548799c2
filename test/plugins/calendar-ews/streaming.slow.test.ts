import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type StreamFrame, StreamParser } from "../../../plugins/calendar-ews/streaming.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { soapFault } from "./answers.ts";
import { anyText } from "./any-text.ts";

/** A frame as real servers send it: default SOAP namespace, other prefixes inside, no XML declaration. */
const frame = (content: string, responseClass = "Success"): string =>
  '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><soap11:Header xmlns:soap11="http://schemas.xmlsoap.org/soap/envelope/">' +
  '<ServerVersionInfo xmlns="urn:t" MajorVersion="15" MinorVersion="2" MajorBuildNumber="1" MinorBuildNumber="0"/></soap11:Header>' +
  '<soap11:Body xmlns:soap11="urn:s"><m:GetStreamingEventsResponse xmlns:m="urn:m" xmlns:t="urn:t"><m:ResponseMessages>' +
  `<m:GetStreamingEventsResponseMessage ResponseClass="${responseClass}">${content}</m:GetStreamingEventsResponseMessage>` +
  "</m:ResponseMessages></m:GetStreamingEventsResponse></soap11:Body></Envelope>";

const status = (word: string): string =>
  frame(`<m:ResponseCode>NoError</m:ResponseCode><m:ConnectionStatus>${word}</m:ConnectionStatus>`);

const notification = (id: string, ...events: readonly string[]): string =>
  `<m:Notification><t:SubscriptionId>${id}</t:SubscriptionId>${events
    .map(
      (event) => `<t:${event}><t:TimeStamp>2026-11-23T09:00:00Z</t:TimeStamp><t:FolderId Id="Straße 😀"/></t:${event}>`,
    )
    .join("")}</m:Notification>`;

const notifications = (...all: readonly string[]): string =>
  frame(`<m:ResponseCode>NoError</m:ResponseCode><m:Notifications>${all.join("")}</m:Notifications>`);

const lost = (code: string, ...ids: readonly string[]): string =>
  frame(
    `<m:MessageText>Gone.</m:MessageText><m:ResponseCode>${code}</m:ResponseCode>` +
      `<m:ErrorSubscriptionIds>${ids.map((id) => `<m:SubscriptionId>${id}</m:SubscriptionId>`).join("")}</m:ErrorSubscriptionIds>`,
    "Error",
  );

const parse = (chunks: Iterable<Uint8Array>): readonly StreamFrame[] => {
  const parser = new StreamParser("mail.example.com");
  return [...chunks].flatMap((chunk) => [...parser.write(chunk)]);
};

const parseText = (text: string): readonly StreamFrame[] => parse([Buffer.from(text)]);

describe("a notification connection", () => {
  it("tells each changed subscription once a frame, whatever happened and how often", () => {
    const [first] = parseText(
      notifications(
        notification("A", "FreeBusyChangedEvent", "ModifiedEvent", "ModifiedEvent"),
        notification("B", "MovedEvent"),
        notification("C", "StatusEvent"),
        notification("A", "DeletedEvent"),
        notification("D"),
      ),
    );
    expect(first?.changed).toEqual(new Set(["A", "B"]));
  });

  it("reads many frames in one chunk, with white space, byte-order marks and declarations between them", () => {
    const text = `${status("OK")}\r\n ${notifications(notification("A", "CreatedEvent"))}\uFEFF<?xml version="1.0" encoding="utf-8"?>${status("Closed")}\n`;
    expect(parseText(text).map((each) => [[...each.changed], each.isClosing])).toEqual([
      [[], false],
      [["A"], false],
      [[], true],
    ]);
  });

  it("tells which subscriptions the server does not know any more", () => {
    const [gone] = parseText(lost("ErrorSubscriptionNotFound", "A", "B"));
    expect(gone).toMatchObject({ lost: ["A", "B"], problem: { code: "ErrorSubscriptionNotFound", isSuccess: false } });
  });

  it("tells a SOAP fault in its place", () => {
    expect(parseText(soapFault("ErrorServerBusy", 500))[0]?.problem).toMatchObject({ code: "ErrorServerBusy" });
  });

  it("is read the same wherever it is cut", () => {
    const text = [
      status("OK"),
      notifications(notification("A&amp;1", "CreatedEvent"), notification("B", "ModifiedEvent")),
      `<?xml version="1.0"?>${notifications(notification("C", "CopiedEvent"))}`,
      lost("ErrorReadEventsFailed", "B"),
      status("Closed"),
    ].join("\n");
    const bytes = Buffer.from(text);
    const whole = parse([bytes]);
    expect(whole).toHaveLength(5);
    expect(parse(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        const chunks: Uint8Array[] = [];
        for (let from = 0, turn = 0; from < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          chunks.push(bytes.subarray(from, from + size));
          from += size;
        }
        expect(parse(chunks)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it("gives a frame as soon as its last byte is there", () => {
    const parser = new StreamParser("mail.example.com");
    const bytes = Buffer.from(status("OK"));
    expect(parser.write(bytes.subarray(0, -1))).toHaveLength(0);
    expect(parser.write(bytes.subarray(-1))).toHaveLength(1);
  });

  it.each([
    ["a web page", "<html></html>"],
    ["text", "Service Unavailable"],
    ["a document type", "<!DOCTYPE Envelope []><Envelope/>"],
    ["nested too deep", `<Envelope>${"<a>".repeat(70)}`],
    ["a frame without end", `<Envelope><a>${"x".repeat(5 * 1024 * 1024)}`],
  ])("that carries %s is refused", (_name, text) => {
    expect(() => parseText(text)).toThrow(GatewayError);
  });

  it("throws nothing but GatewayError, whatever is changed in it", () => {
    const text = status("OK") + notifications(notification("A", "CreatedEvent")) + lost("ErrorX", "A");
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.nat(20),
        fc.oneof(anyText(10), fc.constantFrom("<", "]]>", "<Fault>", "</Envelope>", "<?xml", "\uD800")),
        (from, length, insert) => {
          try {
            parseText(text.slice(0, from) + insert + text.slice(from + length));
          } catch (error) {
            expect(error).toBeInstanceOf(GatewayError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
