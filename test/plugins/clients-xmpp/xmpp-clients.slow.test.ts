import { afterEach, describe, expect, test } from "vitest";
import { XmppClients, type XmppClientsOptions } from "../../../plugins/clients-xmpp/xmpp-clients.ts";
import { encodeActivity, publishActivity } from "../../../plugins/shared-xmpp/activity.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { IN_A_MEETING } from "../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../../src/core/texts.ts";
import { minutes } from "../../../src/lib/time.ts";
import type { ClientChange } from "../../../src/ports/client-presence-source.ts";
import type { XmlElement } from "../../../src/ports/xml-element.ts";
import { resultTo, type XmppServerScript } from "../../doubles/scripted-xmpp-server.ts";
import { type ScriptedSite, startScriptedSite } from "../xmpp-site.ts";

const ALICE = parsePresentityId("alice@example.test");
const WATCHER = "calendar@calendar.example.test";
const payloadNamed =
  (name: string) =>
  ({ children }: XmlElement): boolean =>
    children.some((child) => typeof child === "object" && child.name === name);
const presence = (resource: string, content = "", attributes = ""): string =>
  `<presence from='alice@example.test/${resource}' to='calendar.example.test' ${attributes}>${content}</presence>`;
const event = (activity: string, from = "alice@example.test"): string =>
  `<message from='${from}' to='${WATCHER}' type='headline'><event xmlns='http://jabber.org/protocol/pubsub#event'><items node='http://jabber.org/protocol/activity'><item id='current'><activity xmlns='http://jabber.org/protocol/activity'>${activity}</activity></item></items></event></message>`;
const MEETING_EVENT = event("<working><in_a_meeting/></working>");
/** Answers disco#info like the named server. */
const named =
  (name: string) =>
  (stanza: XmlElement): string | undefined =>
    stanza.attributes["to"] === "example.test" && payloadNamed("query")(stanza)
      ? resultTo(
          stanza,
          `<query xmlns='http://jabber.org/protocol/disco#info'><identity category='server' type='im' name='${name}'/></query>`,
        )
      : payloadNamed("query")(stanza) && stanza.attributes["type"] === "set"
        ? resultTo(stanza)
        : undefined;

