import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { minutes, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { checkParameter, readParameters } from "../../src/ports/parameters.ts";
import { parseSources } from "../../src/shell/source-list.ts";
import { findFreePort } from "../lab/free-ports.ts";
import { connect, createStage, type NotificationStage, post, sendDatagram } from "./notification-stage.ts";

let stage: NotificationStage;

beforeEach(async () => {
  stage = await createStage();
});

afterEach(() => stage.listener.close());

const text = (index = 0): string => Buffer.from(stage.received[index]?.body ?? []).toString();

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (error instanceof GatewayError ? error.code : String(error)),
  );
}

/** Occupies the port until the returned function is called. */
async function occupy(port: number): Promise<() => Promise<void>> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return () => new Promise((resolve) => server.close(() => resolve()));
}

describe("[P1] the notification port", () => {
  it.each([
    ["1024", "1024"],
    ["65535", "65535"],
    [" 50020 ", "50020"],
  ])("may be %s", (given, value) => {
    expect(checkParameter("exchange-notification-port", given)).toEqual({ value });
  });

  it("is 50020 unless it is set", () => {
    expect(readParameters(() => ({})).integer("exchange-notification-port")).toBe(50_020);
  });

  it.each(["1023", "65536", "http", "", "50020.5"])("may not be %j", (given) => {
    expect(checkParameter("exchange-notification-port", given)).toHaveProperty("problem");
  });

  it("is bound when something is asked for, not before, and let go of when nothing is any more", async () => {
    const release = await occupy(stage.parameter);
    await release();
    const endpoint = await stage.open();
    expect(new URL(endpoint.url).port).toBe(String(stage.parameter));
    endpoint.close();
    endpoint.close();
    expect((await post(endpoint.url)).status).toBe(0); // nobody's sender is not even listened to
    await stage.runtime.clock.advance(minutes(1));
    await expect.poll(async () => codeOf(occupy(stage.parameter).then((free) => free())), { interval: 5 }).toBe("none");
  });

  it("that is taken is refused with what to do, and works when it is free", async () => {
    const release = await occupy(stage.parameter);
    await expect(stage.open()).rejects.toMatchObject({
      code: "notification-port-taken",
      type: "modify",
      message: expect.stringMatching(/tcp port \d+.*EADDRINUSE.*parameter set exchange-notification-port/s),
    });
    await release();
    expect((await post((await stage.open()).url)).status).toBe(200);
  });
});

describe("[R8] a change of the notification port", () => {
  it("ends what was heard at the old port, and only that, as soon as the new one is bound", async () => {
    const own = await stage.open({ port: await findFreePort() });
    const first = await stage.open();
    const datagrams = await stage.open({ transport: "udp" });
    stage.parameter = await findFreePort();
    await stage.listener.portChanged();
    expect(first.ended.reason).toMatchObject({ code: "notification-port-changed", type: "wait" });
    expect(datagrams.ended.aborted).toBe(true);
    expect(own.ended.aborted).toBe(false);
    const second = await stage.open();
    expect(new URL(second.url).port).toBe(String(stage.parameter));
    expect((await post(second.url)).status).toBe(200);
    expect((await post(first.url)).status).toBe(0);
  });

  it("to one that is taken leaves everybody heard at the old one until it is free", async () => {
    const endpoint = await stage.open();
    stage.parameter = await findFreePort();
    const release = await occupy(stage.parameter);
    await stage.listener.portChanged();
    expect(endpoint.ended.aborted).toBe(false);
    expect((await post(endpoint.url)).status).toBe(200);
    expect(stage.runtime.events.at(-1)).toMatchObject({ event: "notifications.port-not-changed", level: "error" });
    await release();
    await stage.runtime.clock.advance(seconds(30));
    await expect.poll(() => endpoint.ended.aborted, { interval: 5 }).toBe(true);
  });
});

