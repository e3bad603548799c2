import { beforeEach, describe, expect, it } from "vitest";
import { loadPolicy } from "../../src/admin/explain-presence.ts";
import { parsePresentityId } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import { composePresence } from "../../src/core/compose.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { hours, minutes, plus, seconds } from "../../src/lib/time.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { actorOf, createCommandStage } from "./command-stage.ts";

const ALICE = parsePresentityId("alice@example.com");
const asAlice = actorOf(ALICE, "user");
const at = (offset: number) => plus(MONDAY_MORNING, offset);
const entry = (start: number, end: number, status: BusyInterval["status"] = "busy"): BusyInterval => ({
  start: at(minutes(start)),
  end: at(minutes(end)),
  status,
});
const client = (show: ClientPresence["show"] = "available"): ClientPresence => ({
  resource: "desktop",
  show,
  priority: 5,
  status: { "": "secret thoughts" },
  since: at(-hours(2)),
});

let stage: ReturnType<typeof createCommandStage>;
beforeEach(async () => {
  stage = createCommandStage();
  await stage.seed(ALICE);
});

/** Does what the engine does: composes the journal's inputs and records the result. */
async function recompose(): Promise<void> {
  const { journal, registry, runtime } = stage;
  const { clients = [], calendar, automaticReplies, override } = journal.find(ALICE) ?? {};
  const replies = automaticReplies && { automaticReplies };
  const inputs = { clients, ...(calendar && { calendar }), ...replies, ...(override && { override }) };
  const { document } = composePresence(inputs, await loadPolicy(registry), runtime.clock.now());
  journal.recordComposition(ALICE, { document, composedAt: runtime.clock.now() }, { published: [], outbox: [] });
}

async function show(
  intervals: readonly BusyInterval[],
  clients: readonly ClientPresence[] = [client()],
): Promise<void> {
  stage.journal.replaceBusyTime(ALICE, intervals, at(-minutes(3)));
  stage.journal.replaceClients(ALICE, clients);
  await recompose();
}

describe("why", () => {
  it("explains a meeting in under one screen, without the user's own words", async () => {
    await show([entry(-60, -30), entry(-10, 50), entry(60, 90, "tentative"), entry(60 * 24, 60 * 25)]);
    const { journal } = stage;
    const document = journal.find(ALICE)?.document ?? { show: "available", source: "client" };
    const published = [{ publisher: "pep", document, locale: "en", at: at(seconds(1)), epoch: "1" }];
    journal.recordCalendarError(ALICE, { code: "ews-timeout", message: "mail.example.com did not answer", at: at(0) });
    const row = {
      presentity: ALICE,
      publisher: "overlay",
      document,
      locale: "en",
      kind: "publish",
      since: at(0),
      notBefore: at(minutes(2)),
      failures: 2,
      lastError: "the module is not loaded",
    } as const;
    journal.recordComposition(ALICE, { document, composedAt: at(0) }, { published, outbox: [row] });
    await stage.runtime.clock.advance(minutes(1));
    const text = await stage.say("why alice@example.com");
    expect(text).toBe(
      [
        "alice@example.com",
        'shown: dnd, text "In a meeting", activity in_a_meeting, since 09:00:00 UTC (1 m ago)',
        "rule: calendar-busy: the calendar says busy",
        "client: desktop: available, priority 5, said 2 h 1 m ago",
        "calendar: busy, until 09:50:00 UTC, known 4 m ago — decides",
        "entries around now: 08:00:00 UTC to 08:30:00 UTC busy; 08:50:00 UTC to 09:50:00 UTC busy (now); 10:00:00 UTC to 10:30:00 UTC tentative; 2026-11-24 09:00:00 UTC to 2026-11-24 10:00:00 UTC busy",
        "mailbox: alice@example.com on gateway main",
        "calendar read: 08:57:00 UTC (4 m ago)",
        "calendar error: mail.example.com did not answer (ews-timeout), 1 m ago. Try: gateway test main user=alice@example.com",
        'publisher overlay: shows nothing; pending: dnd, text "In a meeting", activity in_a_meeting, ordered 1 m ago, failed 2 times, next try in 1 m: the module is not loaded',
        'publisher pep: shows dnd, text "In a meeting", activity in_a_meeting, since 09:00:01 UTC (59 s ago)',
        "next change: 09:50:00 UTC (in 49 m)",
      ].join("\n"),
    );
    expect(text).not.toContain("secret thoughts");
  });

  it("stays on one line a fact when a client's resource holds line breaks", async () => {
    await show([], [{ ...client(), resource: "x\nrule: forged\u202e" }]);
    const lines = (await stage.say("why alice@example.com")).split("\n");
    expect(lines.filter((line) => line.startsWith("rule:"))).toHaveLength(1);
    expect(lines.join("")).not.toContain("\u202e");
  });

  it("tells what is not known", async () => {
    expect(await stage.say("why alice@example.com")).toMatch(/Nothing is known of alice@example.com yet/);
    stage.journal.replaceClients(ALICE, []);
    const text = await stage.say("why alice@example.com");
    expect(text).toMatch(
      /shown: nothing yet\nrule: offline.*\nclient: none online — decides\ncalendar: unknown: never read/,
    );
    expect(text).toMatch(/entries around now: none\n.*\ncalendar read: never\nnext change: none known/);
    expect(await stage.say("why bob@example.com")).toMatch(/bob@example.com is no user/);
  });

  it("reads the journal where no gateway runs", async () => {
    await show([entry(-10, 50)]);
    const { live: _, ...services } = stage.services;
    Object.assign(stage, { services });
    expect(await stage.say("why alice@example.com")).toContain("calendar-busy");
  });
});

