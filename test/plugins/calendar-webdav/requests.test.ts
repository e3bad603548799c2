import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  findCalendar,
  folderPath,
  mailboxPath,
  poll,
  renew,
  searchBusyTime,
  subscribe,
} from "../../../plugins/calendar-webdav/dav-requests.ts";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { hours, instant, plus } from "../../../src/lib/time.ts";
import { parseRequestXml, textAt } from "../../doubles/exchange/request-xml.ts";
import { ALICE, DAY } from "./scenario.ts";

const ROOT = new URL("https://mail.example.com/exchange/");

describe("a request", () => {
  it("asks a calendar when and how busy, and never what", () => {
    const { path, body } = searchBusyTime("/exchange/alice@example.com/Kalender", DAY);
    expect(path).toBe("/exchange/alice@example.com/Kalender/");
    const sql = textAt(parseRequestXml(Buffer.from(body)), "sql") ?? "";
    const columns = sql.slice(0, sql.indexOf("FROM")).match(/"[^"]+"/g);
    expect(columns).toEqual([
      '"urn:schemas:calendar:dtstart"',
      '"urn:schemas:calendar:dtend"',
      '"urn:schemas:calendar:busystatus"',
    ]);
    expect(sql).toContain('"urn:schemas:calendar:dtend" > CAST("2026-11-23T09:00:00.000Z" AS "dateTime.tz")');
  });

  it("asks for whole seconds around the window", () => {
    const window = { start: plus(DAY.start, 500), end: instant(DAY.end + 1) };
    const { body } = searchBusyTime("/exchange/a@b/Calendar", window);
    expect(body).toContain("2026-11-23T09:00:00.000Z");
    expect(body).toContain("2026-11-24T09:00:01.000Z");
  });

  it("subscribes with a callback or without, and renews with ids alone", () => {
    const folder = "/exchange/alice@example.com/Kalender";
    expect(subscribe(folder, hours(1), "httpu://gateway.example.com:50020/x").headers).toMatchObject({
      "call-back": "httpu://gateway.example.com:50020/x",
      "notification-type": "update",
      "subscription-lifetime": "3600",
      depth: "1",
    });
    expect(Object.keys(subscribe(folder, hours(1), undefined).headers)).not.toContain("call-back");
    expect(Object.keys(renew(folder, ["15", "16"], hours(1)).headers).sort()).toEqual([
      "subscription-id",
      "subscription-lifetime",
    ]);
    expect(poll(folder, ["15", "16"]).headers).toEqual({ "subscription-id": "15,16" });
  });

  it("names mailboxes and folders so that they stay one segment of the path, whatever they are called", () => {
    expect(mailboxPath(ROOT, ALICE)).toBe("/exchange/alice@example.com/");
    expect(mailboxPath(ROOT, parseMailbox("o'a/b?c#d%e@example.com"))).toBe(
      "/exchange/o'a%2Fb%3Fc%23d%25e@example.com/",
    );
    expect(folderPath(ROOT, ALICE, "Календарь")).toMatch(/^\/exchange\/alice@example\.com\/(%[0-9A-F]{2})+$/);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1 }), (name) => {
        const path = folderPath(ROOT, ALICE, name);
        expect(path.split("/")).toHaveLength(4);
        expect(findCalendar(path).path).toMatch(/^[\x21-\x7e]+$/);
      }),
      { numRuns: 100 },
    );
  });
});
