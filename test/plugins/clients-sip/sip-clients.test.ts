import { afterEach, describe, expect, test } from "vitest";
import { parsePresentityId, parseSipAor } from "../../../src/core/addresses.ts";
import { hours, minutes, seconds } from "../../../src/lib/time.ts";
import { notify, response } from "../../doubles/sip/presence-server.ts";
import { ALICE, ALICE_SIP, BOB, BOB_SIP, type PhonesStage, startPhones } from "./phones-stage.ts";

let stage: PhonesStage;
afterEach(() => stage.close());

const subscribes = () => stage.server.requests.filter(({ method }) => method === "SUBSCRIBE");
const header = (index: number, name: string): string =>
  subscribes()
    .at(index)
    ?.headers.find(([each]) => each === name)?.[1] ?? "";
const events = () => stage.server.watches.map(({ event }) => event).sort();

describe("hearing phones", () => {
  test("subscribes to presence and calls of everybody followed, and then is settled", async () => {
    stage = await startPhones({
      prepare: (server) => server.publishPhone(ALICE_SIP, "desk", { activities: "<rpid:away/>" }),
    });
    expect(events()).toEqual(["dialog", "presence"]);
    expect(stage.told()).toEqual(["reset", "reset", "alice sip:desk away", "settled"]);
    expect(stage.source.health()).toEqual({ state: "ok", detail: "2 subscriptions to phones" });
  });

  test("tells phones as they come, change and go, and nothing twice", async () => {
    stage = await startPhones();
    stage.told();
    for (const activities of ["", "", "<rpid:busy/>"]) {
      stage.server.publishPhone(ALICE_SIP, "desk", { activities });
      await stage.runtime.clock.advance(seconds(2));
    }
    stage.server.unpublish(ALICE_SIP, "phone-desk");
    await stage.runtime.clock.advance(seconds(2));
    expect(stage.told()).toEqual(["alice sip:desk available", "alice sip:desk dnd", "alice sip:desk gone"]);
  });

  test("says who is in a call, by dialog and by presence, until the last of them ends", async () => {
    stage = await startPhones();
    stage.told();
    stage.server.setCalls(ALICE_SIP, "early");
    expect(stage.told()).toEqual([]);
    stage.server.setCalls(ALICE_SIP, "confirmed");
    stage.server.publishPhone(ALICE_SIP, "desk", { activities: "<rpid:on-the-phone/>" });
    stage.server.setCalls(ALICE_SIP, "terminated");
    await stage.runtime.clock.advance(0);
    expect(stage.told()).toEqual(["alice in a call", "alice sip:desk dnd"]);
    stage.server.publishPhone(ALICE_SIP, "desk");
    await stage.runtime.clock.advance(seconds(2));
    expect(stage.told()).toEqual(["alice sip:desk available", "alice in no call"]);
  });

  test("takes a NOTIFY that comes before the answer to SUBSCRIBE", async () => {
    stage = await startPhones({
      prepare: (server) => {
        server.firstNotify = "before";
        server.publishPhone(ALICE_SIP, "desk");
      },
    });
    expect(stage.told()).toContain("alice sip:desk available");
    await stage.runtime.clock.advance(minutes(2));
    expect(subscribes()).toHaveLength(2);
  });

  test("[R1] never hears a meeting from a phone, and tells of the claim once", async () => {
    stage = await startPhones();
    stage.told();
    for (const note of ["", "x", "y"]) {
      stage.server.publishPhone(ALICE_SIP, "desk", { activities: "<rpid:meeting/><rpid:busy/>", note });
      await stage.runtime.clock.advance(seconds(2));
    }
    expect(stage.told().filter((each) => each.includes("claims"))).toEqual(["alice claims by document"]);
    expect(JSON.stringify(stage.changes)).not.toContain("meeting");
  });

  test("does not hear what the gateway itself has published", async () => {
    stage = await startPhones();
    stage.told();
    const own =
      '<tuple id="gw"><status><basic>open</basic></status></tuple><dm:person id="p-gw"><rpid:activities><rpid:meeting/></rpid:activities></dm:person>';
    stage.server.publish(ALICE_SIP, "gw-1", own);
    await stage.runtime.clock.advance(seconds(2));
    expect(stage.told()).toEqual([]);
  });

  test("hears phones anew after they were forgotten, though they say the same as before", async () => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    for (const phone of ["x", "desk"]) {
      stage.server.unpublish(ALICE_SIP, "phone-desk");
      stage.server.publishPhone(ALICE_SIP, phone);
      await stage.runtime.clock.advance(seconds(2));
      stage.server.unpublish(ALICE_SIP, "phone-x");
      await stage.runtime.clock.advance(seconds(2));
    }
    expect(stage.told()).toEqual([
      "alice sip:desk gone",
      "alice sip:x available",
      "alice sip:x gone",
      "alice sip:desk available",
    ]);
    stage.server.publish(ALICE_SIP, "gw-1", '<tuple id="gw"><status><basic>open</basic></status></tuple>');
    await stage.runtime.clock.advance(seconds(2));
    expect(stage.told()).toEqual([]);
  });

  test("refreshes in the dialog before it expires, at a time of its own, and counts on", async () => {
    stage = await startPhones({ events: ["presence"] });
    await stage.runtime.clock.advance(minutes(29));
    expect(subscribes()).toHaveLength(1);
    await stage.runtime.clock.advance(minutes(26));
    expect(subscribes()).toHaveLength(2);
    expect(header(1, "To")).toMatch(/;tag=server-/);
    expect(header(1, "Call-ID")).toBe(header(0, "Call-ID"));
    expect(Number.parseInt(header(1, "CSeq"), 10)).toBeGreaterThan(Number.parseInt(header(0, "CSeq"), 10));
    expect(subscribes()[1]?.target).toBe("sip:127.0.0.1:5060;transport=tcp");
  });

  test("begins a new dialog when the server does not know the old one", async () => {
    stage = await startPhones({ events: ["presence"] });
    stage.server.answer = ({ headers }) =>
      headers.some(([name, value]) => name === "To" && value.includes("tag=")) ? response(481) : undefined;
    await stage.runtime.clock.advance(hours(1));
    expect(subscribes()).toHaveLength(3);
    expect(header(2, "To")).not.toContain("tag=");
    expect(header(2, "Call-ID")).not.toBe(header(0, "Call-ID"));
    expect(events()).toContain("presence");
  });

  test("begins anew where no NOTIFY follows (timer N), ever more slowly", async () => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => (server.firstNotify = "never") });
    expect(stage.told()).toEqual(["reset", "reset"]);
    await stage.runtime.clock.advance(seconds(40));
    expect(subscribes()).toHaveLength(2);
    await stage.runtime.clock.advance(minutes(60));
    expect(subscribes().length).toBeLessThan(25);
    stage.server.firstNotify = "after";
    await stage.runtime.clock.advance(minutes(12));
    expect(stage.told()).toContain("settled");
  });
});

