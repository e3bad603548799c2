import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { minutes } from "../../src/lib/time.ts";
import type { InboundNotification, NotificationEndpoint } from "../../src/ports/notification-listener.ts";
import { SocketNotificationListener } from "../../src/shell/notification-listener.ts";
import { type WebhookConfig, Webhooks } from "../../src/shell/webhooks.ts";
import { createTestRuntime, type TestRuntime } from "../doubles/test-runtime.ts";
import { createTlsAuthority, type IssuedCertificate } from "../doubles/tls-authority.ts";
import { createTestTrust, MemoryTrustStore } from "../doubles/trust.ts";
import { findFreePort } from "../lab/free-ports.ts";
import { until } from "../plugins/calendar-ews/scenario.ts";
import { connect, post } from "./notification-stage.ts";

const authority = createTlsAuthority();
const stranger = createTlsAuthority("Somebody Else");

let runtime: TestRuntime;
let folder: string;
let files: { readonly certificate: string; readonly key: string };
let port: number;
let trustStore: MemoryTrustStore;
const listeners: SocketNotificationListener[] = [];
const received: InboundNotification[] = [];

beforeEach(async () => {
  runtime = createTestRuntime();
  trustStore = new MemoryTrustStore();
  folder = await mkdtemp(join(tmpdir(), "webhooks-"));
  files = { certificate: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  port = await findFreePort();
  received.length = 0;
  await write(authority.issue({ names: ["localhost", "127.0.0.1"] }));
});

afterEach(async () => {
  await Promise.all(listeners.splice(0).map((each) => each.close()));
  await rm(folder, { recursive: true });
});

const write = ({ cert, key }: IssuedCertificate): Promise<unknown> =>
  Promise.all([writeFile(files.certificate, cert), writeFile(files.key, key)]);

async function open(config: WebhookConfig, pathKey?: string): Promise<NotificationEndpoint> {
  const webhooks = Webhooks.from(
    { "webhook-listen": { host: "127.0.0.1", port }, ...config },
    { runtime, trust: createTestTrust(trustStore) },
  );
  const listener = new SocketNotificationListener({
    runtime,
    listen: "127.0.0.1",
    address: "127.0.0.1",
    port: () => port,
    webhooks,
  });
  listeners.push(listener);
  const receive = (notification: InboundNotification): { status: number; contentType: string; body: string } => {
    received.push(notification);
    return { status: 202, contentType: "text/plain", body: notification.query ?? "" };
  };
  return listener.open({ transport: "https", sources: [], receive, pathKey }, new AbortController().signal);
}

/** The status and the headers, or the error's code. */
const secure = (url: string, ca = authority.caPem, body = "{}"): Promise<string> =>
  new Promise((resolve) => {
    const sent = httpsRequest(url, { method: "POST", ca, agent: false }, (response) => {
      response.resume();
      const { statusCode, headers } = response;
      resolve(`${statusCode} ${headers["content-type"] ?? ""} ${headers["x-content-type-options"] ?? ""}`.trim());
    });
    sent.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    sent.end(body);
  });

const events = (): readonly string[] => runtime.events.map(({ event }) => event);

describe("a webhook with our own certificate", () => {
  it("has administrators told before it ends, the renewed one too", async () => {
    await open(files);
    const noted = (): readonly string[] => trustStore.seen.map(({ host, sha256 }) => `${host} ${sha256}`);
    const [first] = noted();
    expect(first).toMatch(/^the webhook [0-9a-f]{64}$/);
    await write(authority.issue({ names: ["localhost", "127.0.0.1"] }));
    await runtime.clock.advance(minutes(1));
    await until(() => noted()[0] !== first);
    expect(noted()[0]).toMatch(/^the webhook /);
  });

  it("is heard by TLS, with its query, and answers text that nobody takes for anything else", async () => {
    const { url } = await open(files);
    expect(url).toBe(`https://127.0.0.1:${port}/n/id-1`);
    expect(await secure(`${url}?validationToken=a%20b`)).toBe("202 text/plain nosniff");
    expect(received[0]?.query).toBe("validationToken=a%20b");
    expect((await post(url.replace("https:", "http:"))).status).toBe(0);
    expect(await secure(url, stranger.caPem)).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/);
  });

  it("follows its files when they change, and keeps the last good pair", async () => {
    const { url } = await open(files);
    await write(stranger.issue({ names: ["127.0.0.1"] }));
    const changed = expect.poll(
      async () => {
        await runtime.clock.advance(minutes(1));
        return secure(url, stranger.caPem);
      },
      { timeout: 5000 },
    );
    await changed.toMatch(/^202/);
    await writeFile(files.key, "nonsense");
    await expect
      .poll(async () => {
        await runtime.clock.advance(minutes(1));
        return events();
      })
      .toContain("notifications.certificate-not-changed");
    expect(await secure(url, stranger.caPem)).toMatch(/^202/);
    expect(events().filter((event) => event === "notifications.certificate-changed")).toHaveLength(1);
    expect(JSON.stringify(runtime.events)).not.toContain("PRIVATE KEY");
  });

  it.each([
    ["missing", () => rm(files.key)],
    ["another's", () => writeFile(files.key, "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n")],
  ])("whose key is %s is refused with what to do", async (_, spoil) => {
    await spoil();
    await expect(open(files)).rejects.toMatchObject({
      code: "notification-certificate-unusable",
      message: expect.stringContaining("[notifications] certificate"),
    });
    if (_ === "missing") await writeFile(files.key, "");
  });

  it("ends at once, whoever is in the middle of a handshake", async () => {
    const endpoint = await open(files);
    const idle = await connect(endpoint.url);
    await listeners[0]?.close();
    await expect.poll(() => idle.closed).toBe(true);
    expect(endpoint.ended.aborted).toBe(true);
  });
});

