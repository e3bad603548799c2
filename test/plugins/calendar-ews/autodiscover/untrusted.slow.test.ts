import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseMailbox } from "../../../../src/core/addresses.ts";
import type { CalendarSource } from "../../../../src/ports/calendar-source.ts";
import { type SimulatedExchange, startExchange } from "../../../doubles/exchange/exchange.ts";
import { createTestRuntime } from "../../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../../doubles/tls-authority.ts";
import { ACCOUNT, createContext, createEwsSource, gatewayError, startWatch, until } from "../scenario.ts";

const ALICE = parseMailbox("alice@example.com");
const signal = new AbortController().signal;
const trusted = createTlsAuthority("Example Private CA");
const stranger = createTlsAuthority("Somebody Else's CA");

let folder: string;
let [configured, other]: SimulatedExchange[] = [];
let source: CalendarSource;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "autodiscover-tls-"));
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, trusted.caPem);
  configured = await startExchange({ accounts: [ACCOUNT], tls: trusted.issue({ names: ["localhost"] }) });
  other = await startExchange({ accounts: [ACCOUNT], tls: stranger.issue({ names: ["localhost"] }) });
  for (const each of [configured, other]) {
    each.addMailbox(ALICE);
    each.autodiscover.offers = ["soap"];
  }
  const login = { url: configured.url, account: ACCOUNT.user, password: ACCOUNT.password };
  source = createEwsSource({ ...login, ca, autodiscover: "on" }, createContext(createTestRuntime()));
  await source.start(signal);
});
afterEach(async () => {
  await source.stop();
  await configured?.stop();
  await other?.stop();
  rmSync(folder, { recursive: true });
});

describe("[R4] a server whose certificate is not trusted", () => {
  it("is sent nothing by an Autodiscover that is redirected to it", async () => {
    configured?.autodiscover.set(ALICE, { redirectUrl: new URL("/autodiscover/autodiscover.svc", other?.url).href });
    const error = await gatewayError(source.locateMailboxes?.([ALICE], signal) ?? Promise.resolve());
    expect(error).toMatchObject({ code: "ews-tls" });
    expect(other?.stats.requests).toEqual({});
    expect(other?.stats.refusals).toEqual({});
  });

  it("is sent nothing by a watch that Autodiscover leads to it; then the configured one serves", async () => {
    configured?.autodiscover.set(ALICE, { externalEwsUrl: other?.url ?? "" });
    await source.locateMailboxes?.([ALICE], signal);
    const failing = startWatch(source, [ALICE]);
    await failing.ended;
    expect(failing.error).toMatchObject({ code: "ews-tls" });
    expect(other?.stats.requests).toEqual({});
    const watch = startWatch(source, [ALICE]);
    await until(() => watch.words.includes("all"));
    expect(configured?.stats.subscriptions).toBe(1);
    watch.stop();
    await watch.ended;
  });
});