describe("answers to SUBSCRIBE", () => {
  test.each([403, 404, 489, 600])("%d: nothing is known, and it is asked again in an hour", async (status) => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => (server.answer = () => response(status)) });
    expect(stage.told()).toEqual(["reset", "reset", "settled"]);
    expect(stage.source.health()).toMatchObject({ state: "degraded", error: { code: "phones-refused" } });
    await stage.runtime.clock.advance(minutes(29));
    expect(subscribes()).toHaveLength(1);
    stage.server.answer = () => undefined;
    await stage.runtime.clock.advance(minutes(61));
    expect(stage.source.health().state).toBe("ok");
  });

  test.each([503, 408, 480, 302])("%d: it is asked again soon, and what was heard stands meanwhile", async (status) => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    stage.server.answer = () => response(status);
    await stage.runtime.clock.advance(minutes(54));
    expect(subscribes().length).toBeGreaterThan(2);
    expect(stage.told()).toEqual([]);
    stage.server.answer = () => undefined;
    await stage.runtime.clock.advance(minutes(11));
    expect(stage.told()).toEqual([]);
  });

  test("what is not heard of until its subscription expires is not known any more", async () => {
    stage = await startPhones({ prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.server.setCalls(ALICE_SIP, "confirmed");
    await stage.runtime.clock.advance(seconds(1));
    stage.told();
    stage.server.answer = () => response(503);
    await stage.runtime.clock.advance(minutes(61));
    expect(stage.told().sort()).toEqual(["alice in no call", "alice sip:desk gone"]);
  });

  test("Retry-After is waited for", async () => {
    stage = await startPhones({
      events: ["presence"],
      prepare: (server) => (server.answer = () => response(503, [["Retry-After", "600 (soon)"]])),
    });
    await stage.runtime.clock.advance(minutes(9));
    expect(subscribes()).toHaveLength(1);
    await stage.runtime.clock.advance(minutes(2));
    expect(subscribes()).toHaveLength(2);
  });

  test.each([
    ["7200", "7200"],
    ["nonsense", "3600"],
    ["60", "3600"],
    ["99999999999999", "3600"],
  ])("423 with Min-Expires %s: asks for %s next, and never in a loop", async (least, asked) => {
    stage = await startPhones({
      events: ["presence"],
      prepare: (server) => (server.answer = () => response(423, [["Min-Expires", least]])),
    });
    await stage.runtime.clock.advance(minutes(1));
    expect(header(-1, "Expires")).toBe(asked);
    expect(subscribes().length).toBeLessThan(10);
  });
});

