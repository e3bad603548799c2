import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listenOnLoopback } from "../listen-on-loopback.ts";
import { ManualClock } from "./clock.ts";
import { pushSubscribe } from "./ews-requests.ts";
import { type SimulatedExchange, startExchange } from "./exchange.ts";
import type { Mailbox } from "./mailbox.ts";
import { schemaErrors, whyNoSchemaCheck } from "./schema-check.ts";
import { MESSAGES, SOAP } from "./soap.ts";
import { TestClient } from "./test-client.ts";

const START = Date.parse("2026-11-02T08:00:00Z");
const MINUTE = 60_000;
const MEETING = { start: START, end: START + MINUTE, status: "busy" } as const;

interface Post {
  readonly body: string;
  readonly soapAction: string | undefined;
  readonly response: ServerResponse;
}

let clock: ManualClock;
let exchange: SimulatedExchange;
let client: TestClient;
let alice: Mailbox;
let listener: Server;
let url: string;
const posts: Post[] = [];

beforeEach(async () => {
  clock = new ManualClock(START);
  exchange = await startExchange({ accounts: [{ user: "svc", password: "pw", mayImpersonate: true }], clock });
  client = new TestClient(exchange);
  alice = exchange.addMailbox("alice@example.com");
  posts.length = 0;
  listener = createServer((request, response) => {
    let body = "";
    request.on("data", (part: Buffer) => {
      body += part.toString();
    });
    request.on("end", () => {
      posts.push({ body, soapAction: String(request.headers["soapaction"]), response });
      listener.emit("post");
    });
  });
  url = `http://127.0.0.1:${await listenOnLoopback(listener)}/alice`;
});

afterEach(async () => {
  client.close();
  await exchange.stop();
  listener.closeAllConnections();
  listener.close();
});

/** The next SendNotification, not yet answered. */
async function nextPost(): Promise<Post> {
  while (posts.length === 0) await once(listener, "post");
  const post = posts.shift();
  if (post === undefined) throw new Error("no post");
  return post;
}

function answer(post: Post, status: string): void {
  post.response.setHeader("Content-Type", "text/xml");
  post.response.end(
    `<s:Envelope xmlns:s="${SOAP}"><s:Body><SendNotificationResult xmlns="${MESSAGES}"><SubscriptionStatus>${status}</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`,
  );
}

/** Waits until the server has taken notice of an answer: it then waits on its clock or has ended the subscription. */
async function whenSettled(isSettled: () => boolean): Promise<void> {
  await expect.poll(isSettled, { interval: 5 }).toBe(true);
}

async function subscribeAndShakeHands(statusFrequency = 30): Promise<Post> {
  await client.subscribe(pushSubscribe(url, statusFrequency), "alice@example.com");
  expect(clock.pending).toBe(1);
  clock.advance(0);
  const first = await nextPost();
  answer(first, "OK");
  await whenSettled(() => clock.pending === 1);
  return first;
}

describe("push notifications", () => {
  it("begin with a StatusEvent and repeat it when idle for StatusFrequency", async () => {
    const first = await subscribeAndShakeHands(10);
    expect(first.soapAction).toBe(`"${MESSAGES}/SendNotification"`);
    expect(first.body).toMatch(
      /<m:Notification><t:SubscriptionId>[^<]+<\/t:SubscriptionId><t:PreviousWatermark>.*<t:StatusEvent>/,
    );
    clock.advance(10 * MINUTE);
    expect((await nextPost()).body).toContain("<t:StatusEvent>");
  });

  it("tell events with watermarks that follow one another", async () => {
    await subscribeAndShakeHands();
    alice.addMeeting(MEETING);
    const first = await nextPost();
    expect(first.body).toMatch(
      /<t:MoreEvents>false<.*<t:CreatedEvent><t:Watermark>.*<t:FreeBusyChangedEvent><t:Watermark>/,
    );
    answer(first, "OK");
    await whenSettled(() => clock.pending === 1);
    alice.addMeeting(MEETING);
    const second = await nextPost();
    const last = [...first.body.matchAll(/<t:Watermark>([^<]+)</g)].at(-1)?.[1];
    expect(second.body).toContain(`<t:PreviousWatermark>${last}</t:PreviousWatermark>`);
  });

  it("end when the client answers Unsubscribe", async () => {
    await subscribeAndShakeHands();
    alice.addMeeting(MEETING);
    answer(await nextPost(), "Unsubscribe");
    await whenSettled(() => exchange.stats.subscriptions === 0);
  });

  it("are retried after 30, 60, 120 s and so on with what came meanwhile, and are dead after StatusFrequency", async () => {
    await subscribeAndShakeHands(5);
    alice.addMeeting(MEETING);
    for (const wait of [30_000, 60_000, 120_000]) {
      const post = await nextPost();
      post.response.writeHead(503).end();
      await whenSettled(() => clock.pending === 1);
      clock.advance(wait - 1);
      expect(posts).toHaveLength(0);
      alice.addMeeting(MEETING);
      clock.advance(1);
    }
    const last = await nextPost();
    expect(last.body.match(/<t:CreatedEvent>/g)).toHaveLength(4);
    last.response.destroy();
    await whenSettled(() => exchange.stats.subscriptions === 0);
  });

  it("are refused for senseless addresses and frequencies", async () => {
    const asAlice = { impersonate: ["SmtpAddress", "alice@example.com"] } as const;
    expect((await client.call(pushSubscribe("ftp://127.0.0.1/", 30), asAlice)).text).toContain(
      "ErrorInvalidPushSubscriptionUrl",
    );
    expect((await client.call(pushSubscribe(url, 1441), asAlice)).text).toContain("ErrorSchemaValidation");
  });
});

const skipped = whyNoSchemaCheck();
if (skipped) console.log(`push notifications not validated: ${skipped}`);

describe.skipIf(skipped !== undefined)("push notifications and Microsoft's schema", () => {
  it("are valid", async () => {
    const status = await subscribeAndShakeHands();
    alice.addMeeting(MEETING);
    expect(schemaErrors([status.body, (await nextPost()).body])).toBe("");
  });
});
