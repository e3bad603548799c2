import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seconds } from "../../../src/lib/time.ts";
import type { TestStep } from "../../../src/ports/calendar-source.ts";
import { type MadeCertificate, makeCertificate, makeKey, makeRoot } from "../../doubles/certificate-maker.ts";
import { startConnectProxy } from "../../doubles/connect-proxy.ts";
import { startExchange } from "../../doubles/exchange/exchange.ts";
import { listenOnLoopback } from "../../doubles/listen-on-loopback.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { startPlainServer, startTlsServer } from "../../doubles/tls-server.ts";
import { ACCOUNT, createContext, createEwsSource, until } from "./scenario.ts";

const STATUS = "Exchange SSL Connection/Certificate Verification";
const root = makeRoot("Example Root");
const { signal } = new AbortController();

let folder: string;
const undo: (() => void | Promise<void>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ews-words-"));
});
afterEach(async () => {
  for (const end of undo.splice(0)) await end();
  rmSync(folder, { recursive: true });
});

function listen(server: Server): Promise<number> {
  undo.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return listenOnLoopback(server);
}

/** The steps of a test of the URL, where this certificate is trusted. */
async function testSteps(
  url: string,
  known: MadeCertificate,
  more: Record<string, string> = {},
  runtime = createTestRuntime(),
) {
  const ca = join(folder, "ca.pem");
  writeFileSync(ca, known.pem);
  const login = { url, account: ACCOUNT.user, password: ACCOUNT.password, ca, ...more };
  const source = createEwsSource(login, createContext(runtime));
  await source.start(signal);
  const steps: TestStep[] = [];
  for await (const step of source.test?.({}, signal) ?? []) steps.push(step);
  await source.stop();
  return steps;
}

async function tlsDetail(chain: readonly MadeCertificate[], known = root): Promise<string | undefined> {
  const server = await startTlsServer(chain);
  undo.push(server.close);
  const steps = await testSteps(`https://localhost:${server.port}`, known);
  expect(steps.at(-1)).toMatchObject({ step: "TLS", ok: false });
  return steps.at(-1)?.detail;
}

describe("the TLS step of a server's test", () => {
  it("[T7] shows both fingerprints of a key that was made anew, and names an algorithm that is too weak", async () => {
    const own = { commonName: "localhost", names: ["localhost"] };
    const [before, after] = [makeCertificate(own), makeCertificate(own)];
    const renewed = await tlsDetail([after], before);
    expect(renewed).toContain(`${STATUS} Failed - Bad Certificates: `);
    expect(renewed).toContain(before.sha256);
    expect(renewed).toContain(after.sha256);
    const weak = await tlsDetail([makeCertificate({ ...own, issuer: root, hash: "sha1" })]);
    expect(weak).toMatch(/Failed - Bad Certificates: .*signed with SHA-1.*\(ews-tls\)$/);
    const small = await tlsDetail([makeCertificate({ ...own, issuer: root, key: makeKey(1024) })]);
    expect(small).toMatch(/Failed - Bad Certificates: .*rsa key has 1024 bits/);
  });

  it("[T6] lists the names of the certificate beside the one that was asked for", async () => {
    const other = makeCertificate({ names: ["mail.example.com", "*.example.org"], issuer: root });
    expect(await tlsDetail([other])).toMatch(
      /^Exchange SSL Connection\/Certificate Verification Failed - SAN Mismatch: .*named localhost here.*mail\.example\.com, \*\.example\.org/,
    );
  });

  it("[T8] is a network error, with its reason and time, where nobody answers or what answers is no TLS", async () => {
    const plain = await startPlainServer("220 mail.example.com ESMTP\r\n");
    undo.push(plain.close);
    const steps = await testSteps(`https://localhost:${plain.port}`, root);
    expect(steps.at(-1)?.detail).toMatch(/Verification Failed - Network Error: .*does not speak TLS; .*\(ews-tls\)$/);
    let hasHello = false;
    const silent = createTcpServer((socket) => {
      socket
        .on("error", () => socket.destroy())
        .on("data", () => {
          hasHello = true;
        });
    });
    const port = await listen(silent);
    const runtime = createTestRuntime();
    const testing = testSteps(`https://localhost:${port}`, root, {}, runtime);
    await until(() => hasHello);
    await runtime.clock.advance(seconds(10));
    const last = (await testing).at(-1);
    expect(last?.detail).toMatch(/Verification Failed - Network Error: .*no answer within 10 s.*\(ews-timeout\)$/);
    expect(last?.milliseconds).toBeGreaterThanOrEqual(10_000);
  });

  it("[T9] has a reason and its code where no other status fits", async () => {
    const own = makeCertificate({ names: ["localhost"], issuer: root });
    const server = createServer({
      cert: own.pem,
      key: own.keyPem,
      maxVersion: "TLSv1.2",
      ciphers: "NULL-SHA256:@SECLEVEL=0",
    });
    server.on("tlsClientError", () => undefined);
    const port = await listen(server);
    const steps = await testSteps(`https://localhost:${port}`, root);
    expect(steps.at(-1)?.detail).toMatch(
      /^Exchange SSL Connection\/Certificate Verification Failed: localhost:\d+: TLS failed \(\w+\).*\(ews-tls\)$/,
    );
  });

  it("[G6] [T3] looks at the server's certificate through the proxy, and everything after it goes there too", async () => {
    const own = makeCertificate({ commonName: "mail.example.com", names: ["mail.example.com"], issuer: root });
    const exchange = await startExchange({ accounts: [ACCOUNT], tls: { key: own.keyPem, cert: own.pem } });
    undo.push(() => exchange.stop());
    const proxy = await startConnectProxy();
    undo.push(() => proxy.stop());
    // No name server knows the name: only the proxy's connections can have been used.
    const url = new URL(exchange.url);
    url.hostname = "mail.example.com";
    const steps = await testSteps(url.href, root, { proxy: proxy.url });
    expect(steps.map(({ step, ok }) => [step, ok])).toEqual(
      ["DNS", "TCP", "proxy", "TLS", "HTTP", "login", "version"].map((step) => [step, true]),
    );
    expect(steps[3]?.detail).toMatch(
      / - Verified: TLSv1\.3, certificate for mail\.example\.com \(matched: mail\.example\.com\)/,
    );
  });
});
