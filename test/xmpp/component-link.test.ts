import { afterEach, describe, expect, test } from "vitest";
import { parseBareJid, parsePresentityId } from "../../src/core/addresses.ts";
import { seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { elementsOf, type XmlElement } from "../../src/ports/xml-element.ts";
import type { Stanza, XmlDraft } from "../../src/ports/xmpp-link.ts";
import { errorTo, forwardedAnswer, resultTo } from "../doubles/scripted-xmpp-server.ts";
import { acts, isOfflineEvent, isOnlineEvent, type LinkHarness, startLink } from "./link-harness.ts";

const ALICE = parsePresentityId("alice@example.test");
const HOST = parseBareJid("example.test");
const query = (to: string): XmlDraft => ({
  name: "iq",
  attributes: { type: "get", to },
  children: [{ name: "query", attributes: { xmlns: "urn:test" } }],
});
const PUBLISH: XmlDraft = {
  name: "iq",
  attributes: { type: "set" },
  children: [
    {
      name: "pubsub",
      attributes: { xmlns: "http://jabber.org/protocol/pubsub" },
      children: [{ name: "publish", attributes: { node: "n" } }],
    },
  ],
};
const isQuery = ({ children }: { children: readonly unknown[] }): boolean =>
  children.some((child) => typeof child === "object" && child !== null && "name" in child && child.name === "query");

/** The instance that a hello to the server module names. */
const knownIn = (stanza: XmlElement): string | undefined => elementsOf(stanza)[0]?.attributes["known"];

const failure = async (promise: Promise<unknown>): Promise<GatewayError> => {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof GatewayError)) throw new Error(`expected a GatewayError, got ${String(outcome)}`);
  return outcome;
};

