import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "./clock.ts";
import { availabilityRequest, envelope, streamingEvents, streamingSubscribe } from "./ews-requests.ts";
import { type ExchangeOptions, type SimulatedExchange, startExchange } from "./exchange.ts";
import { getFolderRequest } from "./item-requests.ts";
import { TestClient } from "./test-client.ts";
import type { ExchangeVersion } from "./versions.ts";

let exchange: SimulatedExchange;
let client: TestClient;

async function start(options: Partial<ExchangeOptions> = {}): Promise<void> {
  const accounts = [
    { user: "EXAMPLE\\svc", password: "pa:ss", mayImpersonate: true },
    { user: "plain", password: "pw" },
  ];
  exchange = await startExchange({ accounts, ...options });
  client = new TestClient(exchange);
  exchange.addMailbox("alice@example.com", { sid: "S-1-5-21-7", principalName: "al@corp.example.com" });
}

beforeEach(() => start());

afterEach(async () => {
  client.close();
  await exchange.stop();
});

const service = { user: "svc", password: "pa:ss" };
const ASK = availabilityRequest(["alice@example.com"]);
const asAlice = (kind = "PrimarySmtpAddress", value = "alice@example.com") => ({ impersonate: [kind, value] as const });
const codeOf = (text: string): string | undefined => /ResponseCode[^>]*>(\w+)</.exec(text)?.[1];
const ask = (): ReturnType<TestClient["call"]> => client.call(ASK, service);

describe("authentication and impersonation", () => {
  it("takes a user with and without domain and refuses a wrong or missing password with a challenge", async () => {
    expect((await client.call(ASK, { user: "example\\SVC", password: "pa:ss" })).status).toBe(200);
    expect((await ask()).status).toBe(200);
    const refused = await client.call(ASK, { user: "svc", password: "pa" });
    expect(refused.status).toBe(401);
    expect(refused.headers["www-authenticate"]).toBe('Basic realm="exchange"');
    expect((await client.call(ASK, { headers: { Authorization: "" } })).status).toBe(401);
    expect(exchange.stats.refusalsOf("http-401")).toBe(2);
  });

  it("finds the impersonated mailbox by each identity", async () => {
    const identities = [
      ["PrimarySmtpAddress", "Alice@example.com"],
      ["SmtpAddress", "alice@example.com"],
      ["PrincipalName", "al@corp.example.com"],
      ["SID", "S-1-5-21-7"],
    ] as const;
    for (const identity of identities) {
      const answer = await client.call(streamingSubscribe(), { ...service, impersonate: identity });
      expect(codeOf(answer.text)).toBe("NoError");
    }
  });

  it("refuses impersonation without the role, and of nobody", async () => {
    const denied = await client.call(ASK, { user: "plain", password: "pw", ...asAlice() });
    expect([denied.status, codeOf(denied.text)]).toEqual([500, "ErrorImpersonateUserDenied"]);
    const nobody = await client.call(ASK, { ...service, ...asAlice("SmtpAddress", "nobody@example.com") });
    expect(codeOf(nobody.text)).toBe("ErrorNonExistentMailbox");
  });
});

describe("versions", () => {
  it.each<[ExchangeVersion, string, string, string]>([
    ["exchange2010sp1", 'MajorVersion="14" MinorVersion="1"', "Exchange2010_SP1", "Exchange2010_SP2"],
    ["exchange2010sp2", 'MajorVersion="14" MinorVersion="2"', "Exchange2010_SP2", "Exchange2013"],
    ["exchange2013sp1", 'MajorVersion="15" MinorVersion="0"', "Exchange2013_SP1", "Exchange2016"],
    ["exchange2016", 'MajorVersion="15" MinorVersion="1"', "Exchange2016", "V2099_01_01"],
    ["exchange2019", 'MajorVersion="15" MinorVersion="2"', "V2017_07_11", "Nonsense"],
  ])("%s says who it is and refuses newer requests", async (version, info, newest, tooNew) => {
    await exchange.stop();
    await start({ version });
    const answer = await client.call(ASK, { ...service, version: newest });
    expect(answer.text).toContain(info);
    expect(codeOf(answer.text)).toBe("NoError");
    expect(codeOf((await client.call(ASK, { ...service, version: tooNew })).text)).toBe("ErrorInvalidServerVersion");
  });
});

