import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { availabilityRequest, clockChange } from "./ews-requests.ts";
import { type ExchangeOptions, type SimulatedExchange, startExchange } from "./exchange.ts";
import type { Mailbox } from "./mailbox.ts";
import { TestClient } from "./test-client.ts";

const at = (text: string): number => Date.parse(`2026-11-${text}:00Z`);
const HOUR = 3_600_000;

let exchange: SimulatedExchange;
let client: TestClient;
let alice: Mailbox;

async function start(options: Partial<ExchangeOptions> = {}): Promise<void> {
  exchange = await startExchange({ accounts: [{ user: "svc", password: "pw", mayImpersonate: true }], ...options });
  client = new TestClient(exchange);
  alice = exchange.addMailbox("alice@example.com");
}

beforeEach(() => start());

afterEach(async () => {
  client.close();
  await exchange.stop();
});

/** Each event as "start end status". */
function eventsOf(text: string): readonly string[] {
  const pattern = /<StartTime>([^<]+)<\/StartTime><EndTime>([^<]+)<\/EndTime><BusyType>([^<]+)</g;
  return [...text.matchAll(pattern)].map((match) => match.slice(1).join(" "));
}

async function ask(parts: Parameters<typeof availabilityRequest>[1] = {}): Promise<string> {
  return (await client.call(availabilityRequest(["alice@example.com"], parts))).text;
}

