import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import type { CalendarSource, TestStep } from "../../../src/ports/calendar-source.ts";
import { type SimulatedExchange, startExchange } from "../../doubles/exchange/exchange.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { createTestRuntime, MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { type CertificateRequest, createTlsAuthority } from "../../doubles/tls-authority.ts";
import { createTestTrust, installedOf, MemoryTrustStore } from "../../doubles/trust.ts";
import { ACCOUNT, createContext, createEwsSource, gatewayError } from "./scenario.ts";

const ALICE = parseMailbox("alice@example.com");
const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

const authority = createTlsAuthority("Example Private CA");
let folder: string;
let ca: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ews-tls-"));
  ca = join(folder, "ca.pem");
  writeFileSync(ca, authority.caPem);
});
afterAll(() => rmSync(folder, { recursive: true }));

type Attempt = (source: CalendarSource, signal: AbortSignal, exchange: SimulatedExchange) => Promise<void>;

/** Runs the attempt against a server with such a certificate. */
async function serve(
  certificate: Partial<CertificateRequest>,
  options: { readonly ca?: string },
  attempt: Attempt,
): Promise<void> {
  const tls = authority.issue({ names: ["localhost", "mail.example.com"], ...certificate });
  const exchange = await startExchange({ accounts: [ACCOUNT], tls });
  exchange.addMailbox(ALICE);
  const login = { url: exchange.url, account: ACCOUNT.user, password: ACCOUNT.password };
  const source = createEwsSource({ ...login, ...options }, createContext(createTestRuntime()));
  const { signal } = new AbortController();
  await source.start(signal);
  try {
    await attempt(source, signal, exchange);
  } finally {
    await source.stop();
    await exchange.stop();
  }
}

const testSteps = async (source: CalendarSource, mailbox = ALICE): Promise<readonly TestStep[]> => {
  const steps: TestStep[] = [];
  for await (const step of source.test?.({ mailbox }, new AbortController().signal) ?? []) steps.push(step);
  return steps;
};

