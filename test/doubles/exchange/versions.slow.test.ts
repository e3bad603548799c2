import { afterEach, describe, expect, it } from "vitest";
import { availabilityRequest, pullSubscribe, pushSubscribe, streamingSubscribe } from "./ews-requests.ts";
import { type SimulatedExchange, startExchange } from "./exchange.ts";
import { TestClient } from "./test-client.ts";
import type { ExchangeVersion } from "./versions.ts";

let exchange: SimulatedExchange;
let client: TestClient;

async function start(version: ExchangeVersion): Promise<void> {
  exchange = await startExchange({ version, accounts: [{ user: "svc", password: "pw", mayImpersonate: true }] });
  client = new TestClient(exchange);
  exchange.addMailbox("alice@example.com");
}

afterEach(async () => {
  client.close();
  await exchange.stop();
});

const ASK = availabilityRequest(["alice@example.com"]);
const codeOf = (text: string): string | undefined => /ResponseCode[^>]*>(\w+)</.exec(text)?.[1];

async function answer(body: string, version = "Exchange2007_SP1", kind = "PrimarySmtpAddress"): Promise<string> {
  const options = { user: "svc", password: "pw", version, impersonate: [kind, "alice@example.com"] as const };
  return (await client.call(body, options)).text;
}

const withoutFreeBusy = (body: string): string => body.replace("<t:EventType>FreeBusyChangedEvent</t:EventType>", "");

describe("Exchange 2007", () => {
  it("says who it is and knows its own versions only, by its schema", async () => {
    await start("exchange2007sp1");
    expect(await answer(ASK)).toContain('MajorVersion="8" MinorVersion="1"');
    expect(codeOf(await answer(ASK, "Exchange2007"))).toBe("NoError");
    const newer = await answer(ASK, "Exchange2010");
    expect([codeOf(newer), newer.includes("ExchangeVersionType")]).toEqual(["ErrorSchemaValidation", true]);
  });

  it("wants a time zone for availability, and knows no SmtpAddress", async () => {
    await start("exchange2007sp1");
    const zoneless = availabilityRequest(["alice@example.com"], { zone: "" });
    expect(codeOf(await answer(zoneless))).toBe("ErrorSchemaValidation");
    expect(codeOf(await answer(ASK, "Exchange2007_SP1", "SmtpAddress"))).toBe("ErrorSchemaValidation");
  });

  it("has push and pull without FreeBusyChanged, and no streaming", async () => {
    await start("exchange2007sp1");
    const push = pushSubscribe("http://127.0.0.1:9/", 30);
    for (const subscribe of [push, pullSubscribe(30)]) {
      expect(codeOf(await answer(subscribe))).toBe("ErrorSchemaValidation");
      expect(codeOf(await answer(withoutFreeBusy(subscribe)))).toBe("NoError");
    }
    expect(codeOf(await answer(withoutFreeBusy(streamingSubscribe())))).toBe("ErrorSchemaValidation");
  });
});

it("Exchange SE says the version name of 2016 and a build of its own", async () => {
  await start("exchangeSe");
  const text = await answer(ASK, "Exchange2016");
  expect(text).toContain('MajorVersion="15" MinorVersion="2" MajorBuildNumber="2562"');
  expect(text).toContain('Version="V2017_07_11"');
});