describe("an endpoint", () => {
  it("hears what is posted to its own path and answers at once", async () => {
    const [first, second] = [await stage.open(), await stage.open()];
    expect(first.url).not.toBe(second.url);
    expect(await post(first.url, "<hello/>", { headers: { "X-Test": "1" } })).toEqual({ status: 200, body: "<ok/>" });
    expect(text()).toBe("<hello/>");
    expect(stage.received[0]?.headers.get("x-test")).toBe("1");
  });

  it("hears datagrams, and nothing that is none or goes elsewhere", async () => {
    const endpoint = await stage.open({ transport: "udp" });
    expect(endpoint.url).toMatch(/^httpu:\/\/127\.0\.0\.1:\d+\/n\//);
    const { pathname } = new URL(endpoint.url.replace("httpu:", "http:"));
    await sendDatagram(endpoint.url, "garbage");
    await sendDatagram(endpoint.url, `NOTIFY ${pathname}x HTTP/1.1\r\n\r\n`);
    await sendDatagram(endpoint.url, `NOTIFY ${endpoint.url} HTTP/1.1\r\nSubscription-id: 15\r\n\r\n`);
    await expect.poll(() => stage.received.length, { interval: 5 }).toBe(1);
    expect(stage.received[0]?.headers.get("subscription-id")).toBe("15");
    expect(await stage.refused()).toEqual({ malformed: 1, unknownPath: 1 });
  });

  it("is told nothing of by an answer to a wrong path or a wrong method, and the log has counts only", async () => {
    const { url } = await stage.open();
    expect((await post(`${url}x`)).status).toBe(404);
    expect((await post(url.slice(0, -1))).status).toBe(404);
    expect((await post(new URL("/", url).href, "", { method: "GET" })).status).toBe(404);
    expect((await post(url, "", { method: "GET" })).status).toBe(405);
    expect(stage.received).toHaveLength(0);
    expect(await stage.refused()).toEqual({ unknownPath: 3, wrongMethod: 1 });
    expect(JSON.stringify(stage.runtime.events)).not.toContain("/n/");
  });

  it("takes only from its sources; whoever is nobody's is cut off", async () => {
    const closed = await stage.open({ sources: ["192.0.2.0/24", "2001:db8::/32"] });
    expect((await post(closed.url)).status).toBe(0);
    const open = await stage.open({ sources: ["127.0.0.0/8"] });
    expect((await post(open.url)).status).toBe(200);
    expect((await post(closed.url)).status).toBe(404);
    expect(await stage.refused()).toEqual({ unknownSource: 2 });
    expect(await codeOf(stage.open({ sources: ["mail.example.com"] }))).toBe("notification-source-invalid");
  });

  it("ends with the listener, which can be stopped twice and opens nothing then", async () => {
    const endpoint = await stage.open();
    const idle = await connect(endpoint.url);
    await stage.listener.close();
    await stage.listener.close();
    await expect.poll(() => idle.destroyed || idle.readableEnded, { interval: 5 }).toBe(true);
    expect(endpoint.ended.reason).toMatchObject({ code: "notification-not-running" });
    expect(await codeOf(stage.open())).toBe("notification-not-running");
  });
});

describe("a source list", () => {
  it.each([
    [["192.0.2.7"], "192.0.2.7", true],
    [["192.0.2.7"], "::ffff:192.0.2.7", true],
    [["192.0.2.7"], "192.0.2.8", false],
    [["192.0.2.0/25", "198.51.100.1"], "192.0.2.127", true],
    [["192.0.2.0/25"], "192.0.2.128", false],
    [["2001:db8::/32"], "2001:db8:1::1", true],
    [["2001:db8::/32"], "192.0.2.1", false],
    [["192.0.2.7"], "", false],
    [[], "203.0.113.9", true],
  ])("%j has %s: %s", (sources, address, expected) => {
    expect(parseSources(sources)(address)).toBe(expected);
  });

  it.each(["192.0.2.0/33", "2001:db8::/129", "exchange", "192.0.2", "/8", ""])("refuses %j", (source) => {
    expect(() => parseSources([source])).toThrow(/is no source/);
  });
});
