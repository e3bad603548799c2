import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Endpoints, RefusalCounts } from "../../src/shell/notification-endpoints.ts";
import { type Bound, HTTP_LIMITS, listenHttp } from "../../src/shell/notification-http.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { connect, createStage, type NotificationStage, OK, post } from "./notification-stage.ts";

let stage: NotificationStage;
let url: string;

beforeEach(async () => {
  stage = await createStage();
  ({ url } = await stage.open());
});

afterEach(async () => {
  expect((await post(url)).status).toBe(200); // whatever came before, the next honest one is heard
  await stage.listener.close();
});

const closed = (socket: Socket): Promise<boolean> =>
  expect
    .poll(() => socket.closed, { timeout: 20_000 })
    .toBe(true)
    .then(() => true);

describe("whoever speaks to the notification port", () => {
  it("in garbage is cut off", async () => {
    for (const bytes of [
      "\0\x16\x03\x01\xFF garbage\r\n\r\n",
      "POST\r\n\r\n",
      `POST / HTTP/1.1\r\nA: ${"x".repeat(40_000)}`,
    ]) {
      const socket = await connect(url);
      socket.resume();
      socket.write(Buffer.from(bytes, "latin1"));
      await closed(socket);
    }
    expect(stage.received).toHaveLength(0);
    expect(await stage.refused()).toEqual({ malformed: 3 });
  });

  it("with 100 MB is refused before they are sent, whether announced or in chunks", async () => {
    const before = process.memoryUsage().rss;
    const body = Buffer.alloc(100 * 1024 * 1024, "x");
    for (const headers of [{}, { "transfer-encoding": "chunked" }])
      expect([0, 413]).toContain((await post(url, body, { headers })).status);
    expect(process.memoryUsage().rss - before).toBeLessThan(400 * 1024 * 1024); // of which 100 MB are the body itself
    expect(stage.received).toHaveLength(0);
    expect(await stage.refused()).toEqual({ tooLarge: 2 });
  });

  it("on thousands of connections gets its share, and others are heard", async () => {
    const sockets = await Promise.all(Array.from({ length: 1500 }, () => connect(url)));
    const others = Array.from({ length: 15 }, (_, index) => `127.0.0.${index + 2}`);
    for (const source of others)
      sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => connect(url, source)))));
    const open = (): number => sockets.filter((socket) => !socket.closed).length;
    await expect.poll(open, { timeout: 20_000 }).toBeLessThanOrEqual(HTTP_LIMITS.connections);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await post(url)).status).toBe(200);
  });

  it("again and again on one connection is heard each time", async () => {
    const socket = await connect(url);
    let text = "";
    socket.on("data", (part: Buffer) => {
      text += part.toString();
    });
    const { pathname, host } = new URL(url);
    socket.write(`POST ${pathname} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\n<n/>`.repeat(3));
    await expect.poll(() => text.match(/<ok\/>/g)?.length).toBe(3);
    socket.destroy();
  });
});

describe("whoever is slow", () => {
  let bound: Bound;
  const received: string[] = [];

  beforeEach(async () => {
    const endpoints = new Endpoints();
    endpoints.add({
      path: "/n/a",
      isSource: () => true,
      receive: ({ body }) => {
        received.push(String(body));
        return OK;
      },
    });
    const limits = { ...HTTP_LIMITS, headersTime: 200, requestTime: 400, idleTime: 600 };
    const reception = { endpoints, refusals: new RefusalCounts(createTestRuntime()) };
    bound = await listenHttp({ host: "127.0.0.1", port: 0 }, reception, limits);
  });

  afterEach(() => bound.close());

  it.each([
    ["with its headers", "POST /n/a HTTP/1.1\r\nHost: x\r\nX-A: "],
    ["with its body", "POST /n/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"],
    ["to say anything", ""],
  ])("%s is cut off, however steadily a byte comes", async (_, head) => {
    const socket = await connect(`http://127.0.0.1:${bound.port}/`);
    socket.resume();
    socket.write(head);
    const drip = setInterval(() => head !== "" && socket.write("x"), 50);
    await closed(socket);
    clearInterval(drip);
    expect(received).toEqual([]);
  });
});