describe("hearing the users' clients", () => {
  let site: ScriptedSite;
  let source: XmppClients;
  let changes: ClientChange[];
  const start = async (
    script: Partial<XmppServerScript> = {},
    options: Partial<XmppClientsOptions> = {},
  ): Promise<void> => {
    site = await startScriptedSite({ onStanza: named("Prosody"), ...script });
    source = new XmppClients(
      { watchActivity: "never", reservedTexts: reservedTexts(TEXT_CATALOGUE), ...options },
      site.link,
      site.runtime,
    );
    changes = [];
    await source.start(site.signal);
    const watching = async (): Promise<void> => {
      for await (const change of source.watchClients(site.signal)) changes.push(change);
    };
    watching().catch(() => undefined);
    await expect.poll(() => changes.length).toBeGreaterThan(0);
  };
  const kinds = (): string[] => changes.map(({ kind }) => kind);
  const heard = () => changes.filter(({ kind }) => kind === "present" || kind === "gone" || kind === "claim");
  /** Resolves when everything that the server has sent so far was heard. */
  const settle = async (): Promise<void> => {
    site.server.send(presence("fence", "<show>xa</show>", "type=''"));
    site.server.send(presence("fence", "", "type='unavailable'"));
    const count = changes.filter((change) => change.kind === "gone" && change.resource === "fence").length;
    await expect
      .poll(() => changes.filter((change) => change.kind === "gone" && change.resource === "fence").length)
      .toBe(count + 1);
    changes = changes.filter(
      (change) =>
        !("resource" in change && change.resource === "fence") &&
        !(change.kind === "present" && change.presence.resource === "fence"),
    );
  };
  afterEach(async () => {
    await source.stop();
    await site.close();
  });

  test("says a Prosody's snapshot is complete when all of it was told", async () => {
    await start({ greeting: presence("pc", "<show>away</show>") });
    await expect.poll(kinds).toContain("settled");
  });

  test("never says that of an ejabberd, which gives none, and asks for the followed users' presence instead", async () => {
    await start({ onStanza: named("ejabberd") });
    source.follow([{ presentity: ALICE }]);
    const probe = await site.server.waitForStanza(({ attributes }) => attributes["type"] === "probe", "a probe");
    expect(probe.attributes).toMatchObject({ from: WATCHER, to: ALICE });
    site.server.send(presence("pc", "<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T08:00:00Z'/>"));
    await settle();
    expect(kinds()).toContain("present");
    expect(kinds()).not.toContain("settled");
  });

  test("says that of an ejabberd whose module tells what clients have said", async () => {
    await start({ onStanza: named("ejabberd"), moduleInstance: "one", moduleFeatures: "overlay snapshot" });
    await expect.poll(kinds).toContain("settled");
  });

  test("ignores repetitions, foreign domains and the module's own overlays", async () => {
    await start();
    const away = presence("pc", "<show>away</show>");
    site.server.send(
      away + away + presence("pc", "<show>dnd</show><overlaid xmlns='urn:x-presence-gateway:server:1'/>"),
    );
    site.server.send("<presence from='mallory@elsewhere.test/x' to='calendar.example.test'/>");
    await settle();
    expect(heard()).toMatchObject([{ kind: "present", presentity: ALICE, presence: { show: "away" } }]);
  });

  test("keeps fifty clients of a user: the one heard longest ago goes", async () => {
    await start();
    site.server.send(Array.from({ length: 52 }, (_, n) => presence(`c${n}`)).join(""));
    await expect.poll(() => heard().length).toBe(54);
    expect(heard().filter(({ kind }) => kind === "gone")).toMatchObject([{ resource: "c0" }, { resource: "c1" }]);
  });

  test("forgets everything with a new connection and says so first", async () => {
    await start();
    site.server.send(presence("pc"));
    await settle();
    site.server.script.greeting = presence("phone");
    site.server.drop();
    await expect.poll(() => site.link.isOnline).toBe(false);
    await site.runtime.clock.advance(2000);
    await expect.poll(() => heard().length).toBe(2);
    const since = changes.slice(kinds().lastIndexOf("reset"));
    expect(since).toMatchObject([{ kind: "reset" }, { kind: "present", presence: { resource: "phone" } }]);
  });

  test("[R1] reports a status text that is reserved, in any language and disguise, once", async () => {
    await start();
    const claim = presence(
      "pc",
      "<status xml:lang='en'>working</status><status xml:lang='de'>✨ In einer Bеsprechung! ✨</status>",
    );
    site.server.send(claim + claim);
    await settle();
    expect(heard().filter(({ kind }) => kind === "claim")).toEqual([
      { kind: "claim", presentity: ALICE, carrier: "status" },
    ]);
  });

  test("reports as degraded that the server forwards no presence", async () => {
    await start({
      advert: (host) =>
        `<message from='${host}'><privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'><namespace type='both' ns='http://jabber.org/protocol/pubsub'/></perm></privilege></message>`,
    });
    await expect
      .poll(() => source.health())
      .toMatchObject({ state: "degraded", error: { code: "clients-no-presence" } });
  });

  describe("watching activities", () => {
    const publish = (activity = IN_A_MEETING): Promise<unknown> =>
      site.link.requestAs(
        ALICE,
        publishActivity(encodeActivity({ activity, text: "in-a-meeting" }, "en", TEXT_CATALOGUE)),
        site.signal,
      );
    const clear = (): Promise<unknown> =>
      site.link.requestAs(ALICE, publishActivity(encodeActivity({}, "en", TEXT_CATALOGUE)), site.signal);
    const OWN_EVENT = event("<working><in_a_meeting/></working><text xml:lang='en'>In a meeting</text>");
    const claims = () => changes.filter(({ kind }) => kind === "claim");

    test("enters the roster of whom it publishes for and announces its interest, answering for its capabilities", async () => {
      await start({}, { watchActivity: "auto" });
      await publish();
      const roster = await site.server.waitForStanza(
        (stanza) => stanza.attributes["to"] === ALICE && payloadNamed("query")(stanza),
        "the roster entry",
      );
      expect(roster.children).toMatchObject([
        { namespace: "jabber:iq:roster", children: [{ attributes: { jid: WATCHER, subscription: "both" } }] },
      ]);
      const announced = await site.server.waitForStanza(payloadNamed("c"), "the presence with capabilities");
      expect(announced.attributes).toMatchObject({ from: WATCHER, to: ALICE });
      const [caps] = announced.children;
      if (typeof caps !== "object") throw new Error("no capabilities");
      const node = `${caps.attributes["node"]}#${caps.attributes["ver"]}`;
      site.server.send(
        `<iq type='get' id='caps' from='example.test' to='${WATCHER}'><query xmlns='http://jabber.org/protocol/disco#info' node='${node}'/></iq>`,
      );
      const answer = await site.server.waitForStanza(({ attributes }) => attributes["id"] === "caps", "the answer");
      expect(JSON.stringify(answer)).toContain("http://jabber.org/protocol/activity+notify");
      expect(answer.children).toMatchObject([{ attributes: { node } }]);
    });

    test("leaves users alone where the server has the module, and takes over when it is gone", async () => {
      await start({ moduleInstance: "one" }, { watchActivity: "auto" });
      source.follow([{ presentity: ALICE }]);
      await expect.poll(kinds).toContain("settled");
      await settle();
      expect(site.server.stanzas.some(payloadNamed("c"))).toBe(false);
      site.server.script.moduleInstance = undefined;
      await site.runtime.clock.advance(minutes(10));
      await site.server.waitForStanza(payloadNamed("c"), "the presence with capabilities");
    });

    test("[R1] reports a meeting that somebody else published, wherever in the payload it hides", async () => {
      await start({}, { watchActivity: "auto" });
      const hidden = [
        "<working/><working><in_a_meeting/></working>",
        "<relaxing><x:in_a_meeting xmlns:x='urn:other'/></relaxing>",
        "<relaxing/><text>In a meeting</text>",
      ];
      for (const each of [MEETING_EVENT, ...hidden.map((content) => event(content))]) site.server.send(each);
      await settle();
      expect(claims()).toEqual(Array(4).fill({ kind: "claim", presentity: ALICE, carrier: "activity" }));
    });

    test("keeps its own publications apart, told twice or late, from a forged repetition of them", async () => {
      await start({}, { watchActivity: "auto" });
      await publish();
      site.server.send(OWN_EVENT + OWN_EVENT);
      await clear();
      site.server.send(OWN_EVENT);
      await settle();
      expect(claims()).toEqual([]);
      site.server.send(event("") + OWN_EVENT);
      await settle();
      expect(claims()).toHaveLength(1);
    });

    test("ignores other activities, other nodes and people of other servers", async () => {
      await start({}, { watchActivity: "auto" });
      site.server.send(event("<working><coding/></working>"));
      site.server.send(event("<working><in_a_meeting/></working>", "mallory@elsewhere.test"));
      site.server.send(MEETING_EVENT.replace("protocol/activity'><item", "protocol/mood'><item"));
      await settle();
      expect(claims()).toEqual([]);
    });
  });
});
