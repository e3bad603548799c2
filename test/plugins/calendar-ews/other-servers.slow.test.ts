import { createServer, type Server, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus } from "../../../src/lib/time.ts";
import type { CalendarSource } from "../../../src/ports/calendar-source.ts";
import { listenOnLoopback } from "../../doubles/listen-on-loopback.ts";
import { createTestRuntime, MONDAY_MORNING, type TestRuntime } from "../../doubles/test-runtime.ts";
import { at, soapFault } from "./answers.ts";
import { createContext, createEwsSource, gatewayError, passUntil, startWatch, until } from "./scenario.ts";

/** Servers that are not Exchange, and that are less careful than the simulated one. */

const ALICE = parseMailbox("alice@example.com");
const BOB = parseMailbox("bob@example.com");
const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

interface ScriptedServer {
  readonly source: CalendarSource;
  readonly runtime: TestRuntime;
  /** Bodies of the requests, in order. */
  readonly requests: readonly string[];
  countOf(operation: string): number;
}

type Script = (request: string, response: ServerResponse) => void;

let server: Server | undefined;
let source: CalendarSource | undefined;

afterEach(async () => {
  await source?.stop();
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

async function serve(script: Script, options: { readonly notifications?: "pull" } = {}): Promise<ScriptedServer> {
  const requests: string[] = [];
  const started = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      requests.push(body);
      script(body, response);
    });
  });
  server = started;
  const port = await listenOnLoopback(started);
  const login = { url: `http://127.0.0.1:${port}`, account: "svc", password: "pw", auth: "basic" } as const;
  const runtime = createTestRuntime();
  source = createEwsSource({ ...login, ...options }, createContext(runtime));
  await source.start(new AbortController().signal);
  return {
    source,
    runtime,
    requests,
    countOf: (operation) => requests.filter((body) => body.includes(`<m:${operation}>`)).length,
  };
}

const soap = (body: string): string =>
  `<SOAP:Envelope xmlns:SOAP="http://schemas.xmlsoap.org/soap/envelope/"><SOAP:Header/><SOAP:Body>${body}</SOAP:Body></SOAP:Envelope>`;

const answer = (operation: string, content: string, responseClass = "Success"): string =>
  soap(
    `<m:${operation}Response xmlns:m="urn:m" xmlns:t="urn:t"><m:ResponseMessages><m:${operation}ResponseMessage ResponseClass="${responseClass}">${content}</m:${operation}ResponseMessage></m:ResponseMessages></m:${operation}Response>`,
  );

const frame = (content: string, responseClass = "Success"): string =>
  answer("GetStreamingEvents", content, responseClass);

const OK = "<m:ResponseCode>NoError</m:ResponseCode>";

/** Answers Subscribe with the impersonated mailbox as id, and everything else by `stream`. */
const subscribing =
  (stream: Script): Script =>
  (request, response) => {
    const mailbox = /<t:PrimarySmtpAddress>(.*?)</.exec(request)?.[1] ?? "";
    if (request.includes("<m:Subscribe>"))
      response.end(answer("Subscribe", `${OK}<m:SubscriptionId>${mailbox}</m:SubscriptionId>`));
    else if (request.includes("<m:Unsubscribe>")) response.end(answer("Unsubscribe", OK));
    else stream(request, response);
  };

const notification = (id: string, event: string): string =>
  `${OK}<m:Notifications><m:Notification><t:SubscriptionId>${id}</t:SubscriptionId><t:${event}/></m:Notification></m:Notifications>`;

