import { beforeEach, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/admin/explain-presence.ts";
import type { GatewayPart } from "../../src/admin/live-gateway.ts";
import { parsePresentityId } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import { composePresence } from "../../src/core/compose.ts";
import type { ClientPresence, PresenceDocument } from "../../src/core/presence.ts";
import { hours, minutes, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { OutboxRow, Published } from "../../src/ports/journal.ts";
import { actorOf, createCommandStage } from "./command-stage.ts";

const ALICE = parsePresentityId("alice@example.com");
const CLEAR: PresenceDocument = { show: "available", source: "client" };
const MEETING: PresenceDocument = {
  show: "dnd",
  source: "calendar",
  text: "in-a-meeting",
  activity: { general: "working", specific: "in_a_meeting" },
};

let stage: ReturnType<typeof createCommandStage>;
beforeEach(async () => {
  stage = createCommandStage();
  await stage.seed(ALICE);
});

const at = (offset: number) => plus(stage.runtime.clock.now(), offset);
const pc = (changes: Partial<ClientPresence> = {}): ClientPresence => {
  return { resource: "pc", show: "available", priority: 0, status: {}, since: at(-hours(1)), ...changes };
};
const meeting = (): BusyInterval => ({ start: at(-minutes(10)), end: at(minutes(50)), status: "busy" });
const row = (document: PresenceDocument, failures = 0): OutboxRow => ({
  presentity: ALICE,
  publisher: "xmpp-overlay",
  document,
  locale: "en",
  kind: "publish",
  since: at(0),
  notBefore: at(0),
  failures,
});

/** What the engine has heard and recorded, read this long ago. */
async function hear(
  { clients = [pc()], intervals = [meeting()] },
  outbox: readonly OutboxRow[] = [],
  published: readonly Published[] = [],
): Promise<void> {
  const { journal, registry, runtime } = stage;
  journal.replaceBusyTime(ALICE, intervals, at(-minutes(3)));
  journal.replaceClients(ALICE, clients);
  const { calendar, override } = journal.find(ALICE) ?? {};
  const inputs = { clients, ...(calendar && { calendar }), ...(override && { override }) };
  const { document } = composePresence(inputs, await loadPolicy(registry), runtime.clock.now());
  journal.recordComposition(ALICE, { document, composedAt: at(0) }, { published, outbox });
}

const why = (): Promise<string> => stage.say("why alice@example.com");
const partIn = (part: Pick<GatewayPart, "name" | "kind">, code: string): GatewayPart => {
  const error = new GatewayError("it is broken", { type: "wait", code });
  return { ...part, health: { state: "down", error } };
};

describe("why tells the truth when", () => {
  it("automatic replies decide, with their age and end", async () => {
    const replies = { kind: "scheduled", start: at(-hours(2)), end: at(hours(3)) } as const;
    stage.journal.replaceAutomaticReplies(ALICE, { replies, heardAt: at(-hours(1)) });
    await hear({});
    const text = await why();
    expect(text).toMatch(/\nrule: automatic-replies: the mailbox has automatic replies on/);
    expect(text).toMatch(/\nautomatic-replies: on, until 12:00:00 UTC, known 1 h ago — decides\n/);
    await stage.say("parameter set automatic-replies ignore");
    expect(await why()).toMatch(/\nautomatic-replies: on, until 12:00:00 UTC, known 1 h ago\n/);
  });

  it("the user is disabled: no rule decides", async () => {
    await hear({});
    await stage.say("user disable alice@example.com");
    const text = await why();
    expect(text).toMatch(
      /\nshown: nothing of the calendar: the user is disabled, .* Use: user enable alice@example\.com\n/,
    );
    expect(text).not.toMatch(/rule:|decides/);
    expect(text).toContain("next change: none known");
  });

  it("the gateway is stopped: what it knew last is called so", async () => {
    await hear({});
    const { live: _, ...services } = stage.services;
    const stopped = createCommandStage({ isRunning: false });
    Object.assign(stopped.services, services, { live: undefined });
    expect(await stopped.say("why alice@example.com")).toMatch(
      /^alice@example\.com\ngateway: not running; this is what it knew last\nshown: dnd/,
    );
  });

  it("nothing is known and the gateway is stopped", async () => {
    const stopped = createCommandStage({ isRunning: false });
    await stopped.seed(ALICE);
    expect(await stopped.say("why alice@example.com")).toBe(
      "Nothing is known of alice@example.com yet: the gateway is not running.",
    );
  });

  it("the server does not tell of clients: that none is online may be wrong", async () => {
    await hear({ clients: [] });
    stage.live.partList = [partIn({ name: "xmpp", kind: "clients" }, "clients-no-presence")];
    expect(await why()).toMatch(
      /\nrule: offline: .*\ntrouble with clients xmpp: down: it is broken \(clients-no-presence\)\nclient: none online/,
    );
  });

  it("the XMPP server is away, or the user's calendar server; others do not matter", async () => {
    await hear({});
    stage.live.partList = [
      partIn({ name: "xmpp", kind: "xmpp" }, "xmpp-unreachable"),
      partIn({ name: "main", kind: "calendar" }, "ews-unavailable"),
      partIn({ name: "other", kind: "calendar" }, "ews-tls"),
      { name: "store", kind: "store", health: { state: "ok" } },
    ];
    const trouble = (await why()).split("\n").filter((line) => line.startsWith("trouble"));
    expect(trouble).toEqual([
      "trouble with xmpp: down: it is broken (xmpp-unreachable)",
      "trouble with gateway main: down: it is broken (ews-unavailable)",
    ]);
    const code = { code: "ews-unavailable", message: "no answer", at: at(0) };
    stage.journal.recordCalendarError(ALICE, code);
    expect(await why()).not.toContain("trouble with gateway main");
  });

  it("the server module is missing: the pending overlay says so", async () => {
    const detail = "idle: the XMPP server has no module of the gateway";
    stage.live.partList = [{ name: "xmpp-overlay", kind: "publisher", health: { state: "ok", detail, isIdle: true } }];
    const expected = `\npublisher xmpp-overlay: shows nothing; pending: dnd, text "In a meeting", activity in_a_meeting, ordered now; ${detail}\n`;
    await hear({}, [row(MEETING)]);
    expect(await why()).toContain(expected);
    const shown: Published = { publisher: "xmpp-overlay", document: MEETING, locale: "en", at: at(0), epoch: "1" };
    // It was unloaded during the meeting, and the gateway was restarted: what was shown before is not shown any more.
    await hear({}, [row(MEETING, 1)], [shown]);
    expect(await why()).toContain(expected);
  });

  it("the calendar went stale while it asked for nothing: it is unknown, not free", async () => {
    await hear({ intervals: [] });
    expect(await why()).toMatch(/rule: client: the calendar asks for nothing.*\n.*\ncalendar: free/);
    await stage.runtime.clock.advance(hours(3));
    expect(await why()).toMatch(
      /rule: client: the calendar is unknown, so the strongest client speaks\n.*\ncalendar: unknown: not heard of for too long/,
    );
    const text = await stage.say("me", actorOf(ALICE, "user"));
    expect(text).toContain("Your calendar could not be read, so only your clients count.");
  });

  it("a publisher carries only a part: it shows no more than that", async () => {
    await hear({});
    const published = { publisher: "xmpp-overlay", document: CLEAR, locale: "en", at: at(0), epoch: "1" };
    stage.journal.recordPublications(ALICE, { published: [published], outbox: [] });
    expect(await why()).toContain("publisher xmpp-overlay: shows nothing of the calendar, since");
    const { show: _, ...activity } = { ...MEETING };
    const shown = { ...published, document: { ...activity, show: "available" } } as const;
    stage.journal.recordPublications(ALICE, { published: [shown], outbox: [] });
    expect(await why()).toContain('publisher xmpp-overlay: shows text "In a meeting", activity in_a_meeting, since');
  });

  it("the user has paused, and one of two clients claims a meeting", async () => {
    const clients = [pc(), pc({ resource: "phone", priority: 5, show: "away", status: { "": "In a meeting" } })];
    await stage.say("pause for 2h", actorOf(ALICE, "user"));
    await hear({ clients });
    const text = await why();
    expect(text).toContain("\nclient: phone: away, priority 5; its claim of a meeting is ignored, said 1 h ago\n");
    expect(text).toMatch(/\nrule: override: .*\n[\s\S]*\noverride: pause, until 11:00:00 UTC, known now — decides\n/);
  });
});