describe("the end of a subscription by the server", () => {
  test.each([
    ["deactivated", 10],
    ["timeout", 10],
    ["probation;retry-after=120", 130],
    ["giveup;retry-after=120", 130],
    ["whatever", 10],
  ])("because of %s is followed by a new one", async (reason, within) => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    stage.server.terminate(ALICE_SIP, `terminated;reason=${reason}`);
    expect(events()).toEqual([]);
    await stage.runtime.clock.advance(seconds(within));
    expect(events()).toEqual(["presence"]);
    expect(stage.told()).toEqual([]);
  });

  test.each(["rejected", "noresource"])("because of %s: nothing is known any more", async (reason) => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    stage.server.terminate(ALICE_SIP, `terminated;reason=${reason}`);
    await stage.runtime.clock.advance(minutes(20));
    expect(stage.told()).toEqual(["alice sip:desk gone"]);
    expect(events()).toEqual([]);
  });
});

test("the end of a subscription while its refresh is under way is not undone by the answer to that", async () => {
  stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
  stage.server.answer = () => {
    stage.server.answer = () => undefined;
    stage.server.terminate(ALICE_SIP, "terminated;reason=probation;retry-after=600");
    return response(200, [["To", `<${ALICE_SIP}>;tag=server-2`]]);
  };
  await stage.runtime.clock.advance(minutes(55));
  const { length } = subscribes();
  expect(header(-1, "To")).not.toContain("tag=");
  expect(events()).toEqual(["presence"]);
  expect(length).toBe(3);
});

