import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type JabberClient, type JabberReply, NS_ACTIVITY, NS_PUBSUB } from "../../lab/jabber-client.ts";
import type { ServerKind } from "../../lab/xmpp-server.ts";
import type { RawComponent } from "./raw-component.ts";
import { HOST, MEETING, type Site, startSite } from "./site.ts";

/** Nobody but the gateway publishes a meeting. */
export function describeActivityGuard(kind: ServerKind): void {
  const ALICE = `alice@${HOST}`;
  const REFUSED = { type: "error", condition: "not-allowed", text: "'In a meeting' is set from the calendar only" };
  let site: Site;
  let gateway: RawComponent;
  let alice: JabberClient;
  let bob: JabberClient;

  beforeAll(async () => {
    site = await startSite(kind);
    gateway = await site.gateway();
    bob = await site.jabber("bob");
    alice = await site.jabber("alice");
  });
  afterAll(() => site.close());

  const publishIn = (items: string, more = ""): string =>
    `<pubsub xmlns="${NS_PUBSUB}"><publish node="${NS_ACTIVITY}">${items}</publish>${more}</pubsub>`;
  const item = (activity: string, id = "current"): string =>
    `<item id="${id}"><activity xmlns="${NS_ACTIVITY}">${activity}</activity></item>`;
  const form = (fields: string): string =>
    `<publish-options><x xmlns="jabber:x:data" type="submit"><field var="FORM_TYPE" type="hidden"><value>${NS_PUBSUB}#publish-options</value></field>${fields}</x></publish-options>`;
  const open = '<field var="pubsub#access_model"><value>presence</value></field>';

  const FORGERIES: readonly (readonly [string, string])[] = [
    ["plainly", publishIn(item(MEETING))],
    ["behind a repeated general activity", publishIn(item("<working/><working><in_a_meeting/></working>"))],
    ["beside another specific activity", publishIn(item("<working><coding/><in_a_meeting/></working>"))],
    ["under a general activity where it does not belong", publishIn(item("<relaxing><in_a_meeting/></relaxing>"))],
    ["in the second of two items", publishIn(item("<eating/>", "one") + item(MEETING, "two"))],
    [
      "in a second payload of one item",
      publishIn(
        `<item><activity xmlns="${NS_ACTIVITY}"/><activity xmlns="${NS_ACTIVITY}">${MEETING}</activity></item>`,
      ),
    ],
    [
      "in a second publish element",
      `<pubsub xmlns="${NS_PUBSUB}"><publish node="${NS_ACTIVITY}"/><publish node="${NS_ACTIVITY}">${item(MEETING)}</publish></pubsub>`,
    ],
    [
      "with prefixes",
      `<p:pubsub xmlns:p="${NS_PUBSUB}"><p:publish node="${NS_ACTIVITY}"><p:item><a:activity xmlns:a="${NS_ACTIVITY}"><a:working><a:in_a_meeting/></a:working></a:activity></p:item></p:publish></p:pubsub>`,
    ],
    ["in a foreign namespace", publishIn(item('<working><in_a_meeting xmlns="urn:example:other"/></working>'))],
    ["fifty elements deep", publishIn(item(`${"<other>".repeat(50)}<in_a_meeting/>${"</other>".repeat(50)}`))],
    ["thousands of elements deep", publishIn(item(`${"<o>".repeat(9_000)}<in_a_meeting/>${"</o>".repeat(9_000)}`))],
    ["with publish-options", publishIn(item(MEETING), form(open))],
    [
      "with publish-options before the item",
      `<pubsub xmlns="${NS_PUBSUB}">${form(open)}<publish node="${NS_ACTIVITY}">${item(MEETING)}</publish></pubsub>`,
    ],
    ["without an item id", publishIn(`<item><activity xmlns="${NS_ACTIVITY}">${MEETING}</activity></item>`)],
    [
      "with a configured creation in the same request",
      `<pubsub xmlns="${NS_PUBSUB}"><create node="${NS_ACTIVITY}"/><publish node="${NS_ACTIVITY}">${item(MEETING)}</publish></pubsub>`,
    ],
    ["as free text", publishIn(item("<working/><text>In a meeting</text>"))],
    [
      "as free text in another language and disguise",
      publishIn(item('<undefined/><text xml:lang="de">  IN EINER\tBesprechung!! 📅</text>')),
    ],
    ["as free text in pieces", publishIn(item("<undefined/><text>In <b>a</b> meeting</text>"))],
  ];

  /** The stored item, as its owner reads it. */
  const stored = async (): Promise<string> =>
    (
      await alice.request({
        type: "get",
        payload: `<pubsub xmlns="${NS_PUBSUB}"><items node="${NS_ACTIVITY}"/></pubsub>`,
      })
    ).element.toString();

  const forge = (payload: string, to?: string): Promise<JabberReply> =>
    alice.request({ type: "set", payload, ...(to === undefined ? {} : { to }) });

  describe("the guard of the activity node", () => {
    beforeEach(async () => {
      await alice.publishActivity({ general: "eating", text: "Soup" });
    });

    it.each(FORGERIES)("[R1] refuses 'in a meeting' published %s", async (_, payload) => {
      expect(await forge(payload)).toMatchObject(REFUSED);
      expect(await forge(payload, ALICE)).toMatchObject(REFUSED);
      expect(await forge(payload, "ALICE@EXAMPLE.TEST")).toMatchObject(REFUSED);
      expect(await stored()).toContain("Soup");
      await bob.settle();
      expect(bob.seen.filter((fact) => fact.element.toString().includes("in_a_meeting"))).toEqual([]);
    });

    it("[R1] refuses it from a contact whom the owner allows to publish", async () => {
      const grant = `<pubsub xmlns="${NS_PUBSUB}#owner"><affiliations node="${NS_ACTIVITY}"><affiliation jid="bob@${HOST}" affiliation="publisher"/></affiliations></pubsub>`;
      expect(await alice.request({ type: "set", payload: grant })).toMatchObject({ type: "result" });
      const own = publishIn(item("<working/>", "of-bob")); // ejabberd lets nobody overwrite another one's item
      expect(await bob.request({ type: "set", to: ALICE, payload: own })).toMatchObject({ type: "result" });
      expect(await bob.request({ type: "set", to: ALICE, payload: publishIn(item(MEETING)) })).toMatchObject(REFUSED);
    });

    it("[R1] stores nothing that is sent to a full address", async () => {
      expect((await forge(publishIn(item(MEETING)), alice.jid)).type).toBe("error");
      expect(await stored()).toContain("Soup");
    });

    it("lets other activities and other nodes pass", async () => {
      const working = { general: "working", specific: "coding", text: "A meeting room display" };
      expect(await alice.publishActivity(working)).toMatchObject({ type: "result" });
      await bob.waitFor((me) => me.view(ALICE).activity?.text === working.text, "the other activity");
      const mood = `<pubsub xmlns="${NS_PUBSUB}"><publish node="http://jabber.org/protocol/mood"><item><mood xmlns="http://jabber.org/protocol/mood"><happy/><text>In a meeting</text></mood></item></publish></pubsub>`;
      expect(await forge(mood)).toMatchObject({ type: "result" });
      expect(await alice.publishActivity()).toMatchObject({ type: "result" });
    });

    it("lets the gateway publish it for the user", async () => {
      expect(await gateway.publish(ALICE, `${MEETING}<text>In a meeting</text>`)).toBe(true);
      await bob.waitFor((me) => me.view(ALICE).activity?.specific === "in_a_meeting", "the gateway's activity");
      expect(await gateway.publish(ALICE, "")).toBe(true);
      await bob.waitFor((me) => me.view(ALICE).activity === undefined, "no activity");
    });

    it("logs who tried, and not what", async () => {
      await forge(publishIn(item("<working/><text>In a meeting</text>")));
      const line = /info(\t|\] .*)Refused the activity 'in a meeting' that alice@example\.test tried to publish$/m;
      await expect.poll(() => site.server.log(), { timeout: 10_000 }).toMatch(line);
    });

    it("[R2] [K6] refuses the same while the gateway is down", async () => {
      await gateway.vanish();
      for (const [, payload] of FORGERIES) expect(await forge(payload)).toMatchObject(REFUSED);
    });
  });
}
