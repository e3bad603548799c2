import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import definition from "../../../plugins/calendar-ews/index.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import type { CalendarSource } from "../../../src/ports/calendar-source.ts";
import { BearerAuthenticator, FULL_ACCESS } from "../../doubles/exchange/bearer-authentication.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../../doubles/exchange/exchange.ts";
import type { Application } from "../../doubles/microsoft/entra.ts";
import { type CloudFront, startCloudFront } from "../../doubles/microsoft/https-front.ts";
import { MicrosoftCloud } from "../../doubles/microsoft/microsoft-cloud.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { addMailboxes, createContext, gatewayError } from "./scenario.ts";

const CLIENT = "cccccccc-0000-4000-8000-00000000000c";
const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), "ews-tokens-"));
let exchange: SimulatedExchange;
let cloud: MicrosoftCloud;
let front: CloudFront;
let application: Application;
let source: CalendarSource;
const runtime = createTestRuntime();

beforeEach(async () => {
  const clock = followClock(runtime.clock);
  const resources: string[] = [];
  application = { client: CLIENT, secret: "right", roles: [FULL_ACCESS] };
  const tenant = { id: "t", domain: "example.onmicrosoft.com", applications: [application], resources };
  cloud = new MicrosoftCloud({ tenant, clock });
  front = await startCloudFront(cloud);
  let audience = "";
  const authenticator = {
    authenticate: (request: Parameters<BearerAuthenticator["authenticate"]>[0]) =>
      new BearerAuthenticator({ audience, now: () => runtime.clock.now() }).authenticate(request),
  };
  exchange = await startExchange({ accounts: [], authenticator, clock });
  audience = new URL(exchange.url).origin;
  resources.push(audience);
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, front.caPem);
  const given = {
    auth: "oauth",
    url: exchange.url,
    tenant: "example.onmicrosoft.com",
    client: CLIENT,
    secret: "right",
    "login-url": front.url,
    ca,
  };
  source = definition.create(definition.options.parse(given), createContext(runtime));
  await source.start(signal);
  return async () => {
    await source.stop();
    await exchange.stop();
    await front.stop();
  };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fetch = () => {
  const start = runtime.clock.now();
  return source.fetchBusyTime(addMailboxes(exchange, 2), { start, end: plus(start, hours(24)) }, signal);
};

describe("EWS with tokens of Microsoft Entra ID", () => {
  it("[G9] [G10] has one token for the server's own origin, and reads with it", async () => {
    expect((await fetch()).every((result) => "intervals" in result)).toBe(true);
    await fetch();
    expect(cloud.entra.posts).toEqual([
      { scope: expect.stringContaining(`${new URL(exchange.url).origin}/.default`), way: "secret" },
    ]);
  });

  it("says what Entra ID says of the secret, and asks again after a stop and a start", async () => {
    application.secret = "another";
    expect(await gatewayError(fetch())).toMatchObject({ code: "entra-wrong-secret", type: "auth" });
    await source.stop();
    application.secret = "right";
    await source.start(signal);
    expect(await fetch()).toHaveLength(2);
  });
});
