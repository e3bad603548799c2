import { afterEach, describe, expect, it } from "vitest";
import { warnOfExpiries } from "../../../src/admin/certificates/expiry-warnings.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { hours, type Instant, minutes, plus } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { createTestRuntime, MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { MemoryTrustStore } from "../../doubles/trust.ts";
import { bodyOf, FakeLink } from "../fake-link.ts";

const DAY = hours(24);
const CAROL = parsePresentityId("carol@example.com");
const BOB = parsePresentityId("bob@example.com");

const running: AbortController[] = [];
afterEach(() => {
  for (const each of running.splice(0)) each.abort(new Error("the test is over"));
});

function start(store: MemoryTrustStore, now = MONDAY_MORNING) {
  const runtime = createTestRuntime(now);
  const link = new FakeLink();
  const stop = new AbortController();
  running.push(stop);
  void warnOfExpiries({ store, link, admins: [CAROL, BOB], runtime }, stop.signal); // never rejects
  return { link, runtime, stop, texts: () => link.sent.map(bodyOf) };
}

const shown = (notAfter: Instant, host = "mail.example.com", sha256 = "aa") => ({
  host,
  sha256,
  subject: `CN=${host}`,
  notAfter,
  seenAt: MONDAY_MORNING,
});

async function install(store: MemoryTrustStore, notAfter: Instant): Promise<void> {
  const facts = { sha256: "bb", subject: "CN=Root", issuer: "CN=Root", notBefore: MONDAY_MORNING, notAfter };
  await store.recordInstalled([
    { ...facts, der: Buffer.of(), source: "chat", addedBy: "carol@example.com", addedAt: MONDAY_MORNING },
  ]);
}

describe("warnings of certificates that expire", () => {
  it("go to every administrator at 60, 30, 7 and 1 days, once each", async () => {
    const store = new MemoryTrustStore();
    await install(store, plus(MONDAY_MORNING, 62 * DAY));
    const { runtime, link, texts } = start(store);
    await settle();
    expect(texts()).toEqual([]);
    const told: number[] = [];
    for (let day = 62; day > -2; day--) {
      const before = link.sent.length;
      await runtime.clock.advance(DAY);
      await settle();
      if (link.sent.length > before) told.push(day - 1);
    }
    expect(told).toEqual([60, 30, 7, 1]);
    expect(link.sent.map(({ attributes }) => attributes?.["to"])).toEqual([
      CAROL,
      BOB,
      CAROL,
      BOB,
      CAROL,
      BOB,
      CAROL,
      BOB,
    ]);
    expect(texts()[0]).toMatch(
      /^Certificate CN=Root \(of the trust store\) expires on 2027-01-24, in 60 days\. SHA-256 bb/,
    );
  });

  it("are not repeated by a restart", async () => {
    const store = new MemoryTrustStore();
    await install(store, plus(MONDAY_MORNING, 5 * DAY));
    const first = start(store);
    await settle();
    expect(first.texts()).toHaveLength(2);
    first.stop.abort(new Error("stopped"));
    const second = start(store, plus(MONDAY_MORNING, hours(1)));
    await settle();
    expect(second.texts()).toEqual([]);
  });

  it("name the servers that show the certificate, and say when it has expired already", async () => {
    const store = new MemoryTrustStore();
    const end = plus(MONDAY_MORNING, -DAY);
    await store.replaceSeen("a.example.com", [shown(end, "a.example.com")]);
    await store.replaceSeen("b.example.com", [shown(end, "b.example.com")]);
    const { texts } = start(store);
    await settle();
    expect(texts()).toHaveLength(2);
    expect(texts()[0]).toMatch(/of a\.example\.com, b\.example\.com\) has expired on 2026-11-22/);
  });

  it("leave out what no server has shown for three days", async () => {
    const store = new MemoryTrustStore();
    await store.replaceSeen("a.example.com", [shown(plus(MONDAY_MORNING, 10 * DAY), "a.example.com")]);
    const { runtime, texts } = start(store, plus(MONDAY_MORNING, 4 * DAY));
    await settle();
    await runtime.clock.advance(hours(2));
    expect(texts()).toEqual([]);
  });

  it("wait for the connection, and are told when it is back", async () => {
    const store = new MemoryTrustStore();
    await install(store, plus(MONDAY_MORNING, 5 * DAY));
    const runtime = createTestRuntime();
    const link = new FakeLink();
    link.failure = new GatewayError("offline", { type: "wait", code: "xmpp-offline" });
    const stop = new AbortController();
    running.push(stop);
    void warnOfExpiries({ store, link, admins: [CAROL], runtime }, stop.signal); // never rejects
    await settle();
    expect(store.warnings).toEqual([]);
    link.failure = undefined;
    await runtime.clock.advance(minutes(1));
    await settle();
    expect(link.sent).toHaveLength(1);
    expect(store.warnings).toEqual([{ sha256: "bb", days: 7 }]);
  });
});
