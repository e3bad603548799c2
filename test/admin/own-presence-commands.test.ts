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

/** ICU parts the time from its half of the day by a narrow space. */
const ask = async (text: string): Promise<string> => (await stage.say(text, asAlice)).replace(/[^\S\n]/g, " ");

describe("me", () => {
  it("tells a user how they are shown, why, since and until when, how fresh that is, and what they can do", async () => {
    await show([entry(-10, 50)]);
    expect(await ask("me")).toBe(
      [
        "You are shown as: In a meeting (do not disturb)",
        "Your calendar says that you are busy.",
        "Since: 9:00 AM UTC (now)",
        "Next change: 9:50 AM UTC (in 50 minutes)",
        "Calendar last read: 3 minutes ago",
        "To end this early, send: end",
      ].join("\n"),
    );
  });

  it("speaks the user's language and tells the user's time", async () => {
    await stage.say("locale set alice@example.com de-AT");
    await stage.registry.replaceTimeZone(ALICE, { zone: "Europe/Vienna", from: "mailbox" });
    await show([entry(-10, 60 * 24)]);
    expect(await ask("me")).toBe(
      [
        "Sie werden angezeigt als: In einer Besprechung (bitte nicht stören)",
        "Laut Ihrem Kalender sind Sie beschäftigt.",
        "Seit: 10:00 MEZ (jetzt)",
        "Nächste Änderung: 11:57 MEZ (in 117 Minuten)",
        "Kalender zuletzt gelesen: vor 3 Minuten",
        "Um dies vorzeitig zu beenden, senden Sie: end",
      ].join("\n"),
    );
  });

  it("tells of a call, of which only the document knows", async () => {
    await show([entry(-10, 50)]);
    const document = { show: "dnd", source: "phone", text: "on-the-phone", from: at(0) } as const;
    stage.journal.recordComposition(ALICE, { document, composedAt: at(0) }, { published: [], outbox: [] });
    expect(await ask("me")).toMatch(/^You are shown as: On the phone \(do not disturb\)\nYou are in a call\.\nSince: /);
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
    expect(text).toMatch(/has not been read yet\.\nThe last try failed; your administrator can see why/);
    expect(text).not.toContain("inner detail");
  });
});

describe("end", () => {
  it("of automatic replies lasts until they end by themselves, whatever meeting there is", async () => {
    const replies = { kind: "scheduled", start: at(-hours(2)), end: at(hours(3)) } as const;
    stage.journal.replaceAutomaticReplies(ALICE, { replies, heardAt: at(-hours(1)) });
    await show([entry(-10, 50)]);
    expect(await ask("me")).toMatch(/Your mailbox answers mail automatically/);
    expect(await ask("end")).toMatch(/not shown any more\.\nUntil: 12:00 PM UTC/);
  });

  it("ends the block of overlapping meetings, not the next one", async () => {
    await show([entry(-10, 30), entry(20, 50), entry(50, 80)]);
    expect(await ask("end")).toMatch(/Until: 9:50 AM UTC/);
    expect(stage.journal.find(ALICE)?.override).toEqual({ kind: "end", setAt: at(0), until: at(minutes(50)) });
    expect(stage.registry.audit).toMatchObject([
      { actor: ALICE, action: "override.ended", detail: "until 09:50:00 UTC" },
    ]);
    await recompose();
    expect(await ask("me")).toMatch(/not shown any more\.\nUntil: 9:50 AM UTC/);
    expect(await ask("end")).toMatch(/No meeting of yours is shown now\.\nYou asked/);
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
    expect(await ask("end")).toMatch(/^Your present meeting is not shown/);
  });

  it.each<readonly [string, readonly BusyInterval[], readonly ClientPresence[]]>([
    ["the calendar is free", [entry(10, 20)], [client()]],
    ["no client is online", [entry(-10, 20)], []],
  ])("says that there is none when %s", async (_case, intervals, clients) => {
    await show(intervals, clients);
    expect(await stage.run("end", asAlice)).toMatchObject({ hasFailed: true });
    expect(await ask("end")).toMatch(/^No meeting of yours is shown now\./);
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
    ["pause time=1d", hours(24)],
    ["pause until 14:30", hours(5.5)],
    ["pause until 2:30 pm", hours(5.5)],
    ["pause until 8", hours(23)],
    ["pause until tomorrow 9:30", hours(24.5)],
    ["pause until 2026-11-25", hours(24 + 15)],
  ])("[U6] %s hides the calendar until its time", async (text, length) => {
    await stage.say(text, asAlice);
    const until = length === undefined ? {} : { until: at(length) };
    expect(stage.journal.find(ALICE)?.override).toEqual({ kind: "pause", setAt: at(0), ...until });
    expect(await stage.say("resume", asAlice)).toBe("Your calendar is shown.");
    expect(stage.journal.find(ALICE)?.override).toBeUndefined();
    expect(await stage.say("resume", asAlice)).toBe("Your calendar is shown.");
    expect(stage.registry.audit.map((line) => line.action)).toEqual(["override.paused", "override.removed"]);
  });

  it("counts the time of day in the user's zone", async () => {
    await stage.registry.replaceTimeZone(ALICE, { zone: "America/New_York", from: "user" });
    expect(await ask("pause until 9:00")).toMatch(/Until: 9:00 AM EST \(in 5 hours\)/);
    expect(stage.journal.find(ALICE)?.override?.until).toBe(at(hours(5)));
  });

  it.each([
    "for",
    "for ever",
    "0",
    "30s",
    "400d",
    "until",
    "until 25:00",
    "for 14:00",
    "until 2026-02-30",
    "x".repeat(5000),
  ])("refuses to pause %j", async (text) => {
    expect(await stage.say(`pause ${text}`, asAlice)).toMatch(/This is no time that can be used.*until 15:30/);
    expect(stage.journal.find(ALICE)?.override).toBeUndefined();
  });

  it("knows that a pause is over", async () => {
    await stage.say("pause 10m", asAlice);
    await stage.runtime.clock.advance(minutes(10));
    await stage.say("resume", asAlice);
    expect(stage.registry.audit.map((line) => line.action)).toEqual(["override.paused"]);
  });
});

