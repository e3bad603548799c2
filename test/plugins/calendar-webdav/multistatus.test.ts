import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBusyTime } from "../../../plugins/calendar-webdav/fetch-busy-time.ts";
import { type DavResponse, multistatusDecoder } from "../../../plugins/calendar-webdav/multistatus.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { DAY, meetingAt } from "./scenario.ts";

const decode = (bytes: Uint8Array, piece = bytes.length): readonly DavResponse[] => {
  const decoder = multistatusDecoder("mail.example.com", ["dtstart", "dtend", "busystatus", "calendar"]);
  for (let at = 0; at < bytes.length; at += Math.max(1, piece)) decoder.write(bytes.subarray(at, at + piece));
  return decoder.end();
};

const multistatus = (content: string): Buffer =>
  Buffer.from(
    `<?xml version="1.0"?><a:multistatus xmlns:a="DAV:" xmlns:d="urn:schemas:calendar:">${content}</a:multistatus>`,
  );

const row = (start: string, end: string, status: string): string =>
  "<a:response><a:href>https://mail/exchange/bob/Kalender/%C3%A4.EML</a:href><a:propstat><a:status>HTTP/1.1 200 OK</a:status>" +
  `<a:prop><d:dtstart>${start}</d:dtstart><d:dtend>${end}</d:dtend><d:busystatus>${status}</d:busystatus></a:prop></a:propstat>` +
  "<a:propstat><a:status>HTTP/1.1 404 Resource Not Found</a:status><a:prop><d:calendar/></a:prop></a:propstat></a:response>";

const ANSWER = multistatus(
  row("2026-11-23T10:00:00.000Z", "2026-11-23T11:00:00.000Z", "BUSY") +
    row("2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z", "oof"),
);

const codeOf = (text: string | Buffer): string => {
  try {
    decode(Buffer.from(text));
    return "nothing";
  } catch (error) {
    return error instanceof GatewayError ? error.code : "no GatewayError";
  }
};

describe("a multistatus", () => {
  it("gives the properties that the server has, whichever way it is cut", () => {
    for (const piece of [1, 7, ANSWER.length]) {
      const rows = decode(ANSWER, piece);
      expect(rows.map(({ properties }) => [...properties.keys()])).toEqual([
        ["dtstart", "dtend", "busystatus"],
        ["dtstart", "dtend", "busystatus"],
      ]);
      expect(decodeBusyTime(rows, DAY, "bob")).toEqual([meetingAt(1), meetingAt(3, "oof")]);
    }
  });

  it("takes a status after the properties too (RFC 2518 12.9.1.1)", () => {
    const answer = multistatus(
      "<a:response><a:href>/x</a:href><a:propstat><a:prop><d:calendar>/exchange/bob/Agenda</d:calendar></a:prop>" +
        "<a:status>HTTP/1.1 200 OK</a:status></a:propstat></a:response>",
    );
    expect(decode(answer)[0]).toMatchObject({ href: "/x", status: 200 });
    expect(decode(answer)[0]?.properties.get("calendar")).toBe("/exchange/bob/Agenda");
  });

  it("tells which subscriptions a part is about, and their status", () => {
    const answer = multistatus(
      "<a:response><a:href>/x</a:href><a:status>HTTP/1.1 204 No Content</a:status><a:subscriptionID><li>15</li><li>16</li></a:subscriptionID></a:response>",
    );
    expect(decode(answer)).toMatchObject([{ status: 204, subscriptionIds: ["15", "16"] }]);
  });

  it.each([
    ["a web page", "<html><body>Log on</body></html>", "webdav-not-xml"],
    ["a web page with its type", "<!DOCTYPE html><html></html>", "webdav-not-xml"],
    ["a document type", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "webdav-bad-answer"],
    ["another root", "<feed/>", "webdav-bad-answer"],
    ["an unknown entity", "<multistatus>&x;</multistatus>", "webdav-bad-answer"],
    ["half of it", ANSWER.subarray(0, 300), "webdav-bad-answer"],
    ["no UTF-8", Buffer.from([0x3c, 0xff, 0xfe]), "webdav-bad-answer"],
    ["nothing", "", "webdav-bad-answer"],
    ["great depth", `<multistatus>${"<x>".repeat(100)}`, "webdav-bad-answer"],
    ["great length", `<multistatus>${" ".repeat(5_000_000)}`, "webdav-bad-answer"],
    ["too many parts", multistatus("<response/>".repeat(2001)), "webdav-bad-answer"],
    ["too many ids", multistatus(`<response>${"<li>1</li>".repeat(1001)}</response>`), "webdav-bad-answer"],
  ])("is refused when it is %s", (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it("throws nothing but GatewayError, whatever is changed in it", () => {
    const change = fc.record({
      at: fc.nat(ANSWER.length),
      length: fc.nat(40),
      bytes: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 500 }),
        (changes, piece) => {
          let bytes: Buffer = ANSWER;
          for (const { at, length, bytes: inserted } of changes) {
            bytes = Buffer.concat([bytes.subarray(0, at), inserted, bytes.subarray(at + length)]);
          }
          try {
            const intervals = decodeBusyTime(decode(bytes, piece), DAY, "bob");
            expect(intervals.every(({ start, end }) => start < DAY.end && end > DAY.start)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(GatewayError);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("busy time", () => {
  const at = (start: string, end: string, status = "BUSY") =>
    decodeBusyTime(decode(multistatus(row(start, end, status))), DAY, "bob");

  it.each([
    ["TENTATIVE", "tentative"],
    ["BUSY", "busy"],
    ["OOF", "oof"],
    ["WORKINGELSEWHERE", "noData"],
    ["", "noData"],
  ])("of busystatus %j is %s", (word, status) => {
    expect(at("2026-11-23T10:00:00.000Z", "2026-11-23T11:00:00Z", word)).toEqual([{ ...meetingAt(1), status }]);
  });

  it("leaves free entries out, and those that only touch the window", () => {
    expect(at("2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", "FREE")).toEqual([]);
    expect(at("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z")).toEqual([]);
    expect(at("2026-11-24T09:00:00Z", "2026-11-24T10:00:00Z")).toEqual([]);
  });

  it("with an entry that has no valid time is an error, not a free calendar", () => {
    expect(() => at("2026-11-23T25:00:00Z", "2026-11-23T11:00:00Z")).toThrow("no valid time");
  });
});