describe("me", () => {
  it("tells a user in the user's language how and why they are shown, and what they can do", async () => {
    await stage.say("locale set alice@example.com de");
    await show([entry(-10, 50)]);
    expect(await stage.say("me", asAlice)).toBe(
      [
        "You are shown as “In einer Besprechung” (do not disturb), since 09:00:00 UTC (now).",
        "Why: your calendar says that you are busy.",
        "This changes at 09:50:00 UTC (in 50 m).",
        "Your calendar was last read 3 m ago.",
        "To end this early, send: end",
      ].join("\n"),
    );
  });

  it("is refused to those who have no presence here", async () => {
    expect(await stage.say("me")).toMatch(/Use: why <jid>/);
    expect(await stage.say("me", actorOf("bob@example.com", "user"))).toMatch(/Ask your administrator/);
    await stage.say("user disable alice@example.com");
    expect(await stage.say("me", asAlice)).toMatch(/Ask your administrator/);
  });

  it("mentions a failed read and an unread calendar", async () => {
    expect(await stage.say("me", asAlice)).toMatch(/Nothing is known of you yet/);
    stage.journal.replaceClients(ALICE, [client()]);
    stage.journal.recordCalendarError(ALICE, { code: "x", message: "inner detail", at: at(0) });
    const text = await stage.say("me", asAlice);
    expect(text).toMatch(/has not been read yet\. The last try failed; your administrator can see why/);
    expect(text).not.toContain("inner detail");
  });
});

