import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { JabberClient } from "../../lab/jabber-client.ts";
import type { ServerKind } from "../../lab/xmpp-server.ts";
import type { RawComponent } from "./raw-component.ts";
import {
  FEATURES,
  GATEWAY,
  HOST,
  hasSeen,
  hello,
  IN_A_MEETING,
  inSeconds,
  NS,
  type OverlayOrder,
  type Site,
  setOverlay,
  startSite,
} from "./site.ts";

/** Who may give orders, and what becomes of them. */
export function describeControl(kind: ServerKind): void {
  const ALICE = `alice@${HOST}`;
  const STRANGER = `stranger.${HOST}`;
  const HELLO = `<hello xmlns="${NS}"/>`;
  const OVERLAY = `<overlay xmlns="${NS}" show="dnd" until="${inSeconds(600)}"><status>In a meeting</status></overlay>`;
  const FORBIDDEN = { type: "error", condition: "forbidden" };
  let site: Site;
  let gateway: RawComponent;
  let alice: JabberClient;
  let bob: JabberClient;

  beforeAll(async () => {
    site = await startSite(kind, { otherComponents: [STRANGER], module: { maxOverlay: 2 } });
    gateway = await site.gateway();
    bob = await site.jabber("bob");
    alice = await site.jabber("alice", { presence: { status: "Here" } });
  });
  afterAll(() => site.close());

  describe("orders of others than the gateway", () => {
    it.each([HOST, ALICE, `bob@${HOST}`, `bob@${HOST}/pc`, "", `nobody@${HOST}`])(
      "[R1] are forbidden to clients, to %j",
      async (to) => {
        const address = to === "" ? {} : { to };
        expect(await alice.request({ type: "set", payload: OVERLAY, ...address })).toMatchObject(FORBIDDEN);
        expect(await alice.request({ type: "get", payload: HELLO, ...address })).toMatchObject(FORBIDDEN);
        await bob.settle();
        expect(bob.view(ALICE)).toMatchObject({ show: "available", status: "Here" });
      },
    );

    it("[R1] are forbidden to other components", async () => {
      const stranger = await site.gateway(STRANGER);
      expect(await setOverlay(stranger, "alice", IN_A_MEETING)).toMatchObject(FORBIDDEN);
      expect(await stranger.request({ type: "get", to: HOST, payload: HELLO })).toMatchObject(FORBIDDEN);
    });

    it("are forbidden to other addresses of the gateway's component", async () => {
      const payload = OVERLAY;
      expect(
        await gateway.request({ type: "set", to: ALICE, payload, from: `bob\\40${HOST}@${GATEWAY}` }),
      ).toMatchObject(FORBIDDEN);
    });
  });

  describe("orders of the gateway", () => {
    const wrong: readonly (readonly [string, OverlayOrder])[] = [
      ["an unknown show", { show: "busy" }],
      ["an empty show", { show: "" }],
      ["a show with markup", { show: "dnd&lt;x/&gt;" }],
      ["an end that is no number", { show: "dnd", until: "tomorrow" }],
      ["an end with a fraction", { show: "dnd", until: "1795424400.5" }],
      ["an end in hexadecimal", { show: "dnd", until: "0x7fffffff" }],
      ["an infinite end", { show: "dnd", until: "inf" }],
      ["a negative end", { show: "dnd", until: "-1" }],
      ["an end beyond all numbers", { show: "dnd", until: "9".repeat(400) }],
      ["an activity that is no name", { activity: "in a meeting" }],
      ["an activity of many letters", { activity: "x".repeat(100) }],
      ["a language tag that is none", { statuses: { "en us": "x" } }],
      ["a long language tag", { statuses: { ["a".repeat(50)]: "x" } }],
      ["two texts of one language", { statuses: { en: "x", EN: "y" } }],
      ["a text beyond all measure", { statuses: { en: "x".repeat(2000) } }],
      ["elements in a text", { statuses: { en: "x<b/>" } }],
      ["hundreds of texts", { statuses: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`x-${i}`, "x"])) }],
    ];
    it.each(wrong)("are refused with %s, and change nothing", async (_, order) => {
      const reply = await setOverlay(gateway, "alice", order);
      expect(reply).toMatchObject({ type: "error", condition: "bad-request" });
      expect(reply.text).not.toBe("");
      expect(await hello(gateway)).toMatchObject({ overlays: "0" });
    });

    it("are refused without an end", async () => {
      const reply = await gateway.request({ type: "set", to: ALICE, payload: `<overlay xmlns="${NS}" show="dnd"/>` });
      expect(reply).toMatchObject({
        condition: "bad-request",
        text: "until must be a whole number of seconds since 1970",
      });
    });

    it.each([HOST, `${ALICE}/pc`, `${ALICE}/elsewhere`])(
      "are refused for %s, which is no bare address of a user",
      async (to) => {
        expect(await gateway.request({ type: "set", to, payload: OVERLAY })).toMatchObject({
          condition: "bad-request",
        });
      },
    );

    it("are refused for users who do not exist", async () => {
      expect(await setOverlay(gateway, "nobody", IN_A_MEETING)).toMatchObject({ condition: "item-not-found" });
    });

    it("are refused when they are of an unknown kind", async () => {
      const kinds = [`<hello xmlns="${NS}"/>`, `<other xmlns="${NS}"/>`];
      for (const payload of kinds)
        expect(await gateway.request({ type: "set", to: HOST, payload })).toMatchObject({ condition: "bad-request" });
      expect(await gateway.request({ type: "get", to: ALICE, payload: OVERLAY })).toMatchObject({
        condition: "bad-request",
      });
    });

    it("are accepted for users who are offline", async () => {
      expect(await setOverlay(gateway, "carol", { ...IN_A_MEETING, until: inSeconds(1) })).toMatchObject({
        type: "result",
      });
    });

    it("are accepted for many users at once, and refused for those alone who cannot be shown", async () => {
      const users = [ALICE, `nobody@${HOST}`, `${ALICE}/pc`, "carol@elsewhere.example"].map(
        (jid) => `<to jid="${jid}"/>`,
      );
      const good = `<overlay show="xa" until="${inSeconds(600)}"><status>Away</status>${users.join("")}</overlay>`;
      const bad = `<overlay show="busy" until="${inSeconds(600)}"><to jid="bob@${HOST}"/></overlay>`;
      const payload = `<overlays xmlns="${NS}">${good}${bad}</overlays>`;
      const reply = await gateway.request({ type: "set", to: HOST, payload });
      const refused = reply.element.getChild("overlays", NS)?.getChildren("refused") ?? [];
      expect(refused.map(({ attrs }) => [attrs["jid"], attrs["condition"]])).toEqual([
        [`nobody@${HOST}`, "item-not-found"],
        [`${ALICE}/pc`, "bad-request"],
        ["carol@elsewhere.example", "bad-request"],
        [`bob@${HOST}`, "bad-request"],
      ]);
      await bob.waitFor((me) => hasSeen(me, ALICE, "xa"), "alice away");
      const clear = `<overlays xmlns="${NS}"><overlay><to jid="${ALICE}"/></overlay></overlays>`;
      expect(await gateway.request({ type: "set", to: HOST, payload: clear })).toMatchObject({ type: "result" });
      await bob.waitFor((me) => me.view(ALICE).show === "available", "alice's own presence");
      expect(await hello(gateway)).toMatchObject({ features: FEATURES[kind] });
    });

    it("for many users at once are forbidden to others", async () => {
      const payload = `<overlays xmlns="${NS}"><overlay show="dnd"><to jid="${ALICE}"/></overlay></overlays>`;
      expect(await alice.request({ type: "set", to: HOST, payload })).toMatchObject(FORBIDDEN);
    });

    it("end at the longest time that the server allows", async () => {
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, until: 99_999_999_999 });
      await bob.waitFor(
        (me) => hasSeen(me, ALICE, "dnd") && me.view(ALICE).show === "available",
        "the meeting and its end",
      );
    });

    it("show their texts as they are, whatever they contain", async () => {
      const text = `<b>&amp;"'é 会 🎉`;
      await setOverlay(gateway, "alice", { statuses: { en: escapeXml(text) } });
      await bob.waitFor((me) => me.view(ALICE).status === text, "the text");
      await setOverlay(gateway, "alice", {});
      await bob.waitFor((me) => me.view(ALICE).status === "Here", "the own text");
    });

    it("are answered with result or bad-request, whatever they contain", async () => {
      const value = fc.oneof(
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.constantFrom("dnd", "en", "in_a_meeting", "0", String(inSeconds(1))),
      );
      const values = fc.record(
        { show: value, activity: value, until: value, lang: value, text: value },
        { requiredKeys: ["lang", "text"] },
      );
      await fc.assert(
        fc.asyncProperty(values, async ({ lang, text, ...attributes }) => {
          const escaped = Object.fromEntries(Object.entries(attributes).map(([name, each]) => [name, escapeXml(each)]));
          const reply = await setOverlay(gateway, "carol", {
            ...escaped,
            statuses: { [escapeXml(lang)]: escapeXml(text) },
          });
          expect(reply.condition).toMatch(/^(bad-request)?$/);
        }),
        { numRuns: 300 },
      );
    });
  });

  it("the server names the feature to those who ask what it can do", async () => {
    const info = '<query xmlns="http://jabber.org/protocol/disco#info"/>';
    const reply = await gateway.request({ type: "get", to: HOST, payload: info });
    expect(reply.element.toString()).toContain(NS);
  });
}
