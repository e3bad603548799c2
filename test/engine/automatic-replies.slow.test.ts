import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import type { AutomaticReplies } from "../../src/core/automatic-replies.ts";
import { hours, minutes, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { MailboxSettings, MailboxSettingsResult } from "../../src/ports/mailbox-settings.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { type EngineLab, meeting, shownOf, startEngineLab, TableCalendar } from "./engine-lab.ts";

/** A calendar server whose mailboxes have settings. */
class SettingsCalendar extends TableCalendar {
  readonly settings = new Map<Mailbox, MailboxSettings>();
  settingsError: GatewayError | undefined;
  settingsReads = 0;

  async readMailboxSettings(mailboxes: readonly Mailbox[]): Promise<readonly MailboxSettingsResult[]> {
    this.settingsReads += 1;
    if (this.settingsError) throw this.settingsError;
    return mailboxes.map((mailbox) => ({ mailbox, settings: this.settings.get(mailbox) ?? {} }));
  }
}

const ALICE = "alice@example.com";
const OUT = "away/out-of-office";
let lab: EngineLab;
let graph: SettingsCalendar;

beforeEach(async () => {
  lab = await startEngineLab();
  graph = new SettingsCalendar();
  lab.calendars.set("graph", graph);
  await lab.store.registry.replaceCalendarServer({ name: "graph", type: "table", options: {}, isEnabled: true });
  lab.clients.online(ALICE);
});
afterEach(() => lab.close());

const answers = (automaticReplies: AutomaticReplies): void => {
  graph.settings.set(parseMailbox(ALICE), { automaticReplies });
};
const scheduled = (from: number, to: number): AutomaticReplies => ({
  kind: "scheduled",
  start: plus(MONDAY_MORNING, minutes(from)),
  end: plus(MONDAY_MORNING, minutes(to)),
});
const enable = async (): Promise<void> => {
  await lab.enable(ALICE, { gateway: "graph" });
  await lab.runtime.clock.advance(minutes(3));
};
const alice = () => lab.gateway.presentities.find(parsePresentityId(ALICE));

describe("automatic replies", () => {
  it("begin and end on time without a request", async () => {
    answers(scheduled(10, 20));
    await enable();
    const reads = graph.settingsReads;
    expect(shownOf(lab, ALICE)).not.toBe(OUT);
    await lab.runtime.clock.advance(minutes(7));
    expect(shownOf(lab, ALICE)).toBe(OUT);
    await lab.runtime.clock.advance(minutes(9.8));
    expect(shownOf(lab, ALICE)).toBe(OUT);
    await lab.runtime.clock.advance(minutes(0.2));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    expect(graph.settingsReads).toBe(reads);
  });

  it("outrank a meeting, which is shown when they end", async () => {
    answers(scheduled(0, 20));
    graph.set(ALICE, [meeting(5, 60)]);
    await enable();
    expect(shownOf(lab, ALICE)).toBe(OUT);
    await lab.runtime.clock.advance(minutes(20));
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
  });

  it("are known over a restart", async () => {
    answers({ kind: "always" });
    await enable();
    expect(shownOf(lab, ALICE)).toBe(OUT);
    await lab.crashAndRestart(() => answers({ kind: "disabled" }));
    lab.clients.online(ALICE);
    await lab.runtime.clock.advance(minutes(1));
    expect(shownOf(lab, ALICE)).toBe(OUT);
    expect(alice()?.automaticReplies?.replies).toEqual({ kind: "always" });
  });

  it("count for nothing when they are set to be ignored, at once", async () => {
    answers({ kind: "always" });
    await enable();
    await lab.store.registry.replaceParameter("automatic-replies", "ignore");
    await lab.runtime.clock.advance(1000);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("that are turned off are seen when somebody asks", async () => {
    answers({ kind: "always" });
    await enable();
    answers({ kind: "disabled" });
    const presentity = alice();
    if (presentity) lab.gateway.calendarServers.refresh(presentity);
    await lab.runtime.clock.advance(minutes(1));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("of another mailbox, or of a server that reads none, are forgotten", async () => {
    answers({ kind: "always" });
    await enable();
    await lab.enable(ALICE, { gateway: "graph", mailbox: "bob@example.com" });
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    await enable();
    expect(shownOf(lab, ALICE)).toBe(OUT);
    await lab.enable(ALICE, { gateway: "exchange" });
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    expect(lab.store.journal.find(parsePresentityId(ALICE))?.automaticReplies).toBeUndefined();
  });

  it("that may not be read leave the calendar as it is, and the status says so", async () => {
    graph.settingsError = new GatewayError("denied", { type: "auth", code: "graph-settings-denied" });
    graph.set(ALICE, [meeting(0, 60)]);
    await enable();
    expect(shownOf(lab, ALICE)).toBe("dnd/in-a-meeting");
    const health = new Map(lab.gateway.calendarServers.health()).get("graph");
    expect(health).toMatchObject({ state: "ok", detail: expect.stringContaining("graph-settings-denied") });
  });
});

describe("automatic replies not heard of for two days", () => {
  it("are not shown any more", async () => {
    answers({ kind: "always" });
    await enable();
    graph.settingsError = new GatewayError("denied", { type: "auth", code: "graph-settings-denied" });
    lab.runtime.clock.step(hours(47));
    await lab.runtime.clock.advance(minutes(1));
    expect(shownOf(lab, ALICE)).toBe(OUT);
    lab.runtime.clock.step(hours(1));
    await lab.runtime.clock.advance(minutes(2));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });
});