describe("HTTP", () => {
  it("answers at its path in any case and nowhere else, POST of XML only", async () => {
    const base = new URL(exchange.url);
    const headers = { Authorization: `Basic ${btoa("svc:pa:ss")}`, "Content-Type": "text/xml" };
    const status = async (path: string, init: RequestInit): Promise<number> =>
      (await fetch(new URL(path, base), { headers, ...init })).status;
    const post = { method: "POST", body: envelope(ASK) };
    expect(await status("/ews/EXCHANGE.asmx?a=b", post)).toBe(200);
    expect(await status("/ews/other", post)).toBe(404);
    expect(await status("/ews/exchange.asmx", {})).toBe(405);
    const json = { ...headers, "Content-Type": "application/json" };
    expect(await status("/ews/exchange.asmx", { ...post, headers: json })).toBe(415);
  });

  it("refuses requests over 4 MB and goes on with the connection", async () => {
    expect((await client.post(Buffer.alloc(5_000_000, 32), service)).status).toBe(413);
    expect((await ask()).status).toBe(200);
    expect(exchange.stats.connectionsAccepted).toBe(1);
  });

  it.each([
    ["a DOCTYPE", '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'],
    ["text that is not XML", "hello"],
    ["another document", "<x/>"],
    ["an operation of another namespace", envelope("<GetFolder/>")],
    ["depth without end", "<x>".repeat(5000)],
    ["bytes that are not UTF-8", Buffer.from([0x3c, 0x78, 0xff, 0x3e])],
    ["nothing", ""],
  ])("refuses %s as ErrorSchemaValidation", async (_what, body) => {
    const answer = await client.post(body, service);
    expect([answer.status, codeOf(answer.text)]).toEqual([500, "ErrorSchemaValidation"]);
  });
});

describe("ordered faults", () => {
  it("are busy in three forms, with and without a time to wait, then right again", async () => {
    exchange.faults.serverBusy({ backOffMilliseconds: 1500 });
    exchange.faults.serverBusy({ form: "inner200" });
    exchange.faults.serverBusy({ form: "http503", times: 2 });
    const fault = await ask();
    expect([fault.status, codeOf(fault.text)]).toEqual([500, "ErrorServerBusy"]);
    expect(fault.text).toContain('<t:Value Name="BackOffMilliseconds">1500</t:Value>');
    const inner = await ask();
    expect([inner.status, codeOf(inner.text)]).toEqual([200, "ErrorInternalServerError"]);
    expect(inner.text).toContain('Name="InnerErrorResponseCode">ErrorServerBusy<');
    expect([(await ask()).status, (await ask()).status, (await ask()).status]).toEqual([503, 503, 200]);
    expect(exchange.stats.refusalsOf("server-busy")).toBe(4);
  });

  it("are 401, 403, a web page and a fault without detail that comes with 200", async () => {
    exchange.faults.unauthorized();
    exchange.faults.forbidden();
    exchange.faults.html();
    exchange.faults.faultWithoutDetail200();
    expect([(await ask()).status, (await ask()).status]).toEqual([401, 403]);
    const page = await ask();
    expect(page.headers["content-type"]).toContain("text/html");
    const fault = await ask();
    expect(fault.status).toBe(200);
    expect(fault.text).toContain("<s:Fault>");
    expect(fault.text).not.toContain("<detail>");
  });

  it("hit the operation they are meant for", async () => {
    exchange.faults.unauthorized({ operation: "Subscribe" });
    expect((await ask()).status).toBe(200);
    expect((await client.call(streamingSubscribe(), { ...service, ...asAlice() })).status).toBe(401);
  });

  it("cut an answer with and without the end of the connection", async () => {
    const whole = (await ask()).text;
    exchange.faults.truncated(1);
    exchange.faults.truncated(1, "connection");
    const complete = await ask();
    expect(complete.isComplete).toBe(true);
    const broken = await ask();
    expect(broken.isComplete).toBe(false);
    expect(whole.startsWith(complete.text) && whole.startsWith(broken.text.trimEnd())).toBe(true);
    expect(complete.text.length).toBeLessThan(whole.length);
  });

  it("send an answer in single bytes, or made very long", async () => {
    const whole = (await ask()).text;
    exchange.faults.cutChunks(1);
    const cut = await ask();
    expect(cut.headers["content-length"]).toBeUndefined();
    expect(cut.text).toBe(whole);
    exchange.faults.clear();
    exchange.faults.oversizedAnswer(2_000_000);
    expect((await ask()).text.length).toBeGreaterThan(2_000_000);
  });

  it("never answer, reset the connection, or wait", async () => {
    exchange.faults.hang();
    const hanging = ask();
    exchange.faults.drop();
    await expect(ask()).rejects.toThrow();
    exchange.faults.slow(5);
    expect((await ask()).status).toBe(200);
    exchange.faults.dropConnections();
    await expect(hanging).rejects.toThrow();
  });
});