describe("end", () => {
  it("of automatic replies lasts until they end by themselves, whatever meeting there is", async () => {
    const replies = { kind: "scheduled", start: at(-hours(2)), end: at(hours(3)) } as const;
    stage.journal.replaceAutomaticReplies(ALICE, { replies, heardAt: at(-hours(1)) });
    await show([entry(-10, 50)]);
    expect(await stage.say("me", asAlice)).toMatch(/Why: your mailbox answers mail automatically/);
    expect(await stage.say("end", asAlice)).toMatch(/^Ended\. It would have lasted until 12:00:00 UTC/);
  });

  it("ends the block of overlapping meetings, not the next one", async () => {
    await show([entry(-10, 30), entry(20, 50), entry(50, 80)]);
    expect(await stage.say("end", asAlice)).toMatch(/^Ended\. It would have lasted until 09:50:00 UTC/);
    expect(stage.journal.find(ALICE)?.override).toEqual({ kind: "end", setAt: at(0), until: at(minutes(50)) });
    expect(stage.registry.audit).toMatchObject([
      { actor: ALICE, action: "override.ended", detail: "until 09:50:00 UTC" },
    ]);
    await recompose();
    expect(await stage.say("me", asAlice)).toMatch(/Ended early until 09:50:00 UTC/);
    expect(await stage.say("end", asAlice)).toMatch(/No meeting of yours is shown now: you asked/);
  });

  it("leaves out entries that are too long to count", async () => {
    await stage.say("parameter set ignore-busy-from 24");
    await show([entry(-60, 60 * 30), entry(-10, 50)]);
    await stage.say("end", asAlice);
    expect(stage.journal.find(ALICE)?.override?.until).toBe(at(minutes(50)));
  });

  it("ends a tentative meeting where these count", async () => {
    await stage.say("parameter set tentative-as meeting");
    await show([entry(-10, 50, "tentative")]);
    await stage.say("end", asAlice);
    expect(stage.journal.find(ALICE)?.override?.until).toBe(at(minutes(50)));
  });

  it("ends the activity beside the user's own do not disturb", async () => {
    await show([entry(-10, 50)], [client("dnd")]);
    expect(await stage.say("end", asAlice)).toMatch(/^Ended/);
  });

  it.each<readonly [string, readonly BusyInterval[], readonly ClientPresence[]]>([
    ["the calendar is free", [entry(10, 20)], [client()]],
    ["no client is online", [entry(-10, 20)], []],
  ])("says that there is none when %s", async (_case, intervals, clients) => {
    await show(intervals, clients);
    expect(await stage.say("end", asAlice)).toMatch(/^No meeting of yours is shown now.*command-not-possible/);
    expect(stage.journal.find(ALICE)?.override).toBeUndefined();
  });

  it("says that there is none before anything is known", async () => {
    expect(await stage.say("end", asAlice)).toMatch(/No meeting of yours is shown now\./);
  });
});

describe("pause and resume", () => {
  it.each([
    ["pause", undefined],
    ["pause for 2h", hours(2)],
    ["pause 90", minutes(90)],
    ["PAUSE For 1h 30 min", minutes(90)],
    ["pause duration=1d", hours(24)],
  ])("%s hides the calendar until its time", async (text, length) => {
    await stage.say(text, asAlice);
    const until = length === undefined ? {} : { until: at(length) };
    expect(stage.journal.find(ALICE)?.override).toEqual({ kind: "pause", setAt: at(0), ...until });
    expect(await stage.say("resume", asAlice)).toBe("Your calendar is shown again.");
    expect(stage.journal.find(ALICE)?.override).toBeUndefined();
    expect(await stage.say("resume", asAlice)).toBe("Your calendar is shown already.");
    expect(stage.registry.audit.map((line) => line.action)).toEqual(["override.paused", "override.removed"]);
  });

  it.each(["pause for", "pause for ever", "pause 0", "pause 30s", "pause 400d", "pause until 14:00"])(
    "refuses %j",
    async (text) => {
      expect(await stage.say(text, asAlice)).toMatch(/duration: must be a time such as 30m, 2h or 1d/);
      expect(stage.journal.find(ALICE)?.override).toBeUndefined();
    },
  );

  it("knows that a pause is over", async () => {
    await stage.say("pause 10m", asAlice);
    await stage.runtime.clock.advance(minutes(10));
    expect(await stage.say("resume", asAlice)).toBe("Your calendar is shown already.");
  });
});
