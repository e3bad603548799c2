import { afterEach, describe, expect, test } from "vitest";
import { encodeOverlay, reduceToOverlay } from "../../../plugins/publish-xmpp-overlay/encode-overlay.ts";
import { OverlayPublisher } from "../../../plugins/publish-xmpp-overlay/overlay-publisher.ts";
import { parsePresentityId } from "../../../src/core/addresses.ts";
import { IN_A_MEETING, type PresenceDocument } from "../../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../../src/core/text-catalogue.ts";
import { hours, instant, minutes, plus } from "../../../src/lib/time.ts";
import type { XmlElement } from "../../../src/ports/xml-element.ts";
import { elementsOf } from "../../../src/ports/xml-element.ts";
import { encodeXml } from "../../../src/xmpp/stanza-writer.ts";
import { MEETING } from "../../contract/presence-publisher.ts";
import { errorTo, resultTo } from "../../doubles/scripted-xmpp-server.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { type ScriptedSite, startScriptedSite, usersOf } from "../xmpp-site.ts";

const ALICE = parsePresentityId("alice@example.test");
const LIMIT = instant(2_000_000_000_000);
const encode = (document: PresenceDocument, ...locales: readonly string[]): string =>
  encodeXml(encodeOverlay(reduceToOverlay(document), locales, LIMIT, TEXT_CATALOGUE));
const NS = `xmlns="urn:x-presence-gateway:server:1"`;

describe("the overlay", () => {
  test("carries show, end, activity and the status in the user's language and in English", () => {
    const until = MONDAY_MORNING / 1000 + 3600;
    expect(encode(MEETING, "de")).toBe(
      `<overlay ${NS} show="dnd" until="${until}" activity="in_a_meeting"><status xml:lang="de">In einer Besprechung</status><status xml:lang="en">In a meeting</status></overlay>`,
    );
  });

  test("carries the status in the site's language too, where the user's is another one", () => {
    const statuses = (text: string) => [...text.matchAll(/<status xml:lang="([\w-]+)"/g)].map(([, tag]) => tag);
    expect(statuses(encode(MEETING, "ar", "de-AT"))).toEqual(["ar", "de", "en"]);
    expect(statuses(encode(MEETING, "de-DE", "de-AT"))).toEqual(["de", "en"]);
  });

  test("covers the client with what the user set by chat", () => {
    const until = plus(MONDAY_MORNING, hours(1));
    const set = { show: "available", source: "override", from: MONDAY_MORNING, until, note: { "": "here" } } as const;
    expect(encode(set, "de")).toBe(`<overlay ${NS} show="available" until="${until / 1000}"/>`);
  });

  test("says the same words once only", () => {
    expect(encode({ show: "dnd", source: "phone", text: "on-the-phone" }, "en-GB")).toBe(
      `<overlay ${NS} show="dnd" until="2000000000"><status xml:lang="en">On the phone</status></overlay>`,
    );
  });

  test("of a client's own word is none, but keeps the activity for the module to clear", () => {
    const own: PresenceDocument = { show: "dnd", source: "client", note: { "": "busy" } };
    expect(encode(own, "en")).toBe(`<overlay ${NS}/>`);
    expect(encode({ ...own, activity: IN_A_MEETING, until: instant(1500) }, "en")).toBe(
      `<overlay ${NS} until="2" activity="in_a_meeting"/>`,
    );
    expect(encode({ show: "unavailable", source: "client" }, "en")).toBe(`<overlay ${NS}/>`);
  });

  test("of what is heard by SIP is an overlay, with the phone's own notes", () => {
    const away: PresenceDocument = {
      show: "away",
      source: "client",
      via: "sip",
      note: { "": "<lunch>", de: "Mittag" },
    };
    expect(encode(away, "en")).toBe(
      `<overlay ${NS} show="away" until="2000000000"><status>&lt;lunch&gt;</status><status xml:lang="de">Mittag</status></overlay>`,
    );
    expect(encode({ show: "available", source: "client", via: "sip" }, "en")).toContain(`show="available"`);
  });

  test("never names an end beyond the limit, so that a dead gateway leaves nothing", () => {
    expect(encode({ ...MEETING, until: plus(LIMIT, hours(1)) }, "en")).toContain(`until="2000000000"`);
  });
});

