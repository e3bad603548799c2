import { createServer, type Server } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { ProxyRoute } from "../../../plugins/shared-http/proxy-route.ts";
import { openTunnel, ProxyError, proxyConnector } from "../../../plugins/shared-http/proxy-tunnel.ts";
import { minutes } from "../../../src/lib/time.ts";
import type { HttpProxy } from "../../../src/ports/trust.ts";
import { type ConnectProxy, type ProxyScript, startConnectProxy } from "../../doubles/connect-proxy.ts";
import { listenOnLoopback } from "../../doubles/listen-on-loopback.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";
import { createTlsAuthority } from "../../doubles/tls-authority.ts";
import { createTestTrust } from "../../doubles/trust.ts";

const { signal } = new AbortController();
const trust = createTestTrust();
const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of undo.splice(0)) await end();
});

async function proxyWith(script: ProxyScript): Promise<ConnectProxy> {
  const proxy = await startConnectProxy(script);
  undo.push(() => proxy.stop());
  return proxy;
}

/** A server that sends back what it gets. */
async function echo(): Promise<number> {
  const server: Server = createServer((socket) => socket.on("error", () => socket.destroy()).pipe(socket));
  undo.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return listenOnLoopback(server);
}

const open = (proxy: HttpProxy, port: number, abort = signal) =>
  openTunnel(proxy, { host: "server.example.com", port }, proxyConnector(trust), abort);

/** What the tunnel could not be made for. */
async function failureOf(script: ProxyScript, login: Partial<HttpProxy> = {}): Promise<string> {
  const proxy = await proxyWith(script);
  const error = await open({ url: new URL(proxy.url), ...login }, 443).then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ProxyError)) throw new Error(`no ProxyError: ${String(error)}`);
  expect(error.message).not.toMatch(/secret/);
  expect(error.proxy).toBe(new URL(proxy.url).host);
  return `${error.failure}: ${error.message}`;
}

describe("a tunnel", () => {
  it("[G6] [G7] [G8] carries bytes both ways, after a login at the proxy where it wants one", async () => {
    const proxy = await proxyWith({ login: "alice:secret" });
    const port = await echo();
    const socket = await open({ url: new URL(proxy.url), user: "alice", password: "secret" }, port);
    const answer = new Promise((resolve) => socket.once("data", (data) => resolve(data.toString())));
    socket.write("hello");
    expect(await answer).toBe("hello");
    expect(proxy.asked).toEqual([`server.example.com:${port}`]);
    socket.destroy();
  });

  it("goes by a proxy of TLS whose certificate is trusted, and by no other", async () => {
    const authority = createTlsAuthority();
    const proxy = await proxyWith({ tls: authority.issue({ names: ["localhost"] }) });
    const target = { host: "server.example.com", port: await echo() };
    const known = proxyConnector(trust, authority.caPem);
    const socket = await openTunnel({ url: new URL(proxy.url) }, target, known, signal);
    socket.destroy();
    await expect(open({ url: new URL(proxy.url) }, target.port)).rejects.toThrow(
      "its certificate's issuer was not sent and is not known here",
    );
    const foreign = await proxyWith({ tls: authority.issue({ names: ["other.example.com"] }) });
    await expect(openTunnel({ url: new URL(foreign.url) }, target, known, signal)).rejects.toThrow(
      "the server is named localhost here, its certificate is for other.example.com",
    );
  });

  it.each<readonly [string, ProxyScript, Partial<HttpProxy>, string]>([
    ["wants a login", { login: "alice:secret" }, {}, "unauthorized: it wants a login (HTTP 407)"],
    [
      "refuses the password",
      { login: "alice:secret" },
      { user: "alice", password: "secret2" },
      "unauthorized: it refused user or password (HTTP 407)",
    ],
    [
      "takes only other logins than Basic",
      { login: "alice:secret", schemes: ["Negotiate", "NTLM"] },
      { user: "alice", password: "secret2" },
      "unauthorized: it takes no Basic login, only negotiate, ntlm (HTTP 407)",
    ],
    ["forbids the server", { status: 403 }, {}, "refused: it does not connect to server.example.com:443 (HTTP 403)"],
    [
      "cannot reach the server",
      { status: 504 },
      {},
      "refused: it does not connect to server.example.com:443 (HTTP 504)",
    ],
    ["hangs up", { instead: "close" }, {}, "unavailable: it closed the connection"],
    [
      "answers garbage",
      { instead: { say: "220 mail.example.com ESMTP\r\n" } },
      {},
      "unavailable: the answer is not valid HTTP",
    ],
    [
      "answers without end",
      { instead: { say: `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}` } },
      {},
      "unavailable: the answer is not valid HTTP",
    ],
  ])("is refused with its reason when the proxy %s", async (_what, script, login, expected) => {
    expect(await failureOf(script, login)).toBe(expected);
  });

  it("is refused when nobody listens, and given up when the caller gives up on a proxy that hangs", async () => {
    const proxy = await startConnectProxy();
    await proxy.stop();
    await expect(open({ url: new URL(proxy.url) }, 443)).rejects.toMatchObject({ failure: "unavailable" });
    const silent = await proxyWith({ instead: "hang" });
    const caller = new AbortController();
    const opening = open({ url: new URL(silent.url) }, 443, caller.signal);
    const reason = new Error("enough");
    const given = expect(opening).rejects.toBe(reason);
    await expect.poll(() => silent.asked.length).toBe(1);
    caller.abort(reason);
    await given;
  });

  it("never does but succeed or reject with ProxyError, whatever the proxy says", async () => {
    const proxy = await proxyWith({});
    const bytes = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom("HTTP/1.1 ", "HTTP/1.0 200", "HTTP/1.1 407 x\r\nProxy-Authenticate: "), fc.string())
        .map((parts) => parts.join("")),
    );
    await fc.assert(
      fc.asyncProperty(bytes, async (say) => {
        proxy.script = { instead: { say } };
        const result = await open({ url: new URL(proxy.url) }, 443).catch((error: unknown) => error);
        if (!(result instanceof ProxyError)) throw new Error(String(result));
      }),
      { numRuns: 50 },
    );
  });
});

describe("a route", () => {
  it("lets a refused login rest, so that the proxy user is not locked out, but not for an administrator's test", async () => {
    const proxy = await proxyWith({ login: "alice:secret" });
    const { clock } = createTestRuntime();
    const route = new ProxyRoute({
      proxy: { url: new URL(proxy.url), user: "alice", password: "wrong" },
      trust,
      clock,
    });
    const target = { host: "server.example.com", port: await echo() };
    const all = await Promise.allSettled(Array.from({ length: 10 }, () => route.open(target)));
    expect(all.map(({ status }) => status)).toEqual(all.map(() => "rejected"));
    await expect(route.open(target)).rejects.toMatchObject({ failure: "unauthorized" });
    expect(proxy.asked).toHaveLength(1);
    await clock.advance(minutes(5));
    await expect(route.open(target)).rejects.toMatchObject({ failure: "unauthorized" });
    expect(proxy.asked).toHaveLength(2);
    proxy.script = {};
    (await route.openNow(target, signal)).destroy();
    const sockets = await Promise.all([route.open(target), route.open(target)]);
    for (const socket of sockets) socket.destroy();
    expect(proxy.asked).toHaveLength(5);
  });
});
