import type { Element } from "@xmpp/xml";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JabberClient } from "../../lab/jabber-client.ts";
import type { ServerKind } from "../../lab/xmpp-server.ts";
import type { RawComponent } from "./raw-component.ts";
import {
  FEATURES,
  GATEWAY,
  HOST,
  hello,
  IN_A_MEETING,
  inSeconds,
  NS,
  type Site,
  setOverlay,
  startSite,
  waitOut,
} from "./site.ts";

/** What contacts see instead of the user's own presence. */
export function describeOverlay(kind: ServerKind): void {
  const ALICE = `alice@${HOST}`;
  let site: Site;
  let gateway: RawComponent;
  let alice: JabberClient;
  let bob: JabberClient;

  const sees = (watcher: JabberClient, show: string, status: string): Promise<void> =>
    watcher.waitFor(
      (me) => me.view(ALICE).show === show && me.view(ALICE).status === status,
      `${show} "${status}" of alice`,
    );
  const presencesOfAlice = (watcher: JabberClient): number =>
    watcher.seen.filter((fact) => fact.kind === "presence" && fact.from.startsWith(ALICE)).length;

  beforeAll(async () => {
    site = await startSite(kind);
    gateway = await site.gateway();
    bob = await site.jabber("bob");
    alice = await site.jabber("alice", { presence: { show: "away", status: "Out for lunch", priority: 5 } });
    await sees(bob, "away", "Out for lunch");
  });
  afterAll(() => site.close());
  afterEach(async () => {
    await setOverlay(gateway, "alice", { until: "0" });
    await alice.sendPresence({ show: "away", status: "Out for lunch", priority: 5 });
    await alice.settle();
    await bob.settle();
    expect(bob.view(ALICE)).toMatchObject({ show: "away", status: "Out for lunch" });
  });

  describe("an overlay on the user's own presence", () => {
    it("shows on the user's resource, with her priority and capabilities, and marked", async () => {
      expect(await setOverlay(gateway, "alice", IN_A_MEETING)).toMatchObject({ type: "result" });
      await sees(bob, "dnd", "In a meeting");
      const shown = bob.seen.findLast((fact) => fact.kind === "presence" && fact.from === alice.jid);
      expect(shown).toMatchObject({ priority: 5 });
      expect(shown?.element.getChild("overlaid", NS)).toBeDefined();
      expect(shown?.element.getChild("c", "http://jabber.org/protocol/caps")).toBeDefined();
    });

    it("keeps the client's own show or status where it says nothing of them", async () => {
      await setOverlay(gateway, "alice", { show: "dnd" });
      await sees(bob, "dnd", "Out for lunch");
      await setOverlay(gateway, "alice", { statuses: { "": "Back at 15:00" } });
      await sees(bob, "away", "Back at 15:00");
      await setOverlay(gateway, "alice", { show: "available" });
      await sees(bob, "available", "Out for lunch");
    });

    it("carries texts in several languages", async () => {
      await setOverlay(gateway, "alice", {
        show: "dnd",
        statuses: { en: "In a meeting", de: "In einer Besprechung", ja: "会議中" },
      });
      await bob.waitFor((me) => me.view(ALICE).show === "dnd", "dnd");
      const shown = bob.seen.findLast((fact) => fact.kind === "presence");
      expect(shown).toMatchObject({ statuses: { en: "In a meeting", de: "In einer Besprechung", ja: "会議中" } });
    });

    it("ends when cleared", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await sees(bob, "dnd", "In a meeting");
      await setOverlay(gateway, "alice", {});
      await sees(bob, "away", "Out for lunch");
      const shown = bob.seen.findLast((fact) => fact.kind === "presence");
      expect(shown?.element.getChild("overlaid", NS)).toBeUndefined();
    });

    it("ends by itself at its time", async () => {
      const before = presencesOfAlice(bob);
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, until: inSeconds(1) });
      await bob.waitFor(() => presencesOfAlice(bob) === before + 2, "beginning and end");
      const [shown, own] = bob.seen.filter((fact) => fact.from === alice.jid).slice(-2);
      expect(shown).toMatchObject({ show: "dnd", status: "In a meeting" });
      expect(own).toMatchObject({ show: "away", status: "Out for lunch" });
    });

    it("lives on when it is prolonged before its time", async () => {
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, until: inSeconds(1) });
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, until: inSeconds(60) });
      await waitOut(gateway, bob, 2);
      expect(bob.view(ALICE).show).toBe("dnd");
    });

    it("stands on every resource and on those that come later", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      const phone = await site.jabber("alice", { resource: "phone", presence: { show: "chat", priority: 1 } });
      await bob.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "presence" && fact.from === phone.jid && fact.show === "dnd"),
        "dnd on the phone",
      );
      await setOverlay(gateway, "alice", {});
      await bob.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "presence" && fact.from === phone.jid && fact.show === "chat"),
        "the phone's own show",
      );
      await phone.close();
    });

    it("is what a contact who logs in later sees", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      const carol = await site.jabber("carol");
      await sees(carol, "dnd", "In a meeting");
      await carol.close();
    });

    it("remembers what the client says meanwhile and shows it at the end", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await alice.sendPresence({ show: "xa", status: "Gone home", priority: 5 });
      await gateway.waitFor(
        (seen) => seen.some((each) => each.getChildText("status") === "Gone home"),
        "the client's own presence",
      );
      await sees(bob, "dnd", "In a meeting");
      await setOverlay(gateway, "alice", {});
      await sees(bob, "xa", "Gone home");
    });

    it("broadcasts nothing when nothing changes for those who look", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await sees(bob, "dnd", "In a meeting");
      const before = presencesOfAlice(bob);
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, until: inSeconds(600) });
      await bob.settle();
      expect(presencesOfAlice(bob)).toBe(before);
    });

    it("does not tell the gateway again what the gateway has ordered", async () => {
      await alice.settle();
      await setOverlay(gateway, "alice", {});
      const before = gateway.seen.length;
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await setOverlay(gateway, "alice", {});
      await alice.settle();
      await setOverlay(gateway, "alice", {});
      expect(gateway.seen.slice(before).map(String)).toEqual([]);
    });

    it("is lifted with the client's going offline", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await alice.send("<presence type='unavailable'/>");
      await bob.waitFor((me) => me.view(ALICE).show === "offline", "alice offline");
    });
  });

  describe("a gateway that connects", () => {
    it("is told the clients' own presence behind each overlay, and on Prosody the overlaid one before", async () => {
      await setOverlay(gateway, "alice", IN_A_MEETING);
      await gateway.vanish();
      gateway = await site.gateway();
      const answer = await hello(gateway);
      expect(answer).toMatchObject({ version: "1", overlays: "1", features: FEATURES[kind] });
      const ofAlice = () => gateway.seen.filter((each) => each.name === "presence" && each.attrs["from"] === alice.jid);
      const isOverlaid = kind === "prosody" ? [true, false] : [false]; // mod_privilege of ejabberd tells nothing at connect
      await gateway.waitFor(() => ofAlice().length >= isOverlaid.length, "the presences of alice");
      expect(ofAlice().map((each) => each.getChild("overlaid", NS) !== undefined)).toEqual(isOverlaid);
      const own = ofAlice().at(-1);
      expect([own?.getChildText("show"), own?.getChildText("status"), own?.attrs["to"]]).toEqual([
        "away",
        "Out for lunch",
        GATEWAY,
      ]);
    });

    it("is told nothing again when it names the instance that it knows", async () => {
      const { instance = "" } = await hello(gateway);
      await setOverlay(gateway, "alice", IN_A_MEETING);
      const isOwn = (each: Element): boolean =>
        each.name === "presence" && each.attrs["from"] === alice.jid && !each.getChild("overlaid", NS);
      const ofAlice = () => gateway.seen.filter((each) => isOwn(each));
      await hello(gateway);
      await gateway.waitFor(() => ofAlice().length > 0, "the presence of alice");
      const before = ofAlice().length;
      expect(await hello(gateway, instance)).toMatchObject({ instance, overlays: "1" });
      await hello(gateway, "another");
      await gateway.waitFor(() => ofAlice().length > before, "the presence of alice again");
      expect(ofAlice().length).toBe(before + 1);
    });

    it("meets the same instance after a reload of the module, with all overlays, and another after a restart of the server", async () => {
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, until: inSeconds(8) });
      const { instance } = await hello(gateway);
      await site.server.reloadModule();
      expect(await hello(gateway)).toMatchObject({ instance, overlays: "1" });
      expect(bob.view(ALICE)).toMatchObject({ show: "dnd", status: "In a meeting" });
      await bob.waitFor((me) => me.view(ALICE).show === "away", "the end, which is remembered as well", 15_000);
      await site.server.restart();
      gateway = await site.gateway();
      const after = await hello(gateway);
      expect(after["instance"]).not.toBe(instance);
      expect(after["overlays"]).toBe("0");
      bob = await site.jabber("bob");
      alice = await site.jabber("alice");
    });
  });
}