describe("the component link", () => {
  let harness: LinkHarness;
  afterEach(() => harness.close());

  test("comes online and acts by privilege when the advert grants pubsub, nested as Prosody writes it", async () => {
    harness = await startLink();
    await harness.event(acts("privilege"));
    expect(harness.link.access(HOST)).toMatchObject({
      actsBy: "privilege",
      privilegeNamespace: "urn:xmpp:privilege:2",
      hasPresence: true,
      hasRoster: true,
    });
    expect(harness.link.health().state).toBe("ok");
    expect(harness.link.access(parseBareJid("elsewhere.test"))).toBeUndefined();
  });

  test("reads a privilege:1 advert without iq as presence only, and says what to configure", async () => {
    const advert = (host: string): string =>
      `<message from='${host}' to='calendar.example.test'><privilege xmlns='urn:xmpp:privilege:1'><perm access='presence' type='managed_entity'/></privilege></message>`;
    harness = await startLink({ advert });
    await harness.event((event) => event.kind === "access" && event.access.hasPresence);
    expect(harness.link.access(HOST)?.actsBy).toBe("none");
    await harness.runtime.clock.advance(seconds(5));
    expect(harness.link.health()).toMatchObject({ state: "degraded", error: { code: "xmpp-no-access" } });
    expect((await failure(harness.link.requestAs(ALICE, PUBLISH, harness.signal))).code).toBe("xmpp-no-access");
  });

  test("believes no advert from anybody but a managed domain", async () => {
    harness = await startLink({
      advert: (host) =>
        `<message from='alice@${host}'><privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'><namespace type='both' ns='http://jabber.org/protocol/pubsub'/></perm></privilege></message>`,
    });
    const messages: Stanza[] = [];
    harness.link.handle({ message: (stanza) => void messages.push(stanza) });
    await harness.event(isOnlineEvent);
    await harness.link.request(
      {
        name: "iq",
        attributes: { type: "get", to: "example.test" },
        children: [{ name: "ping", attributes: { xmlns: "urn:xmpp:ping" } }],
      },
      harness.signal,
    );
    expect(harness.link.access(HOST)?.actsBy).toBe("none");
    expect(messages).toHaveLength(1);
  });

  test("resolves a request with the answer of its id from whom it was asked, and of nobody else", async () => {
    harness = await startLink({ onStanza: (stanza) => (isQuery(stanza) ? "" : undefined) });
    await harness.event(isOnlineEvent);
    const answer = harness.link.request(query("EXAMPLE.test"), harness.signal);
    const { attributes } = await harness.server.waitForStanza(isQuery, "the query");
    const forged = `<iq type='result' from='mallory@example.test' to='calendar.example.test' id='${attributes["id"]}'><forged/></iq>`;
    const unknown = `<iq type='result' from='example.test' to='calendar.example.test' id='other'/>`;
    harness.server.send(
      `${forged}${unknown}<iq type='result' from='example.test' to='calendar.example.test' id='${attributes["id"]}'><real/></iq>`,
    );
    expect((await answer).children).toMatchObject([{ name: "real" }]);
    expect(attributes["from"]).toBe("calendar.example.test");
  });

  test("turns an error answer into a GatewayError with the server's type and condition", async () => {
    harness = await startLink({
      onStanza: (stanza) => (isQuery(stanza) ? errorTo(stanza, "item-not-found") : undefined),
    });
    await harness.event(isOnlineEvent);
    expect(await failure(harness.link.request(query("example.test"), harness.signal))).toMatchObject({
      code: "xmpp-iq-item-not-found",
      type: "cancel",
    });
  });

  test("gives up a request that nobody answers, and one that is aborted", async () => {
    harness = await startLink({ onStanza: (stanza) => (isQuery(stanza) ? "" : undefined) });
    await harness.event(isOnlineEvent);
    const abort = new AbortController();
    const unanswered = failure(harness.link.request(query("example.test"), harness.signal));
    const aborted = harness.link.request(query("example.test"), abort.signal);
    await harness.server.waitUntil(() => harness.server.stanzas.filter(isQuery).length === 2, "both queries");
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await harness.runtime.clock.advance(seconds(40));
    expect((await unanswered).code).toBe("xmpp-timeout");
  });

  test("looks inside the forwarded answer of a privileged iq: the outer one is a result even when the inner failed", async () => {
    harness = await startLink();
    await harness.event(acts("privilege"));
    const answer = await harness.link.requestAs(ALICE, PUBLISH, harness.signal);
    expect(answer).toMatchObject({ name: "iq", attributes: { type: "result", to: ALICE } });
    const inner =
      "type='error' id='x'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    harness.server.script.onStanza = (stanza) =>
      stanza.attributes["to"] === ALICE ? forwardedAnswer(stanza, "urn:xmpp:privilege:2", inner) : undefined;
    expect((await failure(harness.link.requestAs(ALICE, PUBLISH, harness.signal))).code).toBe("xmpp-iq-conflict");
  });

  test("wraps a privileged iq as Prosody demands: inner namespace, id, equal types, the user's bare JID", async () => {
    harness = await startLink();
    await harness.event(acts("privilege"));
    await harness.link.requestAs(ALICE, PUBLISH, harness.signal);
    const sent = harness.server.stanzas.find(({ attributes }) => attributes["to"] === ALICE);
    expect(sent).toMatchObject({
      attributes: { type: "set", from: "calendar.example.test" },
      children: [
        {
          name: "privileged_iq",
          namespace: "urn:xmpp:privilege:2",
          children: [{ name: "iq", namespace: "jabber:client", attributes: { type: "set", to: ALICE, id: "as-user" } }],
        },
      ],
    });
  });

  test("tells a user that does not exist from a grant that is missing", async () => {
    const text =
      "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>wrapping &lt;IQ> stanza recipient must be a bare JID of a local user</text>";
    harness = await startLink({
      onStanza: (stanza) =>
        stanza.attributes["to"] === ALICE
          ? errorTo(stanza, "forbidden").replace("</error>", `${text}</error>`)
          : undefined,
    });
    await harness.event(acts("privilege"));
    expect((await failure(harness.link.requestAs(ALICE, PUBLISH, harness.signal))).code).toBe("xmpp-iq-item-not-found");
  });

  test("by trusted from: resolves with undefined when a ping sent afterwards is answered and the publish never is", async () => {
    harness = await startLink(
      { advert: undefined, spoofed: "silence" },
      { domains: [{ domain: HOST, actsBy: "trusted" }] },
    );
    await harness.event(acts("trusted"));
    const answers = await Promise.all([1, 2, 3].map(() => harness.link.requestAs(ALICE, PUBLISH, harness.signal)));
    expect(answers).toEqual([undefined, undefined, undefined]);
    const names = harness.server.stanzas.map(({ attributes }) => attributes["from"]);
    expect(names.filter((from) => from === ALICE)).toHaveLength(3);
    expect(names.lastIndexOf("calendar.example.test")).toBeGreaterThan(names.lastIndexOf(ALICE));
  });

  test("by trusted from: takes the answer where the server sends one, and its error", async () => {
    harness = await startLink(
      { advert: undefined, spoofed: "answer" },
      { domains: [{ domain: HOST, actsBy: "trusted" }] },
    );
    await harness.event(acts("trusted"));
    expect(await harness.link.requestAs(ALICE, PUBLISH, harness.signal)).toMatchObject({
      attributes: { type: "result" },
    });
    harness.server.script.onStanza = (stanza) =>
      stanza.attributes["from"] === ALICE ? errorTo(stanza, "forbidden", "auth") : undefined;
    expect(await failure(harness.link.requestAs(ALICE, PUBLISH, harness.signal))).toMatchObject({
      code: "xmpp-iq-forbidden",
      type: "auth",
    });
  });

  test("never spoofs by itself: auto without an advert acts by none", async () => {
    harness = await startLink({ advert: undefined });
    await harness.event(acts("none"));
    expect(harness.server.stanzas.every(({ attributes }) => attributes["from"] === "calendar.example.test")).toBe(true);
  });

  test("learns the server module's instance, asks again each minute while there is none, and notices its loss", async () => {
    harness = await startLink();
    await harness.event(acts("privilege"));
    await harness.server.waitForStanza((stanza) => stanza.attributes["to"] === "example.test", "hello");
    harness.server.script.moduleInstance = "first";
    const found = harness.event((event) => event.kind === "access" && event.access.moduleInstance === "first");
    await harness.runtime.clock.advance(seconds(60));
    await found;
    harness.server.script.moduleInstance = undefined;
    const lost = harness.event((event) => event.kind === "access" && event.access.moduleInstance === undefined);
    const overlay = { name: "overlay", attributes: { xmlns: "urn:x-presence-gateway:server:1" } };
    await failure(
      harness.link.request({ name: "iq", attributes: { type: "set", to: ALICE }, children: [overlay] }, harness.signal),
    );
    await lost;
  });

  test("asks a module that is there each minute too, naming its instance, and notices that it is unloaded or new", async () => {
    harness = await startLink({ moduleInstance: "first" });
    const heard = (instance: string | undefined) =>
      harness.event((event) => event.kind === "access" && event.access.moduleInstance === instance);
    await heard("first");
    for (const next of [undefined, "second"]) {
      const noticed = heard(next);
      harness.server.script.moduleInstance = next;
      await harness.runtime.clock.advance(seconds(60));
      await noticed;
    }
    await harness.runtime.clock.advance(seconds(60));
    await harness.server.waitForStanza((stanza) => knownIn(stanza) === "second", "a hello that knows");
  });

  test("answers requests by handler, pings and disco#info by itself, everything else with service-unavailable", async () => {
    harness = await startLink();
    harness.link.handle({
      iq: ({ element }) =>
        element.children.some((child) => typeof child === "object" && child.namespace === "urn:mine")
          ? Promise.reject(new GatewayError("not for you", { type: "auth", code: "test-no" }))
          : undefined,
    });
    await harness.event(isOnlineEvent);
    const ask = (id: string, content: string): void =>
      harness.server.send(
        `<iq type='get' id='${id}' from='bob@example.test/a' to='calendar.example.test'>${content}</iq>`,
      );
    ask("q1", "<ping xmlns='urn:xmpp:ping'/>");
    ask("q2", "<query xmlns='http://jabber.org/protocol/disco#info'/>");
    ask("q3", "<x xmlns='urn:mine'/>");
    ask("q4", "<x xmlns='urn:other'/>");
    const answer = (id: string) => harness.server.waitForStanza((stanza) => stanza.attributes["id"] === id, id);
    expect((await answer("q1")).attributes).toMatchObject({ type: "result", to: "bob@example.test/a" });
    expect((await answer("q2")).children).toMatchObject([
      {
        name: "query",
        children: [{ name: "identity", attributes: { category: "component", type: "presence" } }, {}, {}],
      },
    ]);
    expect((await answer("q3")).children).toMatchObject([
      { attributes: { type: "auth" }, children: [{ name: "forbidden" }, { name: "text", children: ["not for you"] }] },
    ]);
    expect((await answer("q4")).children).toMatchObject([{ children: [{ name: "service-unavailable" }, {}] }]);
  });

  test("lets a watcher hear of online before any handler sees a stanza that came with the handshake", async () => {
    const order: string[] = [];
    harness = await startLink({ greeting: "<presence from='alice@example.test/pc' to='calendar.example.test'/>" });
    harness.link.handle({ presence: () => void order.push("presence") });
    const watching = (async () => {
      for await (const event of harness.link.watch(harness.signal)) if (event.kind === "online") order.push("online");
    })().catch(() => undefined);
    await harness.server.waitUntil(() => harness.server.received > 0, "hello");
    await expect.poll(() => order.length).toBe(2);
    expect(order).toEqual(["online", "presence"]);
    await harness.close();
    await watching;
  });

  test("a handler that throws harms neither the stream nor other handlers", async () => {
    harness = await startLink();
    const seen: string[] = [];
    harness.link.handle({
      presence: () => {
        throw new TypeError("a defect");
      },
    });
    harness.link.handle({ presence: ({ from }) => void seen.push(from) });
    await harness.event(isOnlineEvent);
    harness.server.send("<presence from='alice@example.test/pc' to='calendar.example.test'/>");
    await expect.poll(() => seen).toEqual(["alice@example.test/pc"]);
    expect(harness.link.isOnline).toBe(true);
    expect(harness.runtime.events.some(({ event }) => event === "xmpp.handler-failed")).toBe(true);
  });

  test("shows an observer each iq before it is sent as the user", async () => {
    harness = await startLink();
    const seen: unknown[] = [];
    await harness.event(acts("privilege"));
    const handlers = { sentAs: (user: string, iq: XmlDraft) => void seen.push([user, iq]) };
    harness.link.handle(handlers);
    await harness.link.requestAs(ALICE, PUBLISH, harness.signal);
    expect(seen).toEqual([[ALICE, PUBLISH]]);
  });

  test("bounds the requests that wait for an answer: the rest wait in line and are sent in order", async () => {
    harness = await startLink({ onStanza: (stanza) => (isQuery(stanza) ? "" : undefined) }, { pendingRequests: 2 });
    await harness.event(isOnlineEvent);
    const { server, link } = harness;
    const done = [1, 2, 3, 4].map((n) => link.request(query(`u${n}@example.test`), harness.signal));
    await server.waitUntil(() => server.stanzas.filter(isQuery).length === 2, "two queries");
    server.send(
      server.stanzas
        .filter(isQuery)
        .map((stanza) => resultTo(stanza))
        .join(""),
    );
    await server.waitUntil(() => server.stanzas.filter(isQuery).length === 4, "four queries");
    expect(server.stanzas.filter(isQuery).map(({ attributes }) => attributes["to"])).toEqual(
      [1, 2, 3, 4].map((n) => `u${n}@example.test`),
    );
    server.send(
      server.stanzas
        .filter(isQuery)
        .slice(2)
        .map((stanza) => resultTo(stanza))
        .join(""),
    );
    await Promise.all(done);
  });

  test("rejects what waits when the connection is lost, in line and under way, with xmpp-offline", async () => {
    harness = await startLink({ onStanza: (stanza) => (isQuery(stanza) ? "" : undefined) }, { pendingRequests: 1 });
    await harness.event(isOnlineEvent);
    const waiting = [1, 2, 3].map(() => failure(harness.link.request(query("example.test"), harness.signal)));
    await harness.server.waitForStanza(isQuery, "the first query");
    harness.server.drop();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: "xmpp-offline", type: "wait" });
    await harness.event(isOfflineEvent);
    expect((await failure(harness.link.send({ name: "presence" }))).code).toBe("xmpp-offline");
    expect(harness.link.access(HOST)).toBeUndefined();
  });
});