describe("a webhook behind a reverse proxy", () => {
  const config = { "public-url": "https://gw.example.com/graph/" };

  it("has the public URL, and is heard with and without its path", async () => {
    const { url } = await open(config, "a-key-that-is-remembered");
    expect(url).toBe("https://gw.example.com/graph/n/a-key-that-is-remembered");
    const local = `http://127.0.0.1:${port}`;
    for (const path of ["/n/a-key-that-is-remembered", "/graph/n/a-key-that-is-remembered"])
      expect((await post(`${local}${path}?x=1`)).status).toBe(202);
    for (const path of ["/n/", "/graph", "/graph/graph/n/a-key-that-is-remembered", "/n/a-key-that-is-remembered/"])
      expect((await post(`${local}${path}`)).status).toBe(404);
  });

  it("that is opened anew is not closed by the end of the old one", async () => {
    const endpoint = await open(config, "a-key-that-is-remembered");
    const [listener] = listeners;
    const receive = (): { status: number; contentType: string; body: string } => ({
      status: 200,
      contentType: "text/plain",
      body: "",
    });
    const request = { transport: "https", sources: [], receive, pathKey: "a-key-that-is-remembered" } as const;
    await listener?.open(request, new AbortController().signal);
    endpoint.close();
    expect((await post(`http://127.0.0.1:${port}/n/a-key-that-is-remembered`)).status).toBe(200);
  });

  it("is told nothing of by a wrong method, and refuses 10 MB before they are read", async () => {
    const { url } = await open(config);
    const local = url.replace("https://gw.example.com/graph", `http://127.0.0.1:${port}`);
    expect((await post(local, "", { method: "GET" })).status).toBe(405);
    expect([0, 413]).toContain((await post(local, Buffer.alloc(10 * 1024 * 1024, "x"))).status);
    expect((await post(local, Buffer.alloc(900 * 1024, "x"))).status).toBe(202);
    expect(received).toHaveLength(1);
  });
});

it("without certificate and public URL there are no webhooks", async () => {
  await expect(open({})).rejects.toMatchObject({ code: "notification-webhook-not-configured", type: "modify" });
  expect(listeners[0]?.hasWebhooks).toBe(false);
});
