import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type JabberClient, type JabberReply, NS_ACTIVITY, NS_PUBSUB } from "../../lab/jabber-client.ts";
import type { RawComponent } from "./raw-component.ts";
import { HOST, IN_A_MEETING, MEETING, type Site, setOverlay, startSite } from "./site.ts";

const ALICE = `alice@${HOST}`;
const ROOM = `lunch@rooms.${HOST}`;
const REFUSED = { type: "error", condition: "not-allowed", text: "'In a meeting' is set from the calendar only" };
let site: Site;
let gateway: RawComponent;
let alice: JabberClient;
let bob: JabberClient;

beforeAll(async () => {
  site = await startSite({ rooms: `rooms.${HOST}`, options: { presence_gateway_reserved_texts: ["Bin im Termin"] } });
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
    publishIn(`<item><activity xmlns="${NS_ACTIVITY}"/><activity xmlns="${NS_ACTIVITY}">${MEETING}</activity></item>`),
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
    expect(await bob.request({ type: "set", to: ALICE, payload: publishIn(item("<working/>")) })).toMatchObject({
      type: "result",
    });
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
    expect(site.prosody.log()).toMatch(
      /info\tRefused the activity 'in a meeting' that alice@example\.test tried to publish$/m,
    );
  });
});

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
      (me) => me.seen.some((fact) => fact.kind === "presence" && fact.from === alice.jid && fact.priority === priority),
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

  it("survives texts as long as a stanza may be", async () => {
    await show(`${"\u200B".repeat(60_000)}In a meeting`);
    expect(statusOfAlice()).toBe("");
    await show("é".repeat(50_000));
    expect(statusOfAlice()).toHaveLength(50_000);
  });
});

describe("the guard while the gateway is down", () => {
  it("[R2] refuses and removes the same", async () => {
    await gateway.vanish();
    for (const [, payload] of FORGERIES) expect(await forge(payload)).toMatchObject(REFUSED);
    await alice.sendPresence({ status: "In a meeting", priority: 104 });
    await bob.waitFor(
      (me) => me.seen.some((fact) => fact.kind === "presence" && fact.priority === 104),
      "the presence",
    );
    expect(bob.view(ALICE)).toMatchObject({ show: "available", status: "" });
    gateway = await site.gateway();
  });
});
