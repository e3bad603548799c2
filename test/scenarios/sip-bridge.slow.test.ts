import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SipClients } from "../../plugins/clients-sip/sip-clients.ts";
import { parsePresentityId, parseSipAor } from "../../src/core/addresses.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { PresenceServer } from "../doubles/sip/presence-server.ts";
import { createAgentPublisher } from "./agent-publisher.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";
import { DOMAIN } from "./xmpp-world.ts";

const ALICE = parsePresentityId(`alice@${DOMAIN}`);
const AOR = parseSipAor(`sip:alice@${DOMAIN}`);

const SHOWS = ["", "<show>away</show>", "<show>dnd</show>", "<show>chat</show>"];

/** The whole gateway between an XMPP server and a SIP presence server that composes as Kamailio does. */
describe("the bridge between XMPP and SIP", () => {
  let whole: WholeGateway;
  let sip: PresenceServer;

  beforeEach(async () => {
    whole = await startWholeGateway({
      beside: (runtime) => {
        sip = new PresenceServer(runtime.clock);
        const options = {
          events: ["presence", "dialog"],
          perSecond: 100,
          reservedTexts: reservedTexts(TEXT_CATALOGUE),
        } as const;
        return {
          publisher: createAgentPublisher(sip, runtime),
          clients: new SipClients(options, async () => sip.connect(), runtime),
        };
      },
    });
    await whole.enable("alice");
    const user = await whole.store.registry.findUser(ALICE);
    if (!user) throw new Error("alice is no user");
    await whole.store.registry.replaceUser({ ...user, sip: AOR });
    await whole.pass(5);
  });
  afterEach(() => whole.close());

  /** What the gateway itself says in the composed document: the tuple and the person, in short. */
  const shownBySip = (): string => {
    const document = sip.documentOf(AOR);
    const tuple = /<tuple id="gw">(.*?)<\/tuple>/.exec(document)?.[1] ?? "";
    const person = /<dm:person id="p-gw">(.*?)<\/dm:person>/.exec(document)?.[1] ?? "";
    const [basic = "", show = ""] = [/<basic>(.*?)</.exec(tuple)?.[1], /<show [^>]*>(.*?)</.exec(tuple)?.[1]];
    const activities = [...person.matchAll(/<rpid:([\w-]+)\/>/g)].map(([, name]) => name);
    return [basic, show, ...activities].filter(Boolean).join(" ");
  };
  /** What happens every so many minutes, each time something else. */
  const CHANGES: readonly { readonly every: number; readonly make: (minute: number) => void }[] = [
    { every: 3, make: (minute) => whole.xmpp.online("alice", SHOWS[minute % SHOWS.length]) },
    {
      every: 5,
      make: (minute) => sip.publishPhone(AOR, "desk", { show: minute % 2 ? "dnd" : "", note: `n${minute}` }),
    },
    { every: 7, make: (minute) => sip.setCalls(AOR, minute % 2 ? "confirmed" : "terminated") },
  ];
  const publishes = (): number => sip.requests.filter(({ method }) => method === "PUBLISH").length;

  test("shows SIP watchers what the Jabber client says, and that it is gone", async () => {
    expect(shownBySip()).toBe("open");
    const idle = "<idle xmlns='urn:xmpp:idle:1' since='2026-11-23T08:30:00Z'/>";
    whole.xmpp.online("alice", `<show>xa</show><status xml:lang='de'>Mittag</status><priority>5</priority>${idle}`);
    await whole.pass(3);
    expect(shownBySip()).toBe("open xa away");
    expect(sip.documentOf(AOR)).toContain('<note xml:lang="de">Mittag</note>');
    expect(sip.documentOf(AOR)).toContain('<contact priority="0.039">');
    expect(sip.documentOf(AOR)).toContain('<rpid:user-input last-input="2026-11-23T08:30:00Z">idle<');
    whole.xmpp.offline("alice");
    await whole.pass(3);
    expect(shownBySip()).toBe("closed");
  });

  test("shows Jabber contacts what the phone says, and that it is gone", async () => {
    sip.publishPhone(AOR, "desk", { activities: "<rpid:busy/>", note: "Writing" });
    await whole.pass(3);
    expect(whole.xmpp.view("alice")).toBe("dnd|");
    sip.unpublish(AOR, "phone-desk");
    await whole.pass(3);
    expect(whole.xmpp.view("alice")).toBe("");
  });

  test("does not let a phone that is merely there speak for somebody who is away", async () => {
    sip.publishPhone(AOR, "desk");
    whole.xmpp.online("alice", "<show>away</show>");
    await whole.pass(3);
    expect([shownBySip(), whole.xmpp.view("alice")]).toEqual(["open away away", ""]);
  });

  test("[M3] shows a call over a meeting on both sides, and the meeting again after it", async () => {
    whole.meet("alice", -5, 60);
    await whole.passUntil(() => shownBySip() === "open dnd meeting busy", "the meeting");
    sip.setCalls(AOR, "confirmed");
    await whole.pass(3);
    expect([shownBySip(), whole.xmpp.view("alice")]).toEqual(["open dnd on-the-phone busy", "dnd|on_the_phone"]);
    sip.setCalls(AOR, "terminated");
    await whole.pass(3);
    expect([shownBySip(), whole.xmpp.view("alice")]).toEqual(["open dnd meeting busy", "dnd|in_a_meeting"]);
  });

  test("[R1] never makes a meeting of what a phone claims", async () => {
    sip.publishPhone(AOR, "desk", { activities: "<rpid:meeting/>", note: "In a meeting" });
    await whole.pass(5);
    expect([shownBySip(), whole.xmpp.view("alice")]).toEqual(["open", ""]);
    const claims = (await whole.store.registry.listAudit(10)).filter(({ action }) => action === "claim.forged");
    expect(claims.map(({ subject, detail }) => [subject, detail])).toEqual([[ALICE, "in a meeting, by document"]]);
  });

  test("makes no loop: an hour of changes on both sides costs at most one publication each, and quiet costs none", async () => {
    const before = { sip: publishes(), xmpp: whole.xmpp.publications };
    let changes = 0;
    for (let minute = 0; minute < 60; minute++) {
      const due = CHANGES.filter(({ every }) => minute % every === 0);
      for (const { make } of due) make(minute);
      changes += due.length;
      await whole.pass(2);
      await whole.runtime.clock.advance(58_000);
    }
    // Two refreshes of the publication itself fall into the hour, and each side shows each change in two ways at most.
    expect(publishes() - before.sip).toBeLessThanOrEqual(changes + 2);
    expect(whole.xmpp.publications - before.xmpp).toBeLessThanOrEqual(2 * changes);
    sip.setCalls(AOR, "terminated");
    await whole.pass(5);
    const quiet = { sip: publishes(), xmpp: whole.xmpp.publications };
    await whole.runtime.clock.advance(20 * 60_000);
    expect(publishes() - quiet.sip).toBeLessThanOrEqual(1);
    expect(whole.xmpp.publications).toBe(quiet.xmpp);
  });
});