describe("TLS", () => {
  it("[T1] [T3] is trusted with the private CA of the option ca, and every step of the test tells what it found", async () => {
    await serve({}, { ca }, async (source, signal) => {
      expect(await source.fetchBusyTime([ALICE], WINDOW, signal)).toEqual([{ mailbox: ALICE, intervals: [] }]);
      const steps = await testSteps(source);
      expect(steps.map(({ step, ok }) => [step, ok])).toEqual(
        [
          ...["DNS", "TCP", "TLS", "HTTP", "login", "version", "impersonation by SMTP address"],
          ...["availability", "subscription"],
        ].map((step) => [step, true]),
      );
      const details = new Map(steps.map(({ step, detail }) => [step, detail]));
      expect(details.get("TLS")).toMatch(
        /^Exchange SSL Connection\/Certificate Verification - Verified: TLSv1\.\d, certificate for localhost, mail\.example\.com \(matched: localhost\), issued by CN=Example Private CA, valid until \d{4}-/,
      );
      expect(details.get("HTTP")).toMatch(/^Exchange Reachability \(pingable\): HTTP 401, logins offered: basic; /);
      expect(details.get("version")).toBe("Exchange 15.1.2507, asked as Exchange2013_SP1");
      expect(details.get("availability")).toBe("alice@example.com: 0 entries in the next 24 hours");
    });
  });

  it.each<readonly [string, Partial<CertificateRequest>, boolean, string, string]>([
    [
      "[T4] an unknown authority",
      {},
      false,
      "issuer was not sent and is not known here",
      "Exchange SSL Connection/Certificate Verification Failed - Certificate Missing From Chain: CN=localhost: the certificate of its issuer, CN=Example Private CA, was not sent",
    ],
    [
      "an expired certificate",
      { notBefore: new Date(0), notAfter: new Date(86_400_000) },
      true,
      "has expired",
      "has expired on 1970",
    ],
    [
      "a certificate that is not valid yet",
      { notBefore: new Date("2100-01-01"), notAfter: new Date("2101-01-01") },
      true,
      "not valid yet",
      "only from 2100-01-01",
    ],
    [
      "[T6] a certificate for another name",
      { names: ["other.example.com"] },
      true,
      "named localhost here, its certificate is for other.example.com",
      "Exchange SSL Connection/Certificate Verification Failed - SAN Mismatch: CN=other.example.com: the server is named localhost here",
    ],
  ])("refuses %s and says so", async (_what, certificate, withCa, words, status) => {
    await serve(certificate, withCa ? { ca } : {}, async (source, signal) => {
      const error = await gatewayError(source.fetchBusyTime([ALICE], WINDOW, signal));
      expect(error).toMatchObject({ code: "ews-tls", message: expect.stringContaining(words) });
      const failed = (await testSteps(source)).at(-1);
      expect(failed).toMatchObject({ step: "TLS", ok: false, detail: expect.stringContaining(status) });
      expect(failed?.detail).toContain("issued by CN=Example Private CA");
    });
  });

  it("[R9] follows the trust store: a certificate installed or removed counts for the next connection, without a restart", async () => {
    const store = new MemoryTrustStore();
    const trust = createTestTrust(store);
    const stop = new AbortController();
    const following = trust.follow(stop.signal);
    const tls = authority.issue({ names: ["localhost"] });
    const exchange = await startExchange({ accounts: [ACCOUNT], tls });
    exchange.addMailbox(ALICE);
    const login = { url: exchange.url, account: ACCOUNT.user, password: ACCOUNT.password };
    const source = createEwsSource(login, { ...createContext(createTestRuntime()), trust });
    const { signal } = new AbortController();
    await source.start(signal);
    const read = () => source.fetchBusyTime([ALICE], WINDOW, signal);
    try {
      expect(await gatewayError(read())).toMatchObject({ code: "ews-tls" });
      const installed = installedOf(authority.caPem);
      await store.recordInstalled(installed);
      await settle();
      expect(await read()).toEqual([{ mailbox: ALICE, intervals: [] }]);
      expect(store.seen.map(({ host, subject }) => [host, subject])).toEqual([["localhost", "CN=localhost"]]);
      for (const { sha256 } of installed) await store.deleteInstalled(sha256);
      await settle();
      exchange.faults.dropConnections();
      expect(await gatewayError(read())).toMatchObject({ code: "ews-tls" });
    } finally {
      await source.stop();
      await exchange.stop();
      stop.abort(new Error("over"));
      await following;
    }
  });

  it("[T5] [C11b] uses a certificate without subjectAltName only with the exception, and tells what it let pass", async () => {
    const tls = authority.issue({ names: ["localhost"], hasAltNames: false });
    const exchange = await startExchange({ accounts: [ACCOUNT], tls });
    exchange.addMailbox(ALICE);
    const login = { url: exchange.url, account: ACCOUNT.user, password: ACCOUNT.password, ca };
    const { signal } = new AbortController();
    for (const [exceptions, isRead] of [
      ["", false],
      ["sha-1, weak-key", false],
      ["Common-Name", true],
    ] as const) {
      const source = createEwsSource({ ...login, "tls-exceptions": exceptions }, createContext(createTestRuntime()));
      await source.start(signal);
      const reading = source.fetchBusyTime([ALICE], WINDOW, signal);
      if (isRead) expect(await reading).toHaveLength(1);
      else expect((await gatewayError(reading)).message).toContain("only the common name localhost");
      const step = (await testSteps(source)).find((each) => each.step === "TLS");
      expect([step?.ok, step?.detail]).toEqual([
        isRead,
        expect.stringContaining(
          isRead
            ? "Let pass by an exception"
            : "Exchange SSL Connection/Certificate Verification Failed - Subject CN Mismatch",
        ),
      ]);
      await source.stop();
    }
    await exchange.stop();
  });

  it("with a file that holds no certificate is refused at the start", async () => {
    const empty = join(folder, "empty.pem");
    writeFileSync(empty, "nothing");
    const login = { url: "https://localhost:1", account: "svc", password: "pw", ca: empty };
    const source = createEwsSource(login, createContext(createTestRuntime()));
    const error = await gatewayError(source.start(new AbortController().signal));
    expect(error).toMatchObject({ code: "ews-ca-unreadable", type: "modify", message: expect.stringContaining(empty) });
  });
});

describe("the test of a server", () => {
  it("[T2] ends with the first step that fails, and says which", async () => {
    const attempts = [
      ["https://nowhere.invalid", "DNS", "nowhere.invalid"],
      ["https://localhost:1", "TCP", "refused"],
    ] as const;
    for (const [url, step, words] of attempts) {
      const source = createEwsSource({ url, account: "svc", password: "pw" }, createContext(createTestRuntime()));
      await source.start(new AbortController().signal);
      expect((await testSteps(source)).at(-1)).toMatchObject({
        step,
        ok: false,
        detail: expect.stringMatching(new RegExp(`^Exchange Reachability \\(unreachable\\): .*${words}`)),
      });
      await source.stop();
    }
  });

  it("names a mailbox that does not exist, after everything before it went well", async () => {
    await serve({}, { ca }, async (source) => {
      const steps = await testSteps(source, parseMailbox("nobody@example.com"));
      expect(steps.at(-1)).toMatchObject({
        step: "availability",
        ok: false,
        detail: expect.stringContaining("nobody@example.com"),
      });
    });
  });

  it("leaves no subscription behind", async () => {
    await serve({}, { ca }, async (source, _signal, exchange) => {
      expect((await testSteps(source)).at(-1)).toMatchObject({ step: "subscription", ok: true });
      expect(exchange.stats.requestsOf("Subscribe")).toBe(1);
      expect(exchange.stats.subscriptions).toBe(0);
    });
  });
});