describe("a server that is not Exchange", () => {
  it("is asked at /EWS/Exchange.asmx when only its name is given, and read without header, version or content type", async () => {
    let path: string | undefined;
    const { source: ews } = await serve((_request, response) => {
      path = response.req.url;
      response.end(
        soap(
          '<m:GetUserAvailabilityResponse xmlns:m="urn:m" xmlns:t="urn:t"><m:FreeBusyResponseArray><m:FreeBusyResponse><m:FreeBusyView>' +
            "<t:FreeBusyViewType>Detailed</t:FreeBusyViewType><t:CalendarEventArray><t:CalendarEvent><t:StartTime>2026-11-23T11:00:00+0100</t:StartTime>" +
            "<t:EndTime>2026-11-23T12:00:00+01:00</t:EndTime><t:BusyType>Busy</t:BusyType></t:CalendarEvent></t:CalendarEventArray></m:FreeBusyView></m:FreeBusyResponse>" +
            "</m:FreeBusyResponseArray></m:GetUserAvailabilityResponse>",
        ),
      );
    });
    expect(await ews.fetchBusyTime([ALICE], WINDOW, new AbortController().signal)).toEqual([
      {
        mailbox: ALICE,
        intervals: [{ start: at("2026-11-23T10:00:00Z"), end: at("2026-11-23T11:00:00Z"), status: "busy" }],
      },
    ]);
    expect(path).toBe("/EWS/Exchange.asmx");
    expect(ews.health()).toMatchObject({ state: "ok", detail: expect.stringContaining("version unknown") });
  });

  it.each(["ErrorInvalidSubscriptionRequest", "ErrorSchemaValidation"])(
    "and refuses the event FreeBusyChanged (%s) is asked for items' events, and told so once",
    async (code) => {
      const accept = subscribing((_request, response) =>
        response.write(frame(notification("bob@example.com", "MovedEvent"))),
      );
      const { source: ews, countOf } = await serve((request, response) => {
        if (!request.includes("FreeBusyChangedEvent")) return accept(request, response);
        response.writeHead(500).end(soapFault(code));
      });
      const watch = startWatch(ews, [ALICE, BOB]);
      await until(() => watch.words.includes("changed bob@example.com"));
      expect(watch.words).toEqual(["all", "changed bob@example.com"]);
      expect(countOf("Subscribe")).toBe(3);
      watch.stop();
      await watch.ended;
    },
  );

  it("that tells lost subscriptions beside a connection status is understood", async () => {
    const { source: ews, requests } = await serve(
      subscribing((_request, response) =>
        response.write(
          frame(
            "<m:ResponseCode>ErrorInvalidSubscription</m:ResponseCode><m:ErrorSubscriptionIds><m:SubscriptionId>alice@example.com</m:SubscriptionId></m:ErrorSubscriptionIds><m:ConnectionStatus>OK</m:ConnectionStatus>",
            "Error",
          ),
        ),
      ),
    );
    const watch = startWatch(ews, [ALICE]);
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-subscription-lost", type: "wait" });
    expect(requests).toHaveLength(2);
  });

  it("that ends every connection at once is not asked again at once", async () => {
    const { source: ews, countOf } = await serve(
      subscribing((_request, response) => response.end(frame(`${OK}<m:ConnectionStatus>Closed</m:ConnectionStatus>`))),
    );
    const watch = startWatch(ews, [ALICE]);
    await watch.ended;
    expect(watch.words).toEqual(["all"]);
    expect(watch.error).toMatchObject({ code: "ews-unavailable", type: "wait" });
    expect(countOf("GetStreamingEvents")).toBe(1);
  });

  it("that closes a connection without a word is a lost connection", async () => {
    const { source: ews } = await serve(subscribing((_request, response) => response.end(frame(OK))));
    const watch = startWatch(ews, [ALICE]);
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-unavailable", type: "wait" });
  });

  it("whose Subscribe answer has no id fails that mailbox only", async () => {
    const accept = subscribing((_request, response) => response.write(frame(OK)));
    const { source: ews } = await serve((request, response) => {
      if (request.includes("<m:Subscribe>") && request.includes(ALICE)) response.end(answer("Subscribe", OK));
      else accept(request, response);
    });
    const watch = startWatch(ews, [ALICE, BOB]);
    await until(() => watch.words.includes("all"));
    expect(watch.words).toEqual(["failed alice@example.com ews-bad-answer", "all"]);
    watch.stop();
    await watch.ended;
  });

  it("and refuses every version is refused precisely, after three questions", async () => {
    const { source: ews, requests } = await serve((_request, response) => {
      response.writeHead(500).end(soapFault("ErrorInvalidServerVersion"));
    });
    const error = await gatewayError(ews.fetchBusyTime([ALICE], WINDOW, new AbortController().signal));
    expect(error).toMatchObject({ code: "ews-version-refused", type: "cancel" });
    expect(requests.map((body) => /Version="(.*?)"\/>/.exec(body)?.[1])).toEqual([
      "Exchange2013_SP1",
      "Exchange2010_SP1",
      "Exchange2007_SP1",
    ]);
  });
});