describe("GetUserAvailability", () => {
  it("tells times without zone and statuses, sorted, and events that touch the window only", async () => {
    alice.addMeeting({ start: at("02T10:00"), end: at("02T11:00"), status: "busy", subject: "Secret" });
    alice.addMeeting({ start: at("01T23:00"), end: at("02T01:00"), status: "oof" });
    alice.addMeeting({ start: at("03T00:00"), end: at("03T01:00"), status: "busy" });
    const text = await ask();
    expect(eventsOf(text)).toEqual([
      "2026-11-01T23:00:00 2026-11-02T01:00:00 OOF",
      "2026-11-02T10:00:00 2026-11-02T11:00:00 Busy",
    ]);
    expect(text).not.toContain("Secret");
  });

  it("leaves the event array out when there are none", async () => {
    const text = await ask();
    expect(text).toContain("<FreeBusyViewType");
    expect(text).not.toContain("CalendarEventArray");
    expect(text).toContain("<StartTimeInMinutes>480</StartTimeInMinutes>");
  });

  it("tells events in the last order when that is asked for", async () => {
    await exchange.stop();
    await start({ availabilityOrder: "reversed" });
    alice.addMeeting({ start: at("02T10:00"), end: at("02T11:00"), status: "busy" });
    alice.addMeeting({ start: at("02T12:00"), end: at("02T13:00"), status: "free" });
    expect(eventsOf(await ask()).map((event) => event.slice(11, 13))).toEqual(["12", "10"]);
  });

  it("answers in the request's zone across a change of clocks", async () => {
    const summer = clockChange("DaylightTime", -60, "02:00:00", [5, 3, "Sunday"]);
    const winter = clockChange("StandardTime", 0, "03:00:00", [5, 10, "Sunday"]);
    const zone = `<t:TimeZone><t:Bias>-60</t:Bias>${winter}${summer}</t:TimeZone>`;
    const start = Date.parse("2026-10-24T22:30:00Z");
    alice.addMeeting({ start, end: start + HOUR, status: "busy" });
    alice.addMeeting({ start: start + 4 * HOUR, end: start + 5 * HOUR, status: "busy" });
    const text = await ask({ start: "2026-10-25T00:00:00", end: "2026-10-26T00:00:00", zone });
    expect(eventsOf(text)).toEqual([
      "2026-10-25T00:30:00 2026-10-25T01:30:00 Busy",
      "2026-10-25T03:30:00 2026-10-25T04:30:00 Busy",
    ]);
  });

  it("expands daily and weekly series with interval, days, count and end", async () => {
    const daily = { start: at("01T09:00"), end: at("01T10:00"), status: "busy" } as const;
    alice.addMeeting({ ...daily, recurrence: { kind: "daily", interval: 2, count: 3 } });
    const weekly = { start: at("02T12:00"), end: at("02T13:00"), status: "tentative" } as const;
    alice.addMeeting({
      ...weekly,
      recurrence: { kind: "weekly", days: ["Monday", "Thursday"], until: at("12T12:00") },
    });
    const text = await ask({ start: "2026-11-01T00:00:00", end: "2026-11-30T00:00:00" });
    expect(eventsOf(text).map((event) => `${event.slice(8, 10)} ${event.split(" ")[2]}`)).toEqual([
      "01 Busy",
      "02 Tentative",
      "03 Busy",
      "05 Busy",
      "05 Tentative",
      "09 Tentative",
      "12 Tentative",
    ]);
  });

  it("gives the merged views one digit an hour, the strongest of overlapping events", async () => {
    alice.addMeeting({ start: at("02T01:00"), end: at("02T02:30"), status: "tentative" });
    alice.addMeeting({ start: at("02T02:00"), end: at("02T03:00"), status: "oof" });
    const merged = await ask({ view: "MergedOnly", end: "2026-11-02T06:00:00" });
    expect(merged).toContain(">013000</MergedFreeBusy>");
    expect(eventsOf(merged)).toEqual([]);
    expect(await ask({ view: "FreeBusyMerged" })).toMatch(/MergedFreeBusy.*CalendarEventArray/);
  });

  it("shows subjects in the Detailed view, except of private items", async () => {
    alice.addMeeting({
      start: at("02T01:00"),
      end: at("02T02:00"),
      status: "busy",
      subject: "Plan <A> & B",
      isMeeting: true,
    });
    alice.addMeeting({
      start: at("02T03:00"),
      end: at("02T04:00"),
      status: "busy",
      subject: "Doctor",
      isPrivate: true,
    });
    const text = await ask({ view: "Detailed" });
    expect(text).toContain("<Subject>Plan &lt;A&gt; &amp; B</Subject>");
    expect(text).not.toContain("Doctor");
  });

  it("tells WorkingElsewhere to requests of Exchange2013 and later only", async () => {
    alice.addMeeting({ start: at("02T01:00"), end: at("02T02:00"), status: "workingElsewhere" });
    expect(await ask()).toContain("<BusyType>WorkingElsewhere<");
    const older = await client.call(availabilityRequest(["alice@example.com"]), { version: "Exchange2010_SP2" });
    expect(older.text).toContain("<BusyType>Free<");
  });

  it("answers each bad mailbox with its own error among good ones", async () => {
    exchange.addMailbox("bob@example.com");
    exchange.faults.failAvailability("Bob@example.com", "ErrorNoFreeBusyAccess");
    const { text } = await client.call(
      availabilityRequest(["ALICE@example.com", "nobody@example.com", "bob@example.com"]),
    );
    expect([...text.matchAll(/ResponseCode>(\w+)</g)].map((match) => match[1])).toEqual([
      "NoError",
      "ErrorMailRecipientNotFound",
      "ErrorNoFreeBusyAccess",
    ]);
    expect(exchange.stats.refusalsOf("ErrorNoFreeBusyAccess")).toBe(1);
  });

  it("refuses more than 100 mailboxes, more than 42 days, a senseless window, view or interval", async () => {
    const refusal = async (body: string): Promise<string | undefined> =>
      /ResponseCode[^>]*>(\w+)</.exec((await client.call(body)).text)?.[1];
    const many = Array.from({ length: 101 }, (_, index) => `u${index}@example.com`);
    const alone = ["alice@example.com"];
    expect(await refusal(availabilityRequest(many))).toBe("ErrorMailboxDataArrayTooBig");
    expect(await refusal(availabilityRequest([]))).toBe("ErrorMailboxDataArrayEmpty");
    expect(await refusal(availabilityRequest(alone, { end: "2026-12-15T00:00:00" }))).toBe("ErrorTimeIntervalTooBig");
    expect(await refusal(availabilityRequest(alone, { end: "2026-12-14T00:00:00" }))).toBe("NoError");
    expect(await refusal(availabilityRequest(alone, { end: "2026-11-01T00:00:00" }))).toBe("ErrorInvalidTimeInterval");
    expect(await refusal(availabilityRequest(alone, { view: "None" }))).toBe("ErrorInvalidFreeBusyViewType");
  });

  it("refuses more than 1000 entries of one mailbox", async () => {
    for (let index = 0; index <= 1000; index += 1) {
      alice.addMeeting({ start: at("02T00:00") + index, end: at("02T00:00") + index + 1, status: "busy" });
    }
    expect(await ask()).toContain("ErrorResultSetTooBig");
  });

  it("wants the time zone in requests of Exchange 2007 and takes UTC from later ones without it", async () => {
    const body = availabilityRequest(["alice@example.com"], { zone: "" });
    const old = await client.call(body, { version: "Exchange2007_SP1" });
    expect(old.status).toBe(500);
    expect(old.text).toContain("ErrorSchemaValidation");
    expect((await client.call(body, { version: "Exchange2010" })).text).toContain("NoError");
  });
});