describe("set", () => {
  it.each<readonly [string, string, readonly BusyInterval[], number]>([
    [
      "to the end of the present block of meetings",
      "set available",
      [entry(-10, 30), entry(20, 50), entry(50, 80)],
      minutes(50),
    ],
    ["to the start of the next meeting while there is none", "set away", [entry(-30, -10), entry(40, 60)], minutes(40)],
    ["to midnight while none is known", "set dnd", [], hours(15)],
    ["to the time that is given", "set DND until 10:15", [entry(-10, 50)], minutes(75)],
    ["as long as is asked for", "set away for 20m", [entry(-10, 50)], minutes(20)],
  ])("[U6] holds %s", async (_case, text, intervals, length) => {
    await show(intervals);
    const state = text.split(" ")[1]?.toLowerCase();
    expect(await ask(text)).toMatch(/^You are shown as: .*\nUntil: .*\nTo show your calendar again, send: resume$/);
    expect(stage.journal.find(ALICE)?.override).toEqual({ kind: "set", show: state, setAt: at(0), until: at(length) });
    expect(stage.registry.audit).toMatchObject([{ action: "override.set", subject: ALICE }]);
    await recompose();
    expect(stage.journal.find(ALICE)?.document).toMatchObject({ show: state, source: "override" });
    expect((await ask("me")).match(/You set this yourself by chat/g)).toHaveLength(1);
    await stage.say("resume", asAlice);
    expect(stage.journal.find(ALICE)?.override).toBeUndefined();
  });

  it("says when it is not seen because nobody is online", async () => {
    await show([], []);
    expect(await ask("set away")).toMatch(/^You asked to be shown as: away\nNone of your clients is online.*\nUntil: /);
    await recompose();
    expect(await ask("me")).toMatch(
      /^You are shown as: offline\nNone of your clients (.*\n)*You asked to be shown as: away\nUntil: /,
    );
  });

  it("does not hold to the end of a meeting that is not known any more", async () => {
    await show([entry(-10, 50)]);
    await stage.runtime.clock.advance(hours(3));
    await stage.say("set away", asAlice);
    expect(stage.journal.find(ALICE)?.override?.until).toBe(at(hours(15)));
  });

  it.each(["set", "set meeting", "set in_a_meeting", "set xa", "set away for ever", "set dnd until"])(
    "refuses %j: a meeting comes from the calendar only",
    async (text) => {
      await show([]);
      expect(await stage.run(text, asAlice)).toMatchObject({ hasFailed: true });
      expect(stage.journal.find(ALICE)?.override).toBeUndefined();
    },
  );
});