describe("throttling budgets", () => {
  it("refuse more requests at a time than EWSMaxConcurrency, impersonated ones by mailbox", async () => {
    await exchange.stop();
    const clock = new ManualClock(0);
    await start({ budgets: { maxConcurrency: 2 }, clock });
    exchange.faults.slow(1000);
    const codes = [ask(), ask(), ask(), client.call(ASK, { ...service, ...asAlice() })].map(async (answer) =>
      codeOf((await answer).text),
    );
    expect(await Promise.race(codes)).toBe("ErrorExceededConnectionCount");
    await expect.poll(() => clock.pending).toBe(3);
    clock.advance(1000);
    expect((await Promise.all(codes)).filter((code) => code === "NoError")).toHaveLength(3);
    expect(exchange.stats.maxInFlight).toBeGreaterThanOrEqual(3);
  });

  it("refuse more subscriptions to a mailbox than EWSMaxSubscriptions and take them back", async () => {
    await exchange.stop();
    await start({ budgets: { maxSubscriptions: 1 } });
    exchange.addMailbox("bob@example.com");
    const subscribe = async (smtp: string): Promise<string | undefined> =>
      codeOf((await client.call(streamingSubscribe(), { ...service, ...asAlice("SmtpAddress", smtp) })).text);
    expect(await subscribe("alice@example.com")).toBe("NoError");
    expect(await subscribe("alice@example.com")).toBe("ErrorExceededSubscriptionCount");
    expect(await subscribe("bob@example.com")).toBe("NoError");
    exchange.faults.endSubscriptions("alice@example.com", "ErrorReadEventsFailed");
    expect(await subscribe("alice@example.com")).toBe("NoError");
  });

  it("charge everything to the calling account in Exchange 2010", async () => {
    await exchange.stop();
    await start({ version: "exchange2010sp1", budgets: { maxSubscriptions: 1 } });
    exchange.addMailbox("bob@example.com");
    const options = { ...service, version: "Exchange2010_SP1" };
    await client.call(streamingSubscribe(), { ...options, ...asAlice() });
    const second = await client.call(streamingSubscribe(), {
      ...options,
      ...asAlice("SmtpAddress", "bob@example.com"),
    });
    expect(codeOf(second.text)).toBe("ErrorExceededSubscriptionCount");
  });

  it("refuse more streaming connections than HangingConnectionLimit, three in Exchange 2013", async () => {
    await exchange.stop();
    await start({ version: "exchange2013sp1" });
    const answer = await client.call(streamingSubscribe(), { ...service, ...asAlice() });
    const id = /SubscriptionId>([^<]+)</.exec(answer.text)?.[1] ?? "";
    const open = () => client.stream(streamingEvents([id]), { ...service, ...asAlice() });
    const streams = [open(), open(), open()];
    for (const stream of streams) expect(await stream.next()).toContain(">OK<");
    const refused = open();
    expect(await refused.next()).toContain("ErrorExceededConnectionCount");
    expect(exchange.stats.streamingConnections).toBe(3);
  });

  it("charge subscriptions to the mailbox since Exchange 2010 SP2 RU4, and requests still to the account", async () => {
    await exchange.stop();
    const clock = new ManualClock(0);
    await start({ version: "exchange2010sp3", budgets: { maxSubscriptions: 1, maxConcurrency: 1 }, clock });
    exchange.addMailbox("bob@example.com");
    const subscribe = async (smtp: string): Promise<string | undefined> => {
      const options = { ...service, version: "Exchange2010_SP1", ...asAlice("SmtpAddress", smtp) };
      return codeOf((await client.call(streamingSubscribe(), options)).text);
    };
    expect([await subscribe("alice@example.com"), await subscribe("bob@example.com")]).toEqual(["NoError", "NoError"]);
    exchange.faults.slow(1000);
    const slow = subscribe("alice@example.com");
    await expect.poll(() => clock.pending).toBe(1);
    expect(await subscribe("bob@example.com")).toBe("ErrorExceededConnectionCount");
    clock.advance(1000);
    expect(await slow).toBe("ErrorExceededSubscriptionCount");
    expect(exchange.stats.throttled).toEqual({ request: 1, subscription: 1 });
    expect(exchange.stats.mostUsed).toEqual({ request: 1, subscription: 1 });
  });

  it.each([
    ["fault500", 500],
    ["inner200", 200],
    ["http503", 503],
  ] as const)(
    "lock out whoever has spent more time than EwsCutoffBalance, until it is recharged (%s)",
    async (form, status) => {
      await exchange.stop();
      const clock = new ManualClock(0);
      // A burst of 10 s and a cut-off of 20 s: thirty calls of a second, and the one that exceeds them.
      const time = { maxBurst: 10_000, cutoffBalance: 20_000, rechargeRate: 3_600_000, cost: () => 1000, form };
      await start({ budgets: { time }, clock });
      for (let count = 0; count < 31; count += 1) expect((await ask()).status).toBe(200);
      const refused = await ask();
      expect(refused.status).toBe(status);
      if (form === "http503") expect(refused.headers["retry-after"]).toBe("21");
      else expect(refused.text).toContain('Name="BackOffMilliseconds">21000<');
      expect((await client.call(ASK, { ...service, ...asAlice() })).text).toContain("NoError");
      clock.advance(20_999);
      expect((await ask()).text).not.toContain("NoError");
      clock.advance(1);
      expect((await ask()).text).toContain("NoError");
      expect(exchange.stats.throttled).toEqual({ time: 2 });
      expect(exchange.stats.refusalsOf("server-busy")).toBe(2);
    },
  );

  it("are without limit when that is said", async () => {
    await exchange.stop();
    await start({ budgets: { maxSubscriptions: "unlimited", maxConcurrency: "unlimited" } });
    for (let count = 0; count < 20; count += 1) {
      await client.call(streamingSubscribe(), { ...service, ...asAlice() });
    }
    expect(exchange.stats.subscriptions).toBe(20);
  });
});

describe("statistics", () => {
  it("count requests by operation and refusals by code", async () => {
    await client.call(getFolderRequest('<t:DistinguishedFolderId Id="calendar"/>'), service);
    expect(exchange.stats.requestsOf("GetFolder")).toBe(1);
    expect(exchange.stats.refusalsOf("ErrorNonExistentMailbox")).toBe(1);
  });
});
