import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openSipConnection, type SipSettings } from "../../../plugins/shared-sip/open-sip-connection.ts";
import type { SipConnection } from "../../../plugins/shared-sip/sip-connection.ts";
import type { SipRequest } from "../../../plugins/shared-sip/sip-server.ts";
import { seconds } from "../../../src/lib/time.ts";
import { toGatewayError } from "../../../src/ports/errors.ts";
import type { DigestDemand } from "../../doubles/sip/digest-guard.ts";
import { type CompositorOptions, EventStateCompositor } from "../../doubles/sip/event-state-compositor.ts";
import { headerOf } from "../../doubles/sip/sip-text.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { createTestTrust, installedOf, MemoryTrustStore } from "../../doubles/trust.ts";
import { untilTrue } from "./until-true.ts";

const PUBLISH: SipRequest = {
  method: "PUBLISH",
  target: "sip:alice@example.com",
  headers: [
    ["Event", "presence"],
    ["Expires", "3600"],
  ],
  body: "<presence/>",
};
const signal = new AbortController().signal;
const cleanUps: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function startServer(options: CompositorOptions): Promise<EventStateCompositor> {
  const server = await EventStateCompositor.start(options);
  cleanUps.push(() => server.stop());
  return server;
}

async function connect(settings: SipSettings, { runtime = createTestRuntime(), trust = createTestTrust() } = {}) {
  const connection = await openSipConnection(settings, { runtime, trust }, signal);
  cleanUps.push(() => connection.stop());
  connection.start();
  return { connection, runtime };
}

const isUp = (connection: SipConnection): Promise<void> => untilTrue(() => connection.run !== undefined);
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "ok",
    (error: unknown) => toGatewayError(error).code,
  );

const LOGIN = { user: "gateway", secret: "s3cret" };
const startWithDigest = async (demand: Partial<DigestDemand>, account: Partial<typeof LOGIN> = LOGIN) => {
  const server = await startServer({ transport: "tcp", digest: { ...LOGIN, ...demand } });
  const { connection, runtime } = await connect({ server: `127.0.0.1:${server.port}`, transport: "tcp", ...account });
  await isUp(connection);
  return { server, connection, runtime };
};

describe("logging in", () => {
  it.each([
    ["MD5", [{ algorithm: "MD5", qop: "auth" }]],
    ["SHA-256", [{ algorithm: "SHA-256", qop: "auth" }]],
    ["auth-int", [{ algorithm: "MD5", qop: "auth-int" }]],
    [
      "the first of two challenges",
      [
        { algorithm: "SHA-256", qop: "auth-int" },
        { algorithm: "MD5", qop: "auth" },
      ],
    ],
  ] as const)("works with %s, and one nonce serves all requests", async (_, challenges) => {
    const { server, connection } = await startWithDigest({ challenges });
    for (let count = 0; count < 5; count++) expect((await connection.request(PUBLISH, signal)).status).toBe(200);
    expect(server.challenges).toBe(1);
    expect(headerOf(server.seen[1]?.message ?? { start: "", headers: [], body: "" }, "CSeq")).toBe("2 PUBLISH");
  });

  it("takes a new nonce when the old one is stale", async () => {
    const { server, connection } = await startWithDigest({ usesOfNonce: 2 });
    const requests = Array.from({ length: 6 }, () => connection.request(PUBLISH, signal));
    for (const { status } of await Promise.all(requests)) expect(status).toBe(200);
    expect(server.challenges).toBeGreaterThan(1);
  });

  it("is not tried again for a minute after a refusal, and no error holds the secret", async () => {
    const { server, connection, runtime } = await startWithDigest({}, { user: "gateway", secret: "wr0ng" });
    const error = await connection.request(PUBLISH, signal).catch((each: unknown) => each);
    expect(error).toMatchObject({ code: "sip-login-failed", type: "auth" });
    expect(JSON.stringify([error, String(error), runtime.events])).not.toContain("wr0ng");
    const seen = server.seen.length;
    expect(await codeOf(connection.request(PUBLISH, signal))).toBe("sip-login-failed");
    expect(server.seen).toHaveLength(seen);
    await runtime.clock.advance(seconds(61));
    await codeOf(connection.request(PUBLISH, signal));
    expect(server.seen.length).toBeGreaterThan(seen);
  });

  it("fails with words where there is no account", async () => {
    const { connection } = await startWithDigest({}, {});
    expect(await codeOf(connection.request(PUBLISH, signal))).toBe("sip-login-unsupported");
  });
});