describe("publishing overlays", () => {
  let site: ScriptedSite;
  let publisher: OverlayPublisher;
  const start = async (...args: Parameters<typeof startScriptedSite>): Promise<void> => {
    site = await startScriptedSite(...args);
    publisher = new OverlayPublisher(site.link, TEXT_CATALOGUE, site.runtime.clock);
    await publisher.start(site.signal);
  };
  const publish = (document = MEETING): Promise<unknown> =>
    publisher.publish({ presentity: ALICE, document, locale: "en" }, site.signal);
  afterEach(async () => {
    await publisher.stop();
    await site.close();
  });

  test("has no epoch while the server has no module, and one of its own for each run of the module", async () => {
    await start();
    await site.runtime.clock.advance(0);
    expect(publisher.epoch()).toBeUndefined();
    expect(publisher.health()).toMatchObject({ state: "ok", detail: expect.stringContaining("module") });
    site.server.script.moduleInstance = "one";
    await site.runtime.clock.advance(minutes(1));
    await expect.poll(() => publisher.epoch()).toContain("example.test=one");
    site.server.script.moduleInstance = "two";
    site.server.drop();
    await expect.poll(() => site.link.isOnline).toBe(false);
    await site.runtime.clock.advance(2000);
    await expect.poll(() => publisher.epoch()).toContain("example.test=two");
  });

  test("never asks for more than the module's day, and says so, that the engine renews what lasts longer", async () => {
    await start({ moduleInstance: "one" });
    await expect.poll(() => publisher.epoch()).toContain("one");
    await publish({
      show: "away",
      source: "calendar",
      text: "out-of-office",
      until: plus(MONDAY_MORNING, hours(24 * 14)),
    });
    const end = Number(site.overlayOf(ALICE)?.attributes["until"]) * 1000;
    expect(end - MONDAY_MORNING).toBeLessThanOrEqual(hours(24));
    expect(end - MONDAY_MORNING).toBeGreaterThan(hours(23));
    expect(publisher.capabilities.lifetime).toBe(hours(24));
  });

  test.each([
    ["forbidden", "overlay-forbidden", "auth"],
    ["item-not-found", "overlay-no-user", "cancel"],
    ["bad-request", "overlay-refused", "modify"],
    ["service-unavailable", "overlay-no-module", "cancel"],
  ])("turns the answer %s into %s", async (condition, code, type) => {
    await start({
      moduleInstance: "one",
      onStanza: (stanza) => (stanza.attributes["to"] === ALICE ? errorTo(stanza, condition) : undefined),
    });
    await expect(publish()).rejects.toMatchObject({ code, type });
  });

  test("loses its epoch when the module is unloaded under it", async () => {
    await start({ moduleInstance: "one" });
    await expect.poll(() => publisher.epoch()).toContain("one");
    site.server.script.moduleInstance = undefined;
    await expect(publish()).rejects.toMatchObject({ code: "overlay-no-module" });
    await expect.poll(() => publisher.epoch()).toBeUndefined();
  });

  const several = (users: readonly string[], documents: readonly PresenceDocument[]): readonly Promise<unknown>[] =>
    users.map((user, index) =>
      publisher.publish(
        { presentity: parsePresentityId(user), document: documents[index] ?? MEETING, locale: "en" },
        site.signal,
      ),
    );

  test("goes for many users in one stanza, each overlay once, and who is refused is refused alone", async () => {
    const sent: XmlElement[] = [];
    const refused = `<overlays ${NS}><refused jid='carol@example.test' condition='item-not-found'/></overlays>`;
    await start({
      moduleInstance: "one",
      onStanza: (stanza) => {
        const [payload] = elementsOf(stanza);
        if (payload?.name !== "overlays") return undefined;
        sent.push(payload);
        return resultTo(stanza, refused);
      },
    });
    await expect.poll(() => publisher.epoch()).toContain("one");
    const away: PresenceDocument = { show: "away", source: "calendar", text: "out-of-office" };
    const users = ["alice@example.test", "bob@example.test", "carol@example.test"];
    const publications = several(users, [MEETING, away, MEETING]);
    publisher.flush();
    const outcomes = await Promise.allSettled(publications);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected"]);
    expect(outcomes[2]).toMatchObject({ reason: { code: "overlay-no-user", type: "cancel" } });
    expect(sent).toHaveLength(1);
    expect(sent.flatMap(elementsOf).map((overlay) => [overlay.attributes["show"], usersOf(overlay, "")])).toEqual([
      ["dnd", ["alice@example.test", "carol@example.test"]],
      ["away", ["bob@example.test"]],
    ]);
  });

  test("goes for each user alone to a module that takes only one", async () => {
    await start({ moduleInstance: "one", moduleFeatures: "overlay guard cleanup" });
    await expect.poll(() => publisher.epoch()).toContain("one");
    await Promise.all(several(["alice@example.test", "bob@example.test"], []));
    const orders = site.server.stanzas.filter((stanza) => elementsOf(stanza).some(({ name }) => name === "overlay"));
    expect(orders.map(({ attributes }) => attributes["to"])).toEqual(["alice@example.test", "bob@example.test"]);
  });
});
