import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSchedules, encodeGetSchedule } from "../../../plugins/calendar-graph/get-schedule.ts";
import { hours, instant, minutes, plus } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { ALICE, BOB, CAROL, DAY, meetingAt } from "./scenario.ts";

const at = (dateTime: string, timeZone = "UTC") => ({ dateTime, timeZone });
const entry = (status: string, start = "2026-11-23T10:00:00.0000000", end = "2026-11-23T11:00:00.0000000") => ({
  isPrivate: false,
  status,
  subject: "Merger with Contoso",
  location: "Room 1",
  start: at(start),
  end: at(end),
});
const schedule = (scheduleId: string, ...scheduleItems: readonly unknown[]) => ({
  scheduleId,
  availabilityView: "0220",
  scheduleItems,
});
const decode = (value: readonly unknown[], mailboxes = [ALICE, BOB]) =>
  decodeSchedules({ value }, mailboxes, DAY, "graph.example.com");

describe("a request of getSchedule", () => {
  it("asks on behalf of the anchor, in UTC, for the whole window", () => {
    const { method, path, body } = encodeGetSchedule(BOB, [ALICE], { start: DAY.start, end: plus(DAY.end, 1) });
    expect([method, path]).toEqual(["POST", "/users/bob%40example.com/calendar/getSchedule"]);
    expect(body).toEqual({
      schedules: [ALICE],
      startTime: at("2026-11-23T09:00:00"),
      endTime: at("2026-11-24T09:00:01"),
      availabilityViewInterval: 1440,
    });
  });

  it("asks for a view no longer than the window, for the service refuses that", () => {
    const interval = (length: number) =>
      encodeGetSchedule(BOB, [ALICE], { start: DAY.start, end: plus(DAY.start, length) }).body;
    expect(interval(minutes(90))).toMatchObject({ availabilityViewInterval: 90 });
    expect(interval(minutes(1))).toMatchObject({ availabilityViewInterval: 5 });
  });
});

