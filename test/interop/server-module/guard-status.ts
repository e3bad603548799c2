import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { JabberClient } from "../../lab/jabber-client.ts";
import type { ServerKind } from "../../lab/xmpp-server.ts";
import type { RawComponent } from "./raw-component.ts";
import { HOST, IN_A_MEETING, type Site, setOverlay, startSite } from "./site.ts";

/** No client shows a text that claims a meeting. */
export function describeStatusGuard(kind: ServerKind): void {
  const ALICE = `alice@${HOST}`;
  const ROOM = `lunch@rooms.${HOST}`;
  let site: Site;
  let gateway: RawComponent;
  let alice: JabberClient;
  let bob: JabberClient;

  beforeAll(async () => {
    site = await startSite(kind, { rooms: `rooms.${HOST}`, module: { reservedTexts: ["Bin im Termin"] } });
    gateway = await site.gateway();
    bob = await site.jabber("bob");
    alice = await site.jabber("alice");
  });
  afterAll(() => site.close());

  const CLAIMS: readonly string[] = [
    "In a meeting",
    "in a MEETING",
    "  In  a\n\tmeeting  ",
    "In a meeting.",
    "…In a meeting!!!",
    "(In a meeting)",
    "📅 In a meeting 🔴",
    "In\u200B a\u2060 meet\u00ADing",
    "\uFEFFIn a meeting\u200E",
    "In\u00A0a\u2003meeting",
    "In-a-meeting",
    "In a me\u034Feting",
    "In a meeting\u{E0041}\u{E007F}",
    "Іn а mееting", // Cyrillic І, а, е, е
    "Ιn α mεετιng", // Greek Ι, α, ε, τ, ι
    "In a meetlng", // l for i
    "1n a m33t1ng",
    "Ｉｎ ａ ｍｅｅｔｉｎｇ",
    "𝐈𝐧 𝐚 𝐦𝐞𝐞𝐭𝐢𝐧𝐠",
    "ⓘⓝ ⓐ ⓜⓔⓔⓣⓘⓝⓖ",
    "🅘🅝 🅐 🅜🅔🅔🅣🅘🅝🅖",
    "🄸🄽 🄰 🄼🄴🄴🅃🄸🄽🄶",
    "ɪɴ ᴀ ᴍᴇᴇᴛɪɴɢ",
    "I̲n̲ a̲ m̲e̲e̲t̲i̲n̲g̲",
    "ꓲn a meeting", // Lisu ꓲ: known to Unicode's table of confusables only
    "I n   a   m e e t i n g",
    "In einer Besprechung",
    "En réunion",
    "En re\u0301union",
    "En reunion",
    "EN RÉUNION",
    "En una reunión",
    "Bin im Termin", // the site's own text
  ];

  const HARMLESS: readonly string[] = [
    "Meeting people is fun",
    "In a meeting room, come in",
    "Réunion island",
    "Out for lunch",
    "会議",
    "In",
    "!!!",
    "🔴",
  ];

  describe("the guard of status texts", () => {
    const statusOfAlice = (): string => bob.view(ALICE).status;
    let turn = 0;
    /** Sends the status with a priority that has not been used, so that its arrival can be told. */
    const show = async (status: string | Record<string, string>): Promise<void> => {
      turn = (turn + 1) % 100;
      const priority = turn;
      await alice.sendPresence({ show: "away", status, priority });
      await bob.waitFor(
        (me) =>
          me.seen.some((fact) => fact.kind === "presence" && fact.from === alice.jid && fact.priority === priority),
        "the presence",
      );
    };

    it.each(CLAIMS)("[R1] removes %j and nothing else of the presence", async (claim) => {
      await show(claim);
      expect(bob.view(ALICE)).toMatchObject({ show: "away", status: "" });
    });

    it.each(HARMLESS)("leaves %j", async (text) => {
      await show(text);
      expect(statusOfAlice()).toBe(text);
    });

    it("[R1] examines the texts of all languages, and keeps those that claim nothing", async () => {
      await show({ en: "At lunch", de: "In einer Besprechung", fr: "En réunion" });
      const shown = bob.seen.findLast((fact) => fact.kind === "presence" && fact.from === alice.jid);
      expect(shown).toMatchObject({ statuses: { en: "At lunch" } });
      await alice.send(
        "<presence><status>one</status><status>In a <b xmlns='urn:example:b'/>meeting</status><priority>101</priority></presence>",
      );
      await bob.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "presence" && fact.priority === 101),
        "the presence",
      );
      expect(
        bob.seen
          .at(-1)
          ?.element.getChildren("status")
          .map((each) => each.text()),
      ).toEqual(["one"]);
    });

    it("[R1] is not fooled by a forged mark of the gateway", async () => {
      await alice.send(
        '<presence><overlaid xmlns="urn:x-presence-gateway:server:1"/><status>In a meeting</status><priority>102</priority></presence>',
      );
      await bob.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "presence" && fact.priority === 102),
        "the presence",
      );
      expect(bob.seen.at(-1)?.element.toString()).not.toMatch(/overlaid|meeting/);
    });

    it.each([`bob@${HOST}`, `bob@${HOST}/pc`])("[R1] removes it from presence directed to %s", async (to) => {
      await alice.sendPresence({ to, status: "In a meeting", priority: 103 });
      await alice.settle();
      await bob.settle();
      const shown = bob.seen.findLast((fact) => fact.kind === "presence" && fact.from === alice.jid);
      expect(shown).toMatchObject({ priority: 103, status: "" });
    });

    it("[R1] removes it from presence in chat rooms", async () => {
      const muc = '<x xmlns="http://jabber.org/protocol/muc"/>';
      await alice.send(`<presence to="${ROOM}/alice">${muc}</presence>`);
      await alice.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "presence" && fact.from === `${ROOM}/alice`),
        "alice in the room",
      );
      const instant =
        '<query xmlns="http://jabber.org/protocol/muc#owner"><x xmlns="jabber:x:data" type="submit"/></query>';
      await alice.request({ type: "set", to: ROOM, payload: instant });
      await bob.send(`<presence to="${ROOM}/bob">${muc}</presence>`);
      await bob.waitFor((me) => me.seen.some((fact) => fact.from === `${ROOM}/alice`), "alice in the room");
      await alice.send(`<presence to="${ROOM}/alice"><show>xa</show><status>In a meeting</status></presence>`);
      await bob.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "presence" && fact.from === `${ROOM}/alice` && fact.show === "xa"),
        "alice xa in the room",
      );
      expect(
        bob.seen
          .filter((fact) => fact.from === `${ROOM}/alice`)
          .map((fact) => fact.element.toString())
          .join(),
      ).not.toContain("meeting");
    });

    it("[R1] removes it from the words of farewell", async () => {
      await alice.send("<presence type='unavailable'><status>In a meeting</status></presence>");
      await bob.waitFor((me) => me.view(ALICE).show === "offline", "alice offline");
      expect(bob.seen.at(-1)?.element.toString()).not.toContain("meeting");
      await show("back");
    });

    it("[R1] does not keep the claim for the time after an overlay", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await show("In a meeting");
      expect(statusOfAlice()).toBe("In a meeting"); // the gateway's text
      await setOverlay(gateway, "alice", {});
      await bob.waitFor((me) => me.view(ALICE).show === "away", "the own presence");
      expect(statusOfAlice()).toBe("");
    });

    it("lets presence pass whatever its text contains", async () => {
      const texts = fc.sample(fc.string({ unit: "binary", maxLength: 60 }), 500);
      const before = bob.seen.length;
      const [first, ...rest] = texts.map((text) => `<presence><status>${escapeXml(text)}</status></presence>`);
      await alice.send(`${first}${rest.join("")}`);
      await bob.waitFor((me) => me.seen.length === before + texts.length, "all presences");
    });

    it("survives texts as long as a stanza may be", async () => {
      await show(`${"\u200B".repeat(60_000)}In a meeting`);
      expect(statusOfAlice()).toBe("");
      await show("é".repeat(50_000));
      expect(statusOfAlice()).toHaveLength(50_000);
    });

    it("[R2] removes the same while the gateway is down", async () => {
      await gateway.vanish();
      await show("In a meeting");
      expect(bob.view(ALICE)).toMatchObject({ show: "away", status: "" });
    });
  });
}
