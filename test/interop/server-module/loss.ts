import { afterEach, describe, expect, it } from "vitest";
import { type JabberClient, NS_ACTIVITY, NS_PUBSUB } from "../../lab/jabber-client.ts";
import type { ServerKind } from "../../lab/xmpp-server.ts";
import type { RawComponent } from "./raw-component.ts";
import {
  GATEWAY,
  HOST,
  hasSeen,
  hello,
  IN_A_MEETING,
  inSeconds,
  MEETING,
  type Site,
  setOverlay,
  startSite,
  waitOut,
} from "./site.ts";

/** Nothing stale stays when gateway or server end. */
export function describeLoss(kind: ServerKind): void {
  const ALICE = `alice@${HOST}`;
  let site: Site | undefined;

  const open = async (grace: number): Promise<Site> => {
    site = await startSite(kind, { module: { grace } });
    return site;
  };
  afterEach(async () => {
    await site?.close();
    site = undefined;
  });

  const hasActivity = (watcher: JabberClient): boolean => watcher.view(ALICE).activity?.specific === "in_a_meeting";
  const hasSeenActivity = (watcher: JabberClient): boolean =>
    watcher.seen.some((fact) => fact.kind === "activity" && fact.specific === "in_a_meeting");
  const isOwn = (watcher: JabberClient): boolean =>
    watcher.view(ALICE).show === "chat" && watcher.view(ALICE).status === "Ask me";

  /** Waits until alice's stored activity, as a contact reads it, is a meeting or is none. */
  const untilStored = (watcher: JabberClient, isMeeting: boolean): Promise<void> =>
    expect
      .poll(
        async () => {
          const payload = `<pubsub xmlns="${NS_PUBSUB}"><items node="${NS_ACTIVITY}"/></pubsub>`;
          const { element } = await watcher.request({ type: "get", to: ALICE, payload });
          return element.toString().includes("in_a_meeting");
        },
        { timeout: 10_000, interval: 100 },
      )
      .toBe(isMeeting);

  /** Alice is online with a status of her own, in a meeting by the gateway; bob sees it. */
  async function meetingOfAlice(
    at: Site,
    until: number,
  ): Promise<{ gateway: RawComponent; alice: JabberClient; bob: JabberClient }> {
    const gateway = await at.gateway();
    await hello(gateway);
    const bob = await at.jabber("bob");
    const alice = await at.jabber("alice", { presence: { show: "chat", status: "Ask me" } });
    await setOverlay(gateway, "alice", { ...IN_A_MEETING, activity: "in_a_meeting", until });
    await gateway.publish(ALICE, MEETING);
    await bob.waitFor((me) => hasSeen(me, ALICE, "dnd") && hasSeenActivity(me), "the meeting");
    return { gateway, alice, bob };
  }

  describe("a gateway that dies", () => {
    it("[R2] leaves no meeting behind after the grace: own presence, no activity, another instance", async () => {
      const at = await open(1);
      const { gateway, alice, bob } = await meetingOfAlice(at, inSeconds(600));
      const { instance } = await hello(gateway);
      await gateway.vanish();
      await bob.waitFor((me) => isOwn(me) && !hasActivity(me), "alice's own presence and no activity");
      const back = await at.gateway();
      const answer = await hello(back);
      expect(answer["overlays"]).toBe("0");
      expect(answer["instance"]).not.toBe(instance);
      expect(alice.seen.filter((fact) => fact.kind === "error" || fact.kind === "message")).toEqual([]);
    });

    it("keeps its overlays when it returns within the grace", async () => {
      const at = await open(4);
      const { gateway, bob } = await meetingOfAlice(at, inSeconds(600));
      const { instance } = await hello(gateway);
      await gateway.vanish();
      const back = await at.gateway();
      await waitOut(back, bob, 5); // alice's overlay would have been dropped by then
      expect(bob.view(ALICE)).toMatchObject({
        show: "dnd",
        status: "In a meeting",
        activity: { specific: "in_a_meeting" },
      });
      expect(await hello(back)).toMatchObject({ instance, overlays: "1" });
    });

    it("[R2] has its meeting ended at its time even within the grace, activity included, without an error for anybody", async () => {
      const at = await open(300);
      const { gateway, alice, bob } = await meetingOfAlice(at, inSeconds(1));
      await gateway.vanish();
      await bob.waitFor((me) => isOwn(me) && !hasActivity(me), "alice's own presence and no activity");
      await alice.settle();
      expect(alice.seen.filter((fact) => fact.kind === "error" || fact.kind === "message")).toEqual([]);
    });

    it("[R2] leaves no activity of users who have gone offline meanwhile", async () => {
      const at = await open(1);
      const { gateway, alice, bob } = await meetingOfAlice(at, inSeconds(600));
      await alice.close();
      await gateway.vanish();
      await untilStored(bob, false);
      // ejabberd sends events of users who are online only
      if (kind === "prosody") await bob.waitFor((me) => !hasActivity(me), "no activity");
    });
  });

  describe("a gateway that hangs", () => {
    it("[R2] has its activity cleared when it does not do so at the end", async () => {
      const at = await open(1); // the server's patience is never longer than the grace
      const { bob } = await meetingOfAlice(at, inSeconds(1));
      await bob.waitFor((me) => isOwn(me) && !hasActivity(me), "no activity");
    });

    it("has a newer meeting's activity left alone", async () => {
      const at = await open(1);
      const { gateway, bob } = await meetingOfAlice(at, inSeconds(1));
      await bob.waitFor(isOwn, "the end");
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, activity: "in_a_meeting", until: inSeconds(600) });
      await waitOut(gateway, bob, 2);
      expect(hasActivity(bob)).toBe(true);
    });
  });

  describe("a server that restarts", () => {
    it("[R2] clears the stored meeting of a gateway that does not come back, for those online and those who come later", async () => {
      const at = await open(8); // both log in within the grace, on a slow machine too
      await meetingOfAlice(at, inSeconds(600));
      await at.server.restart();
      await at.jabber("alice");
      const bob = await at.jabber("bob");
      await bob.waitFor(hasActivity, "the stored activity");
      await bob.waitFor((me) => !hasActivity(me), "no activity", 20_000);
    });

    it("[R2] clears it when the user logs in after the grace", async () => {
      const at = await open(1);
      await meetingOfAlice(at, inSeconds(600));
      await at.server.restart();
      const gateway = await at.gateway();
      await hello(gateway);
      const bob = await at.jabber("bob");
      await untilStored(bob, true);
      await waitOut(gateway, bob, 2);
      await untilStored(bob, true);
      await at.jabber("alice");
      await untilStored(bob, false);
    });

    it("leaves the meeting of a gateway that comes back and says so", async () => {
      const at = await open(1);
      await meetingOfAlice(at, inSeconds(600));
      await at.server.restart();
      const gateway = await at.gateway();
      await hello(gateway);
      await setOverlay(gateway, "alice", { ...IN_A_MEETING, activity: "in_a_meeting", until: inSeconds(600) });
      await at.jabber("alice");
      const bob = await at.jabber("bob");
      await waitOut(gateway, bob, 3);
      expect(bob.view(ALICE)).toMatchObject({ show: "dnd", activity: { specific: "in_a_meeting" } });
    });
  });

  describe("a module that is loaded late", () => {
    it("[R1] removes what clients had claimed before, and leaves everything when it is unloaded", async () => {
      const at = await open(1);
      await at.server.unloadModule();
      const bob = await at.jabber("bob");
      const alice = await at.jabber("alice", { presence: { show: "dnd", status: "In a meeting" } });
      await alice.publishActivity({ general: "working", specific: "in_a_meeting" });
      await bob.waitFor((me) => me.view(ALICE).status === "In a meeting" && hasActivity(me), "the claims");
      await at.server.loadModule();
      await bob.waitFor((me) => me.view(ALICE).show === "dnd" && me.view(ALICE).status === "", "no status text");
      await bob.waitFor((me) => !hasActivity(me), "no activity");
      const gateway = await at.gateway();
      await setOverlay(gateway, "alice", { show: "away" });
      await bob.waitFor((me) => me.view(ALICE).show === "away", "an overlay on a connection older than the module");
      await at.server.unloadModule();
      await bob.waitFor((me) => me.view(ALICE).show === "dnd", "alice's own show");
    });
  });

  describe("silence", () => {
    it("[R2] surrounds a gateway that is away: no errors, no empty messages, at login, on change and to its own address", async () => {
      const at = await open(300);
      const gateway = await at.gateway(); // mod_privilege forwards presence once the component has been there
      const bob = await at.jabber("bob");
      await gateway.vanish();
      const alice = await at.jabber("alice");
      await alice.sendPresence({ show: "away" });
      await alice.sendPresence({ to: GATEWAY });
      await alice.sendPresence({ to: `bob\\40${HOST}@${GATEWAY}` });
      await alice.send(`<presence type="probe" to="${GATEWAY}"/>`);
      await bob.waitFor((me) => me.view(ALICE).show === "away", "alice away");
      await alice.settle();
      for (const client of [alice, bob]) {
        expect(client.seen.filter((fact) => fact.kind !== "presence").map((fact) => fact.element.toString())).toEqual(
          [],
        );
      }
      expect(at.server.log()).not.toContain("Component not connected");
    });

    it("is not for messages: who writes to a gateway that is away is told", async () => {
      const at = await open(300);
      const alice = await at.jabber("alice");
      await alice.send(`<message to="${GATEWAY}" type="chat"><body>status</body></message>`);
      await alice.waitFor(
        (me) => me.seen.some((fact) => fact.kind === "error" && fact.condition === "remote-server-timeout"),
        "the error",
      );
    });
  });
}
