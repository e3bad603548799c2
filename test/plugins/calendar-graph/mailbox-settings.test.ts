import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBatch } from "../../../plugins/calendar-graph/batch.ts";
import { decodeSettings, encodeGetSettings } from "../../../plugins/calendar-graph/mailbox-settings.ts";
import { hours, instant } from "../../../src/lib/time.ts";
import { ALICE } from "./scenario.ts";

const HOST = "graph.example.com";
const utc = (dateTime: string, timeZone = "UTC") => ({ dateTime, timeZone });
const replies = (setting: object) => decodeSettings({ automaticRepliesSetting: setting }, "auto")?.automaticReplies;
const scheduled = (start: unknown, end: unknown) =>
  replies({ status: "scheduled", scheduledStartDateTime: start, scheduledEndDateTime: end });

describe("a request for mailbox settings", () => {
  it("asks in UTC, for what is wanted only", () => {
    expect(encodeGetSettings(ALICE, "locale")).toEqual({
      path: "/users/alice%40example.com/mailboxSettings?$select=language",
      headers: { prefer: 'outlook.timezone="UTC"' },
    });
    expect(encodeGetSettings(ALICE, "auto").path).toMatch(/=language,timeZone,workingHours,automaticRepliesSetting$/);
  });
});

describe("mailbox settings", () => {
  it("are read as Graph documents them", () => {
    const body = {
      "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users('alice')/mailboxSettings",
      timeZone: "W. Europe Standard Time",
      language: { locale: "de-de", displayName: "German (Germany)" },
      workingHours: {
        daysOfWeek: ["monday", "friday"],
        startTime: "08:00:00.0000000",
        endTime: "17:30:00.0000000",
        timeZone: { name: "W. Europe Standard Time" },
      },
      automaticRepliesSetting: {
        status: "scheduled",
        externalAudience: "all",
        scheduledStartDateTime: utc("2026-11-23T09:00:00.0000000"),
        scheduledEndDateTime: utc("2026-11-24T09:00:00.0000000"),
        internalReplyMessage: "<html>I have left for a secret place</html>",
        externalReplyMessage: "",
      },
    };
    const start = Date.UTC(2026, 10, 23, 9);
    const settings = decodeSettings(body, "auto");
    expect(settings).toEqual({
      locale: "de-DE",
      timeZone: "W. Europe Standard Time",
      workingHours: {
        days: ["monday", "friday"],
        start: hours(8),
        end: hours(17.5),
        timeZone: "W. Europe Standard Time",
      },
      automaticReplies: { kind: "scheduled", start: instant(start), end: instant(start + hours(24)) },
    });
    expect(JSON.stringify(settings)).not.toContain("secret");
    expect(decodeSettings(body, "locale")).toEqual({ locale: "de-DE" });
  });

  it.each([
    [{ status: "disabled" }, { kind: "disabled" }],
    [{ status: "alwaysEnabled", scheduledEndDateTime: "nonsense" }, { kind: "always" }],
    [{ status: "something new" }, undefined],
    [{}, undefined],
  ])("with the automatic replies %j say %j", (setting, expected) => {
    expect(replies(setting)).toEqual(expected);
  });

  it("say nothing of scheduled replies without valid times in UTC", () => {
    const [start, end] = [utc("2026-11-23T09:00:00"), utc("2026-11-24T09:00:00")];
    expect(scheduled(start, end)).toMatchObject({ kind: "scheduled" });
    expect(scheduled(end, start)).toBeUndefined();
    expect(scheduled(start, start)).toBeUndefined();
    expect(scheduled(start, null)).toBeUndefined();
    expect(scheduled(start, utc("2026-11-24T09:00:00", "Pacific Standard Time"))).toBeUndefined();
  });

  it("are spoiled by no property that is not intelligible", () => {
    const body = { language: { locale: "not a tag!" }, timeZone: null, workingHours: 5, automaticRepliesSetting: [] };
    expect(decodeSettings(body, "auto")).toEqual({});
    expect(decodeSettings({ ...body, language: { locale: "fr-FR" } }, "auto")).toEqual({ locale: "fr-FR" });
    expect(decodeSettings("no object", "auto")).toBeUndefined();
  });

  it("of any kind do not throw, and make nothing up", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue(), (value, other) => {
        const settings = decodeSettings(
          { language: other, workingHours: value, automaticRepliesSetting: value },
          "auto",
        );
        expect(settings?.automaticReplies).toBeUndefined();
        decodeSettings(value, "auto");
      }),
    );
  });
});

describe("the answers of a batch", () => {
  const response = (id: unknown, status: unknown = 200) => ({ id, status, headers: {}, body: { id } });

  it("are matched by id in any order; others are nobody's, and the first of two counts", () => {
    const responses = [response("3"), response("1"), response("1", 404), response("0"), response("4"), response("x")];
    const answers = decodeBatch({ responses }, 3, HOST);
    expect(answers.map((answer) => answer?.status)).toEqual([200, undefined, 200]);
    expect(answers[2]?.body).toEqual({ id: "3" });
  });

  it("leave out what has no id or no status", () => {
    const responses = [response(1), response("2", "200"), response("3", 99), null, {}];
    expect(decodeBatch({ responses }, 3, HOST)).toEqual([undefined, undefined, undefined]);
  });

  it("carry headers by any case of their names", () => {
    const responses = [{ id: "1", status: 429, headers: { "RETRY-After": 7, x: {} }, body: null }];
    expect(decodeBatch({ responses }, 1, HOST)[0]?.header("retry-after")).toBe("7");
  });

  it("of any kind are read or refused", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (value, isWrapped) => {
        const body = isWrapped ? { responses: [value, value] } : value;
        try {
          expect(decodeBatch(body, 2, HOST)).toHaveLength(2);
        } catch (error) {
          expect(error).toMatchObject({ code: "graph-bad-answer" });
        }
      }),
    );
  });
});