describe("the way to the server", () => {
  it("goes by TCP for what is too long for a datagram, and by UDP where there is no TCP", async () => {
    const udp = await startServer({ transport: "udp" });
    const { connection } = await connect({ server: `127.0.0.1:${udp.port}`, transport: "udp" });
    await isUp(connection);
    const long = { ...PUBLISH, body: "x".repeat(1400) };
    expect((await connection.request(long, signal)).status).toBe(200);
    const tcp = await startServer({ transport: "tcp", port: udp.port });
    expect((await connection.request(long, signal)).status).toBe(200);
    expect((await connection.request(PUBLISH, signal)).status).toBe(200);
    expect([udp.seen.length, tcp.seen.length]).toEqual([2, 1]);
    expect(headerOf(tcp.seen[0]?.message ?? { start: "", headers: [], body: "" }, "Via")).toContain("SIP/2.0/TCP");
  });

  it("finds the servers of a domain by SRV, and goes to the next when one is gone", async () => {
    const [first, second] = [await startServer({ transport: "tcp" }), await startServer({ transport: "tcp" })];
    const asked: string[] = [];
    const { connection, runtime } = await connect({
      server: "example.com",
      transport: "tcp",
      resolveSrv: async (name) => {
        asked.push(name);
        return [
          { name: "127.0.0.1", port: second.port, priority: 20, weight: 0 },
          { name: "127.0.0.1", port: first.port, priority: 10, weight: 0 },
        ];
      },
    });
    await isUp(connection);
    const run = connection.run;
    await connection.request(PUBLISH, signal);
    await first.stop();
    await untilTrue(() => connection.run === undefined);
    await untilTrue(async () => {
      await runtime.clock.advance(100);
      return connection.run !== undefined;
    });
    await connection.request(PUBLISH, signal);
    expect(connection.run).not.toBe(run);
    expect(asked[0]).toBe("_sip._tcp.example.com");
    expect([first.seen.length, second.seen.length]).toEqual([1, 1]);
  });

  it("is protected by the gateway's trust, and shows the gateway's own certificate", async () => {
    const authority = createTlsAuthority();
    const { cert, key } = authority.issue({ names: ["127.0.0.1"] });
    const own = authority.issue({ names: ["gateway.example.com"] });
    const folder = mkdtempSync(join(tmpdir(), "sip-"));
    cleanUps.push(() => rmSync(folder, { recursive: true }));
    const [certificateFile, keyFile] = [join(folder, "own.pem"), join(folder, "own.key")];
    writeFileSync(certificateFile, own.cert);
    writeFileSync(keyFile, own.key);
    const tls = { cert, key, ca: authority.caPem, requestCert: true, rejectUnauthorized: false };
    const server = await startServer({ transport: "tls", tls });
    const settings = { server: `127.0.0.1:${server.port}`, transport: "tls" } as const;

    const stranger = await connect({ ...settings, certificateFile, keyFile });
    await untilTrue(() => stranger.connection.condition.lastError !== undefined);
    expect(stranger.connection.condition.lastError?.code).toBe("sip-tls-refused");

    const store = new MemoryTrustStore();
    await store.recordInstalled(installedOf(authority.caPem));
    const trust = createTestTrust(store);
    await trust.load();
    const { connection } = await connect({ ...settings, certificateFile, keyFile }, { trust });
    await isUp(connection);
    expect((await connection.request(PUBLISH, signal)).status).toBe(200);
    expect(server.shownNames).toEqual(["gateway.example.com"]);
    expect(connection.contact).toMatch(/^<sip:gateway@127\.0\.0\.1:\d+;transport=tls>$/);
  });

  it("is given up when a server that has answered pings stops doing so", async () => {
    const server = await startServer({ transport: "tcp" });
    const { connection, runtime } = await connect({ server: `127.0.0.1:${server.port}`, transport: "tcp" });
    await isUp(connection);
    const run = connection.run;
    for (let count = 0; count < 10; count++) await runtime.clock.advance(seconds(30));
    expect(connection.run).toBe(run);
    server.answersPings = false;
    await untilTrue(async () => {
      await runtime.clock.advance(seconds(1));
      return connection.run !== run;
    });
    expect(connection.condition.lastError?.message).toContain("stopped answering");
  });

  it.each([
    ["a server that is none", { server: "a b" }],
    ["an identity that is none", { assertedIdentity: "<sip:gateway@example.com>\r\nX: y" }],
    ["a file that is not there", { caFile: "/nowhere/ca.pem" }],
  ])("is refused with %s", async (_, settings) => {
    const opening = connect({ server: "127.0.0.1:5060", transport: "tcp", ...settings });
    expect(await codeOf(opening)).toMatch(/^sip-(request-invalid|files-unreadable)$/);
  });
});