describe("NOTIFY requests that are not as they should be", () => {
  const good = () => ({
    callId: header(0, "Call-ID"),
    cseq: 100,
    fromTag: "server-2",
    toTag: /tag=(.*)/.exec(header(0, "From"))?.[1],
    headers: [
      ["Event", "presence"],
      ["Subscription-State", "active;expires=600"],
      ["Content-Type", "application/pidf+xml"],
    ] as const,
  });

  test.each<[string, Partial<Parameters<typeof notify>[0]>, number]>([
    ["for no dialog of ours", { callId: "other" }, 481],
    ["with another tag of ours", { toTag: "other" }, 481],
    ["without a tag of ours", { toTag: undefined }, 481],
    ["from another branch of a fork", { fromTag: "other" }, 481],
    ["of another event", { headers: [["Event", "dialog"]] }, 489],
    ["without a state", { headers: [["Event", "presence;id=1"]] }, 400],
    ["older than the last", { cseq: 0 }, 500],
    ["the last once more", { cseq: 1 }, 200],
    [
      "of a type that is not accepted",
      {
        headers: [
          ["Event", "presence"],
          ["Subscription-State", "active"],
          ["Content-Type", "text/plain"],
        ],
        body: "x",
      },
      415,
    ],
  ])("%s", async (_, change, status) => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    expect(stage.server.deliver(notify({ ...good(), ...change }))?.status).toBe(status);
    expect(stage.told()).toEqual([]);
  });

  test("with a body that cannot be read leave nothing known, and harm nobody", async () => {
    stage = await startPhones({ events: ["presence"], prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    await stage.runtime.clock.advance(seconds(2));
    expect(stage.server.deliver(notify({ ...good(), body: "<presence" }))?.status).toBe(200);
    await stage.runtime.clock.advance(0);
    expect(stage.told()).toEqual(["alice sip:desk gone"]);
  });

  test("in a storm are read once a second, the newest last", async () => {
    stage = await startPhones({ events: ["presence"] });
    await stage.runtime.clock.advance(seconds(2));
    stage.told();
    for (let index = 0; index < 100; index++)
      stage.server.publishPhone(ALICE_SIP, "desk", { show: index % 2 ? "away" : "dnd" });
    await stage.runtime.clock.advance(0);
    expect(stage.told()).toEqual(["alice sip:desk dnd"]);
    await stage.runtime.clock.advance(seconds(2));
    expect(stage.told()).toEqual(["alice sip:desk away"]);
    expect(stage.server.replies.every((reply) => reply?.status === 200)).toBe(true);
  });
});

describe("a server that goes away", () => {
  test("returns: all is confirmed anew, and who is not heard again is gone", async () => {
    stage = await startPhones({ prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.source.follow([{ presentity: BOB, sip: BOB_SIP }]);
    stage.server.publishPhone(BOB_SIP, "soft", { show: "dnd" });
    await stage.runtime.clock.advance(seconds(2));
    stage.told();
    stage.server.goAway({ forgetting: true });
    await stage.runtime.clock.advance(minutes(5));
    expect(stage.told()).toEqual([]);
    expect(stage.source.health()).toMatchObject({ state: "degraded", error: { code: "phones-not-heard" } });
    stage.server.publishPhone(BOB_SIP, "soft", { show: "dnd" });
    stage.server.comeBack();
    await stage.runtime.clock.advance(seconds(5));
    const told = stage.told();
    expect([told[0], told.at(-1)]).toEqual(["reset", "settled"]);
    expect(told.slice(1, -1).sort()).toEqual(["alice sip:desk gone", "bob sip:soft dnd"]);
    expect(events()).toEqual(["dialog", "dialog", "presence", "presence"]);
  });

  test("has forgotten everything behind the same connection: two refreshes tell, and all is asked anew", async () => {
    stage = await startPhones({ events: ["presence"] });
    for (let index = 0; index < 19; index++) {
      const sip = parseSipAor(`sip:u${index}@example.com`);
      stage.source.follow([{ presentity: parsePresentityId(`u${index}@example.com`), sip }]);
    }
    await stage.runtime.clock.advance(minutes(1));
    expect(events()).toHaveLength(20);
    stage.told();
    stage.server.forget();
    await stage.runtime.clock.advance(minutes(37));
    expect(events()).toHaveLength(20);
    stage.source.follow([{ presentity: BOB, sip: BOB_SIP }]);
    await stage.runtime.clock.advance(minutes(1));
    expect(stage.told()).toEqual(["reset", "settled"]);
  });

  test("never returns: nobody stays on the phone, nor there, for longer than the subscription", async () => {
    stage = await startPhones({ prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.server.setCalls(ALICE_SIP, "confirmed");
    await stage.runtime.clock.advance(seconds(1));
    stage.told();
    stage.server.goAway();
    await stage.runtime.clock.advance(minutes(61));
    expect(stage.told().sort()).toEqual(["alice in no call", "alice sip:desk gone"]);
  });

  test("is asked by no more requests a second than it takes", async () => {
    stage = await startPhones({ perSecond: 50 });
    for (let index = 0; index < 99; index++) {
      const sip = parseSipAor(`sip:u${index}@example.com`);
      stage.source.follow([{ presentity: parsePresentityId(`u${index}@example.com`), sip }]);
    }
    await stage.runtime.clock.advance(seconds(5));
    expect(subscribes()).toHaveLength(200);
    stage.told();
    stage.server.goAway();
    stage.server.comeBack();
    await stage.runtime.clock.advance(seconds(2));
    expect(subscribes().length - 200).toBeGreaterThan(95);
    expect(subscribes().length - 200).toBeLessThan(110);
    expect(stage.told()).toEqual(["reset"]);
    await stage.runtime.clock.advance(seconds(7));
    expect(stage.told()).toEqual(["settled"]);
  });
});

describe("who is followed no more", () => {
  test("is not listened to any more, and nothing of them is known", async () => {
    stage = await startPhones({ prepare: (server) => server.publishPhone(ALICE_SIP, "desk") });
    stage.told();
    stage.source.unfollow(ALICE);
    await stage.runtime.clock.advance(seconds(1));
    expect(stage.told()).toEqual(["alice sip:desk gone"]);
    expect(events()).toEqual([]);
    expect(header(-1, "Expires")).toBe("0");
    stage.server.publishPhone(ALICE_SIP, "desk", { show: "dnd" });
    await stage.runtime.clock.advance(hours(2));
    expect(stage.told()).toEqual([]);
  });

  test("leaves nothing behind where the last NOTIFY comes before the answer, as Kamailio's does", async () => {
    stage = await startPhones({ prepare: (server) => (server.firstNotify = "before") });
    stage.source.unfollow(ALICE);
    await stage.runtime.clock.advance(seconds(1));
    expect(stage.source.health()).toEqual({ state: "ok", detail: "0 subscriptions to phones" });
    expect(subscribes()).toHaveLength(4);
  });

  test("moves with a changed address, and stops where there is none any more", async () => {
    stage = await startPhones({ events: ["presence"] });
    stage.source.follow([{ presentity: ALICE, sip: BOB_SIP }]);
    await stage.runtime.clock.advance(seconds(1));
    expect(stage.server.watches.map(({ aor }) => aor)).toEqual([BOB_SIP]);
    stage.source.follow([{ presentity: ALICE, sip: BOB_SIP }]);
    stage.source.follow([{ presentity: ALICE }]);
    await stage.runtime.clock.advance(seconds(1));
    expect(stage.server.watches).toEqual([]);
  });
});