describe("an answer of getSchedule", () => {
  it.each([
    ["tentative", "tentative"],
    ["busy", "busy"],
    ["oof", "oof"],
    ["workingElsewhere", "workingElsewhere"],
    ["unknown", "noData"],
    ["something new", "noData"],
  ])("reads the status %s of an entry as %s, not the digits", (status, expected) => {
    expect(decode([schedule(ALICE, entry(status))], [ALICE])).toEqual([
      { mailbox: ALICE, intervals: [{ ...meetingAt(1), status: expected }] },
    ]);
  });

  it("leaves free entries, and those that only touch the window, out", () => {
    const before = entry("busy", "2026-11-23T08:00:00", "2026-11-23T09:00:00");
    const after = entry("busy", "2026-11-24T09:00:00", "2026-11-24T10:00:00");
    const empty = entry("busy", "2026-11-23T10:00:00", "2026-11-23T10:00:00");
    expect(decode([schedule(ALICE, before, after, empty, entry("free"))], [ALICE])).toEqual([
      { mailbox: ALICE, intervals: [] },
    ]);
  });

  it("keeps neither subject nor place", () => {
    const results = decode([schedule(ALICE, entry("busy")), schedule(BOB, entry("oof"))]);
    expect(JSON.stringify(results)).not.toMatch(/Contoso|Room/);
  });

  it("is matched by address, in whatever order and case, and says who is missing", () => {
    const results = decode([schedule("CAROL@example.com"), schedule(ALICE, entry("busy"))], [ALICE, BOB, CAROL]);
    expect(results).toMatchObject([
      { mailbox: ALICE, intervals: [meetingAt(1)] },
      { mailbox: BOB, error: { code: "graph-schedule-missing" } },
      { mailbox: CAROL, intervals: [] },
    ]);
  });

  it.each([
    ["ErrorMailRecipientNotFound", "graph-mailbox-not-found"],
    ["ErrorNoFreeBusyAccess", "graph-no-free-busy-access"],
    ["ErrorProxyRequestProcessingFailed", "graph-availability-failed"],
    ["ErrorServerBusy", "graph-throttled"],
    ["<b>new</b>", "graph-availability-failed"],
  ])("has an error for one schedule (%s) that spoils no other", (responseCode, code) => {
    const bad = { scheduleId: ALICE, availabilityView: "", error: { message: "Exception", responseCode } };
    const results = decode([bad, schedule(BOB, entry("busy"))]);
    expect(results).toMatchObject([{ error: { code } }, { intervals: [meetingAt(1)] }]);
    expect(JSON.stringify(results)).not.toContain("<b>");
  });

  it("has an error for one schedule whose entries are none, and none for the others", () => {
    for (const bad of [
      [entry("busy", "yesterday")],
      ["x"],
      "x",
      [{ ...entry("busy"), end: at("2026-11-23T11:00", "Mars") }],
    ])
      expect(decode([{ ...schedule(ALICE), scheduleItems: bad }, schedule(BOB)])).toMatchObject([
        { error: { code: "graph-bad-answer" } },
        { intervals: [] },
      ]);
  });

  it("is refused as a whole when the batch was too big", () => {
    const error = { message: "", responseCode: "ErrorMailboxDataArrayTooBig" };
    expect(() => decode([{ scheduleId: ALICE, error }])).toThrow(
      expect.objectContaining({ code: "graph-batch-too-big" }),
    );
  });

  it("takes thousands of entries", () => {
    const many = Array.from({ length: 3000 }, (_, index) => {
      const start = new Date(plus(MONDAY_MORNING, index * 10_000)).toISOString();
      return entry("busy", start, new Date(plus(MONDAY_MORNING, index * 10_000 + 5000)).toISOString());
    });
    expect(decode([schedule(ALICE, ...many)], [ALICE])).toMatchObject([{ intervals: { length: 3000 } }]);
  });

  it("gives one result for each mailbox or a GatewayError, whatever it is", () => {
    const anyText = fc.oneof(fc.constant("busy"), fc.constant(ALICE), fc.constant("2026-11-23T10:00:00"), fc.string());
    const anyItem = fc.oneof(
      fc.anything(),
      fc.record({
        status: anyText,
        start: fc.record({ dateTime: anyText, timeZone: fc.constant("UTC") }),
        end: fc.anything(),
      }),
    );
    const anySchedule = fc.oneof(
      fc.anything(),
      fc.record({
        scheduleId: anyText,
        scheduleItems: fc.oneof(fc.anything(), fc.array(anyItem)),
        error: fc.anything(),
      }),
    );
    const anyBody = fc.oneof(fc.anything(), fc.record({ value: fc.array(anySchedule) }));
    fc.assert(
      fc.property(anyBody, (body) => {
        try {
          const results = decodeSchedules(body, [ALICE, BOB], DAY, "host");
          expect(results.map(({ mailbox }) => mailbox)).toEqual([ALICE, BOB]);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("reads back what was written, in canonical order", () => {
    const interval = fc.record({ from: fc.nat(86_000), length: fc.integer({ min: 1, max: 7200 }) });
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 30 }), (given) => {
        const items = given.map(({ from, length }) => {
          const text = (seconds: number) => new Date(instant(MONDAY_MORNING + seconds * 1000)).toISOString();
          return entry("busy", text(from), text(from + length));
        });
        const [result] = decode([schedule(ALICE, ...items)], [ALICE]);
        const intervals = result && "intervals" in result ? result.intervals : [];
        const expected = new Set(given.map(({ from, length }) => `${from} ${length}`));
        expect(intervals).toHaveLength(expected.size);
        for (const { start, end } of intervals) {
          expect(expected.has(`${(start - MONDAY_MORNING) / 1000} ${(end - start) / 1000}`)).toBe(true);
          expect(start).toBeLessThan(plus(MONDAY_MORNING, hours(24)));
        }
      }),
      { numRuns: 50 },
    );
  });
});