describe("a server that answers another mailbox's data", () => {
  const notification = (id: string): string =>
    `<m:Notification><t:SubscriptionId>${id}</t:SubscriptionId><t:PreviousWatermark>1</t:PreviousWatermark>` +
    "<t:CreatedEvent><t:Watermark>2</t:Watermark></t:CreatedEvent></m:Notification>";

  it("is refused when its events are another subscription's, and nobody is marked", async () => {
    const accept = subscribing((_request, response) =>
      response.end(answer("GetEvents", OK + notification("mallory@example.com"))),
    );
    const { source: ews, runtime } = await serve(accept, { notifications: "pull" });
    const watch = startWatch(ews, [ALICE, BOB]);
    await passUntil(runtime.clock, () => watch.words.includes("all"));
    await runtime.clock.advance(minutes(3));
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "ews-bad-answer" });
    expect(watch.words).toEqual(["all"]);
  });

  it("is not believed when it streams what nobody subscribed to", async () => {
    const accept = subscribing((_request, response) =>
      response.write(frame(`${OK}<m:Notifications>${notification("mallory")}${notification(BOB)}</m:Notifications>`)),
    );
    const { source: ews } = await serve(accept);
    const watch = startWatch(ews, [ALICE, BOB]);
    await until(() => watch.words.length > 1);
    expect(watch.words).toEqual(["all", "changed bob@example.com"]);
    watch.stop();
    await watch.ended;
  });

  it("fails for a mailbox to which it gives the subscription of another", async () => {
    const accept = subscribing((_request, response) => response.write(frame(OK)));
    const { source: ews } = await serve((request, response) => accept(request.replace(BOB, ALICE), response));
    const watch = startWatch(ews, [ALICE, BOB]);
    await until(() => watch.words.includes("all"));
    expect(watch.words).toEqual(["failed bob@example.com ews-bad-answer", "all"]);
    watch.stop();
    await watch.ended;
  });
});

describe("a hostile server", () => {
  it.each<readonly [string, (response: ServerResponse) => void, string]>([
    ["an endless answer", (response) => endless(response), "ews-bad-answer"],
    [
      "a bomb of entities",
      (response) => response.end('<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>'),
      "ews-bad-answer",
    ],
    ["what is no HTTP", (response) => response.socket?.end("HELLO\r\n\r\n"), "ews-bad-answer"],
    ["an endless page of refusal", (response) => endless(response.writeHead(403)), "ews-forbidden"],
    [
      "a redirect to elsewhere",
      (response) => response.writeHead(302, { location: "https://evil.example.com/?a" }).end(),
      "ews-not-xml",
    ],
  ])("that sends %s is refused", async (_what, send, code) => {
    const { source: ews } = await serve((_request, response) => send(response));
    expect((await gatewayError(ews.fetchBusyTime([ALICE], WINDOW, new AbortController().signal))).code).toBe(code);
  });
});

function endless(response: ServerResponse): void {
  const chunk = `<a>${"x".repeat(256 * 1024)}</a>`;
  const send = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on("drain", send);
  response.write('<s:Envelope xmlns:s="urn:s">');
  send();
}
