import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "./clock.ts";
import { getEventsRequest, pullSubscribe } from "./ews-requests.ts";
import { type SimulatedExchange, startExchange } from "./exchange.ts";
import type { Mailbox } from "./mailbox.ts";
import { schemaErrors, whyNoSchemaCheck } from "./schema-check.ts";
import { TestClient } from "./test-client.ts";

const MEETING = { start: 0, end: 60_000, status: "busy" } as const;
const asAlice = { impersonate: ["PrimarySmtpAddress", "alice@example.com"] } as const;

let clock: ManualClock;
let exchange: SimulatedExchange;
let client: TestClient;
let alice: Mailbox;

beforeEach(async () => {
  clock = new ManualClock(Date.parse("2026-11-02T08:00:00Z"));
  exchange = await startExchange({ accounts: [{ user: "svc", password: "pw", mayImpersonate: true }], clock });
  client = new TestClient(exchange);
  alice = exchange.addMailbox("alice@example.com");
});

afterEach(async () => {
  client.close();
  await exchange.stop();
});

async function subscribe(): Promise<{ readonly answer: string; readonly id: string; readonly watermark: string }> {
  const { text } = await client.call(pullSubscribe(10), asAlice);
  const [, id = "", watermark = ""] = /SubscriptionId>([^<]+)<.*Watermark>([^<]+)</.exec(text) ?? [];
  return { answer: text, id, watermark };
}

const fetchEvents = async (id: string, watermark: string): Promise<string> =>
  (await client.call(getEventsRequest(id, watermark))).text;
const lastMark = (text: string): string => [...text.matchAll(/<t:Watermark>([^<]+)</g)].at(-1)?.[1] ?? "";

describe("pull notifications", () => {
  it("tell the events after a watermark, again until a later one confirms them, then a StatusEvent", async () => {
    const { id, watermark } = await subscribe();
    alice.addMeeting(MEETING);
    const first = await fetchEvents(id, watermark);
    expect(first).toMatch(/<t:CreatedEvent>.*<t:FreeBusyChangedEvent>/);
    expect(await fetchEvents(id, watermark)).toBe(first);
    expect(await fetchEvents(id, lastMark(first))).toContain("<t:StatusEvent>");
  });

  it("end when nobody fetches within the timeout, and refuse a senseless watermark", async () => {
    const { id, watermark } = await subscribe();
    expect(await fetchEvents(id, "bm9uc2Vuc2U=")).toContain("ErrorInvalidWatermark");
    clock.advance(11 * 60_000);
    expect(await fetchEvents(id, watermark)).toContain("ErrorSubscriptionNotFound");
    expect(exchange.stats.subscriptions).toBe(0);
  });
});

const skipped = whyNoSchemaCheck();
if (skipped) console.log(`pull notifications not validated: ${skipped}`);

describe.skipIf(skipped !== undefined)("pull notifications and Microsoft's schema", () => {
  it("are valid", async () => {
    const { answer, id, watermark } = await subscribe();
    const idle = await fetchEvents(id, watermark);
    alice.addMeeting(MEETING);
    const events = await fetchEvents(id, watermark);
    expect(schemaErrors([answer, idle, events, await fetchEvents("unknown", watermark)])).toBe("");
  });
});
