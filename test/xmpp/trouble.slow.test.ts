import { createServer, Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { parseBareJid } from "../../src/core/addresses.ts";
import { seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { acts, isOfflineEvent, isOnlineEvent, type LinkHarness, startLink } from "./link-harness.ts";

const HOST = parseBareJid("example.test");
const message = (body: string): XmlDraft => ({
  name: "message",
  attributes: { to: "alice@example.test" },
  children: [{ name: "body", children: [body] }],
});
const PUBLISH: XmlDraft = {
  name: "iq",
  attributes: { type: "set" },
  children: [{ name: "pubsub", attributes: { xmlns: "http://jabber.org/protocol/pubsub" } }],
};
const ALICE_ONLINE = "<presence from='alice@example.test/pc' to='calendar.example.test'/>";

/** Lets the reconnect time pass until the server has seen one more handshake. */
async function reconnected({ server, runtime }: LinkHarness, handshakes: number): Promise<void> {
  for (let waited = 0; server.handshakes < handshakes && waited < 200; waited++) {
    await runtime.clock.advance(seconds(1));
  }
  await server.waitUntil(() => server.handshakes >= handshakes, `handshake ${handshakes}`);
}

describe("the link in trouble", () => {
  let harness: LinkHarness;
  afterEach(() => harness.close());

  const goesDownWith = async (bytes: string, stanzaBytes = 65_536): Promise<string> => {
    harness = await startLink({}, { stanzaBytes });
    await harness.event(isOnlineEvent);
    harness.server.send(bytes);
    await harness.event(isOfflineEvent);
    const health = harness.link.health();
    if (health.state !== "down") throw new Error(health.state);
    await reconnected(harness, 2);
    await harness.event(isOnlineEvent);
    return health.error.code;
  };

  test("malformed XML ends the stream with a clear error, and the link comes back", async () => {
    expect(await goesDownWith("<presence></message>")).toBe("xmpp-bad-stream");
  });

  test("an entity that is not XML's own ends the stream", async () => {
    expect(await goesDownWith("<message><body>&nbsp;</body></message>")).toBe("xmpp-bad-stream");
  });

  test("a document type with entities ends the stream before anything expands", async () => {
    harness = await startLink({ onStanza: () => "" });
    await harness.event(isOnlineEvent);
    harness.server.send("<!DOCTYPE lolz [<!ENTITY lol 'lol'>]><message><body>&lol;</body></message>");
    await harness.event(isOfflineEvent);
    expect(harness.link.health()).toMatchObject({ state: "down", error: { code: "xmpp-bad-stream" } });
  });

  test.each(["<!-- hidden -->", "<?php run ?>"])("%s ends the stream (RFC 6120 11.1)", async (text) => {
    expect(await goesDownWith(text)).toBe("xmpp-bad-stream");
  });

  test("a text of 10 MB ends the stream while it is still being read", async () => {
    expect(await goesDownWith(`<message><body>${"x".repeat(10 * 1024 * 1024)}</body></message>`)).toBe(
      "xmpp-bad-stream",
    );
  });

  test("a stanza over the limit or of 100 levels is read past: no user can cut the link for all", async () => {
    harness = await startLink({}, { stanzaBytes: 65_536 });
    const seen: string[] = [];
    harness.link.handle({ presence: ({ from }) => void seen.push(from), message: () => void seen.push("message") });
    await harness.event(isOnlineEvent);
    harness.server.send(`<message><body>${"&quot;".repeat(20_000)}</body></message>`);
    harness.server.send(`<message>${"<a>".repeat(100)}${"</a>".repeat(100)}</message>${ALICE_ONLINE}`);
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(["alice@example.test/pc"]);
    expect(
      harness.runtime.events.filter(({ event }) => event === "xmpp.stanza-dropped").map(({ fields }) => fields),
    ).toEqual([{ limit: "bytes" }, { limit: "depth" }]);
  });

  test("data after the stream's end harms nothing", async () => {
    expect(await goesDownWith(`</stream:stream>${ALICE_ONLINE}<broken`)).toBe("xmpp-offline");
  });

  test("a server that closes the stream but not TCP is left and connected to anew", async () => {
    expect(await goesDownWith("</stream:stream>")).toBe("xmpp-offline");
  });

  test("what is no XMPP server at all is named as such", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    await harness.server.stop();
    const web = createServer((socket) => void socket.resume().end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => web.listen(harness.server.port, "127.0.0.1", resolve));
    const code = (): string => {
      const health = harness.link.health();
      return "error" in health ? health.error.code : health.state;
    };
    for (let waited = 0; code() !== "xmpp-bad-stream" && waited < 100; waited++)
      await harness.runtime.clock.advance(1000);
    expect(code()).toBe("xmpp-bad-stream");
    await new Promise((resolve) => web.close(resolve));
    await harness.server.start();
  });

  test("a wrong secret is down with xmpp-not-authorized, tried again each minute, and mended without a restart", async () => {
    harness = await startLink({ secret: "another secret" });
    await expect.poll(() => harness.link.health().state).toBe("down");
    expect(harness.link.health()).toMatchObject({ error: { code: "xmpp-not-authorized", type: "auth" } });
    expect(JSON.stringify(harness.runtime.events)).not.toContain("a secret");
    harness.server.script.secret = "a secret";
    await harness.runtime.clock.advance(seconds(59));
    expect(harness.server.handshakes).toBe(0);
    await reconnected(harness, 1);
    await harness.event(isOnlineEvent);
  });

  test("a conflict is down with xmpp-conflict and tried again slowly", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    harness.server.send(
      "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
    );
    await harness.event(isOfflineEvent);
    expect(harness.link.health()).toMatchObject({ state: "down", error: { code: "xmpp-conflict", type: "wait" } });
    await harness.runtime.clock.advance(seconds(59));
    expect(harness.server.handshakes).toBe(1);
  });

  test("a spoofed from on a server that checks it ends the stream with an error that says so", async () => {
    harness = await startLink({ advert: undefined }, { domains: [{ domain: HOST, actsBy: "trusted" }] });
    await harness.event(acts("trusted"));
    await expect(
      harness.link.requestAs(parseBareJid("alice@example.test"), PUBLISH, harness.signal),
    ).rejects.toMatchObject({
      code: "xmpp-offline",
    });
    expect(harness.link.health()).toMatchObject({ state: "down", error: { code: "xmpp-stream-error" } });
  });

  test("waits longer after each failure, up to a minute, and with jitter", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    const { server, runtime, link } = harness;
    const sleep = vi.spyOn(runtime.clock, "sleep");
    await server.stop();
    await harness.event(isOfflineEvent);
    const deadline = performance.now() + 10_000;
    const connectTimeout = 15; // each attempt sleeps for that as well
    const waited = () => sleep.mock.calls.map(([length]) => length / 1000).filter((wait) => wait !== connectTimeout);
    while (waited().length < 10 && performance.now() < deadline) await runtime.clock.advance(seconds(1));
    const waits = waited();
    for (const [index, wait] of waits.entries()) {
      const ceiling = Math.min(2 ** index, 60);
      expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
      expect(wait).toBeLessThanOrEqual(ceiling);
    }
    expect(new Set(waits).size).toBeGreaterThan(5);
    expect(link.health()).toMatchObject({ state: "down", error: { code: "xmpp-unreachable" } });
    await server.start();
    await reconnected(harness, 2);
  });

  test("a half-open connection is noticed by its unanswered ping and left", async () => {
    harness = await startLink();
    await harness.event(acts("privilege"));
    harness.server.script.onStanza = () => "";
    harness.runtime.clock.advance(seconds(60)).catch(() => undefined);
    await harness.server.waitForStanza(
      ({ children }) => children.some((child) => typeof child === "object" && child.name === "ping"),
      "the ping",
    );
    await harness.runtime.clock.advance(seconds(16));
    await harness.event(isOfflineEvent);
    expect(harness.link.health()).toMatchObject({ state: "down", error: { code: "xmpp-timeout" } });
  });

  test("a server that is slow but heard keeps its connection", async () => {
    harness = await startLink();
    await harness.event(acts("privilege"));
    harness.server.script.onStanza = (stanza) =>
      stanza.children.some((child) => typeof child === "object" && child.name === "ping") ? ALICE_ONLINE : undefined;
    await harness.runtime.clock.advance(seconds(80));
    expect(harness.link.isOnline).toBe(true);
  });

  test("a server that stops reading fills no memory: what waits is bounded and rejected", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    harness.server.setReading(false);
    const body = "x".repeat(1024 * 1024);
    const sent = Array.from({ length: 40 }, () => harness.link.send(message(body)));
    const failed = (await Promise.allSettled(sent.slice(-5))).map((each) => each.status === "rejected" && each.reason);
    for (const error of failed) expect(error).toMatchObject({ code: "xmpp-congested", type: "wait" });
    harness.server.drop();
    const codes = (await Promise.allSettled(sent)).map((each) => each.status === "rejected" && each.reason.code);
    expect(codes).toContain("xmpp-offline");
  });

  test("a server restart during a burst rejects what was under way and loses the rest to nobody", async () => {
    harness = await startLink({ keepsStanzas: false });
    await harness.event(acts("privilege"));
    const { server, link, signal } = harness;
    const burst = Array.from({ length: 1500 }, (_, n) =>
      link.requestAs(parseBareJid(`u${n}@example.test`), PUBLISH, signal),
    );
    const outcomes = Promise.allSettled(burst);
    await server.waitUntil(() => server.received > 500, "part of the burst");
    await server.stop();
    const results = await outcomes;
    const lost = results.filter((each) => each.status === "rejected");
    expect(lost.length).toBeGreaterThan(0);
    for (const { reason } of lost) expect(reason).toMatchObject({ code: "xmpp-offline", type: "wait" });
    await server.start();
    await reconnected(harness, 2);
    await harness.event(acts("privilege"));
  });

  test("lone surrogates and control characters never reach the wire", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    await harness.link.send(message("a\uD800b\u0000c\uDFFF <&> ]]> 🎉"));
    const stanza = await harness.server.waitForStanza(({ name }) => name === "message", "the message");
    expect(stanza.children).toMatchObject([{ children: ["a\uFFFDb\uFFFDc\uFFFD <&> ]]> 🎉"] }]);
  });

  test("stop writes what waits, ends the stream, and is safe twice", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    const sending = harness.link.send(message("the last word"));
    await harness.link.stop();
    await harness.link.stop();
    await sending;
    expect(harness.server.stanzas.at(-1)).toMatchObject({ name: "message" });
    expect(harness.link.health().state).toBe("stopped");
    await harness.server.waitUntil(() => harness.server.connections === 0, "the end of the connection");
  });

  test("an aborted send is dropped from the line and rejects with the signal's reason", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    const abort = new AbortController();
    const sending = harness.link.send(message("never"), abort.signal);
    abort.abort(new Error("changed my mind"));
    await expect(sending).rejects.toThrow("changed my mind");
    await harness.link.send(message("after"));
    await harness.server.waitForStanza(({ name }) => name === "message", "the message");
    expect(JSON.stringify(harness.server.stanzas)).not.toContain("never");
  });

  test("1,000 publications of one instant leave in few writes", async () => {
    harness = await startLink({ keepsStanzas: false });
    await harness.event(acts("privilege"));
    const { server, link, signal } = harness;
    const write = vi.spyOn(Socket.prototype, "write");
    const users = Array.from({ length: 1000 }, (_, n) => parseBareJid(`u${n}@example.test`));
    await Promise.all(users.map((user) => link.requestAs(user, PUBLISH, signal)));
    const ours = write.mock.contexts.filter((socket) => socket instanceof Socket && socket.remotePort === server.port);
    write.mockRestore();
    expect(server.received).toBeGreaterThanOrEqual(1000);
    expect(ours.length).toBeLessThan(20);
  });

  test("every error of the link is a GatewayError", async () => {
    harness = await startLink();
    await harness.event(isOnlineEvent);
    harness.server.drop();
    await harness.event(isOfflineEvent);
    await expect(harness.link.send(message("x"))).rejects.toBeInstanceOf(GatewayError);
  });
});
