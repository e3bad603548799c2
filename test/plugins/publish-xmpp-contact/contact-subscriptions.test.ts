import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { contactJidOf } from "../../../plugins/publish-xmpp-contact/contact-address.ts";
import {
  type ContactOptions,
  ContactSubscriptions,
} from "../../../plugins/publish-xmpp-contact/contact-subscriptions.ts";
import { type BareJid, parsePresentityId } from "../../../src/core/addresses.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import type { DomainAccess, Stanza } from "../../../src/ports/xmpp-link.ts";
import { element, FakeLink } from "../../admin/fake-link.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { createTestRuntime } from "../../doubles/test-runtime.ts";

const NS = "jabber:component:accept";
const ALICE = parsePresentityId("alice@example.com");
const CAROL = parsePresentityId("carol@branch.example.com");
const BOB = parsePresentityId("bob@example.com");
const SERVED = ["example.com", "branch.example.com"];

const access = (domain: BareJid): DomainAccess | undefined =>
  SERVED.includes(domain)
    ? { domain, actsBy: "none", hasPresence: false, hasRoster: false, isModuleKnown: true, moduleFeatures: "" }
    : undefined;

describe("subscriptions to contact JIDs", () => {
  let fake: FakeLink;
  let memory: TestMemory;
  let subscriptions: ContactSubscriptions;

  const open = (options: Partial<ContactOptions> = {}): ContactSubscriptions => {
    const link = {
      domain: fake.domain,
      access,
      handle: (handlers: Parameters<FakeLink["handle"]>[0]) => fake.handle(handlers),
      send: (stanza: Parameters<FakeLink["send"]>[0]) => fake.send(stanza),
    };
    const tell = (_presentity: BareJid, to: string): Promise<void> =>
      fake.send({ name: "presence", attributes: { to, type: "state" } });
    const deps = { link, memory, log: createTestRuntime().log, tell };
    subscriptions = new ContactSubscriptions({ domains: ["example.com"], watchers: "own-domain", ...options }, deps);
    subscriptions.listen();
    return subscriptions;
  };

  beforeEach(() => {
    fake = new FakeLink();
    memory = new TestMemory();
    open().serve(ALICE);
  });

  const stanza = (name: string, from: string, { to = "", type = "" } = {}): Stanza => ({
    element: { name, namespace: NS, attributes: {}, children: name === "message" ? [element("body", "hello")] : [] },
    from,
    to: to || contactJidOf(ALICE, fake.domain),
    type,
    id: "1",
  });

  /** What is sent in answer, as `type to`. */
  const answers = async (sent: Stanza): Promise<readonly string[]> => {
    const before = fake.sent.length;
    const { presence, message } = fake.handlers;
    if (sent.element.name === "message") message?.(sent);
    else presence?.(sent);
    await settled();
    return fake.sent.slice(before).map(({ attributes }) => `${attributes?.["type"]} ${attributes?.["to"]}`);
  };
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const hear = (type: string, from: string, to = ""): Promise<readonly string[]> =>
    answers(stanza("presence", from, { type, to }));

  test("are granted to users of the same domain, who are told the state at once, as often as they ask", async () => {
    expect(await hear("subscribe", BOB)).toEqual([`subscribed ${BOB}`, `state ${BOB}`]);
    expect(await hear("subscribe", `${BOB}/pc`)).toEqual([`subscribed ${BOB}`, `state ${BOB}`]);
    expect(subscriptions.watchersOf(ALICE)).toEqual([BOB]);
  });

  test("are refused to strangers, and of whoever has no contact JID in the same words", async () => {
    const refusal = (to: string): readonly string[] => [`unsubscribed ${to}`];
    const contact = (jid: string): string => contactJidOf(parsePresentityId(jid), fake.domain);
    expect(await hear("subscribe", "mallory@example.net")).toEqual(refusal("mallory@example.net"));
    expect(await hear("subscribe", "bob@example.com.example.net")).toEqual(refusal("bob@example.com.example.net"));
    expect(await hear("subscribe", CAROL)).toEqual(refusal(CAROL));
    expect(await hear("subscribe", BOB, contact("nobody@example.com"))).toEqual(refusal(BOB));
    subscriptions.serve(CAROL);
    expect(await hear("subscribe", CAROL, contact(CAROL))).toEqual(refusal(CAROL));
    expect(memory.kept.size).toBe(0);
  });

  test("are granted to all served domains where the configuration says so, and to no other", async () => {
    open({ watchers: "served-domains" }).serve(ALICE);
    expect(await hear("subscribe", CAROL)).toEqual([`subscribed ${CAROL}`, `state ${CAROL}`]);
    expect(await hear("subscribe", "mallory@example.net")).toEqual(["unsubscribed mallory@example.net"]);
  });

  test("are remembered over a restart", async () => {
    await hear("subscribe", BOB);
    open().serve(ALICE);
    expect(subscriptions.watchersOf(ALICE)).toEqual([BOB]);
    expect(subscriptions.size).toBe(1);
  });

  test("answer each probe to the resource that asks, and are known again from it when they were forgotten", async () => {
    expect(await hear("probe", `${BOB}/phone`)).toEqual([`state ${BOB}/phone`]);
    expect(subscriptions.watchersOf(ALICE)).toEqual([BOB]);
    expect(await hear("probe", "mallory@example.net/pc")).toEqual(["unsubscribed mallory@example.net"]);
  });

  test("end when the watcher says so, even while nothing can be sent", async () => {
    await hear("subscribe", BOB);
    expect(await hear("unsubscribe", BOB)).toEqual([`unavailable ${BOB}`]);
    await hear("subscribe", BOB);
    fake.failure = new GatewayError("gone", { type: "wait", code: "xmpp-offline" });
    await hear("unsubscribe", BOB);
    expect([subscriptions.size, memory.kept.size]).toEqual([0, 0]);
  });

  test("end when the user is none any more: first offline, then no contact", async () => {
    await hear("subscribe", BOB);
    const before = fake.sent.length;
    subscriptions.dismiss(ALICE);
    await settled();
    expect(fake.sent.slice(before).map(({ attributes }) => attributes?.["type"])).toEqual([
      "unavailable",
      "unsubscribed",
    ]);
    expect(memory.kept.size).toBe(0);
    expect(await hear("probe", `${BOB}/pc`)).toEqual([`unsubscribed ${BOB}`]);
  });

  test("end at the next connection when the user went while there was none", async () => {
    await hear("subscribe", BOB);
    fake.failure = new GatewayError("gone", { type: "wait", code: "xmpp-offline" });
    subscriptions.dismiss(ALICE);
    await settled();
    expect(subscriptions.watchersOf(ALICE)).toEqual([]);
    fake.failure = undefined;
    open().dismissUnentitled();
    await settled();
    expect(fake.sent.at(-1)?.attributes).toMatchObject({ type: "unsubscribed", to: BOB });
    expect(memory.kept.size).toBe(0);
  });

  test("end when the configuration lets fewer people see", async () => {
    open({ watchers: "served-domains" }).serve(ALICE);
    await hear("subscribe", CAROL);
    await hear("subscribe", BOB);
    open().serve(ALICE);
    subscriptions.dismissUnentitled();
    await settled();
    expect(fake.sent.at(-1)?.attributes).toMatchObject({ type: "unsubscribed", to: CAROL });
    expect([subscriptions.watchersOf(ALICE), memory.kept.size]).toEqual([[BOB], 1]);
  });

  test("are refused of addresses that only look like a contact JID: nobody waits for ever, or writes to nobody", async () => {
    for (const local of [String.raw`d\27artagnan\40example.com`, String.raw`foo\40`, String.raw`ALICE\40example.com`]) {
      const to = `${local}@${fake.domain}`;
      expect(await hear("subscribe", `${BOB}/pc`, to)).toEqual([`unsubscribed ${BOB}`]);
      expect(fake.sent.at(-1)?.attributes?.["from"]).toBe(to);
      expect(await hear("probe", BOB, `${to}/x`)).toEqual([`unsubscribed ${BOB}`]);
      for (const type of ["", "unavailable", "unsubscribed", "error"]) expect(await hear(type, BOB, to)).toEqual([]);
      expect(await answers({ ...stanza("message", BOB, { to }), id: "" })).toEqual([`error ${BOB}`]);
      expect(fake.sent.at(-1)?.attributes?.["id"]).toBeUndefined();
    }
    for (const to of [`calendar@${fake.domain}`, fake.domain, String.raw`alice\40example.com@elsewhere.example`])
      expect([...(await hear("subscribe", BOB, to)), ...(await answers(stanza("message", BOB, { to })))]).toEqual([]);
  });

  test("say to whoever writes to a contact JID that nobody reads there, and to watchers whom to write to", async () => {
    const write = (from: string, type = "chat") => answers(stanza("message", from, { type }));
    expect(await write(`${BOB}/pc`)).toEqual([`error ${BOB}/pc`]);
    expect(JSON.stringify(fake.sent.at(-1))).toContain(`xmpp:${ALICE}`);
    expect(await write("mallory@example.net/pc")).toEqual(["error mallory@example.net/pc"]);
    expect(JSON.stringify(fake.sent.at(-1))).not.toContain(ALICE);
    expect(await write(`${BOB}/pc`, "error")).toEqual([]);
    expect(await write(`${BOB}/pc`, "groupchat")).toEqual([]);
  });

  test("leave alone what is for the gateway itself, and what is no request", async () => {
    expect(await hear("subscribe", BOB, "presence.example.com")).toEqual([]);
    expect(await hear("probe", BOB, "calendar@presence.example.com")).toEqual([]);
    for (const type of ["", "unavailable", "subscribed", "unsubscribed", "error"])
      expect(await hear(type, `${BOB}/pc`)).toEqual([]);
    expect(await hear("subscribe", "example.com")).toEqual([]);
  });

  test("never tell a stranger anything, whatever is sent", async () => {
    const address = fc.oneof(
      fc.string(),
      fc.constantFrom(BOB, ALICE, `${BOB}/pc`, "mallory@example.net", String.raw`bob\40example.com@example.net`),
    );
    const type = fc.oneof(fc.string(), fc.constantFrom("subscribe", "probe", "unsubscribe", "unsubscribed", ""));
    await fc.assert(
      fc.asyncProperty(address, fc.option(address, { nil: "" }), type, async (from, to, kind) => {
        for (const answer of await hear(kind, from, to ?? "")) {
          if (!answer.startsWith("uns") && !answer.startsWith("una"))
            expect(answer).toMatch(/ (bob|alice)@example\.com/);
        }
      }),
      { numRuns: 200 },
    );
    expect(subscriptions.watchersOf(ALICE).every((watcher) => watcher.endsWith("@example.com"))).toBe(true);
  });
});

describe("the book of watchers", () => {
  test("leaves out what is remembered in another form", () => {
    const memory = new TestMemory();
    memory.put("alice@example.com bob@example.com", "");
    for (const key of ["", " ", "alice@example.com", "alice@example.com example.com", "a b c"]) memory.put(key, "");
    const deps = { link: new FakeLink(), memory, log: createTestRuntime().log, tell: () => Promise.resolve() };
    const book = new ContactSubscriptions({ domains: ["example.com"], watchers: "own-domain" }, deps);
    expect(book.size).toBe(1);
  });
});
