import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";
import type { Registry } from "../../src/ports/registry.ts";
import { openStore } from "../../src/store/open-store.ts";
import { type EngineLab, meeting, shownOf, startEngineLab } from "../engine/engine-lab.ts";

const ALICE = parsePresentityId("alice@example.com");
const BOB = parsePresentityId("bob@example.com");
const MEETING = "dnd/in-a-meeting";
const trouble = (type: ErrorType) => new GatewayError("trouble", { type, code: "test-trouble" });

describe("what the store remembers", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
    for (const jid of [ALICE, BOB]) {
      lab.clients.online(jid);
      await lab.enable(jid);
    }
  });
  afterEach(() => lab.close());

  const events = () => lab.runtime.events.map(({ event }) => event).filter((event) => event.startsWith("store."));
  const show = async (jid: typeof ALICE, from: number, to: number): Promise<void> => {
    lab.calendar.set(jid, [meeting(from, to)]);
    await lab.runtime.clock.advance(1000);
  };
  const moveMailbox = async (registry: Registry): Promise<void> => {
    const user = await registry.findUser(ALICE);
    if (user) await registry.replaceUser({ ...user, mailbox: parseMailbox("other@example.com") });
  };

  it("is complete again after another program had locked it, and nobody waited for that", async () => {
    const other = new Sqlite(lab.storePath);
    other.exec("BEGIN IMMEDIATE");
    await show(ALICE, -5, 60);
    expect([shownOf(lab, ALICE), events()]).toEqual([MEETING, ["store.write-failed"]]);
    lab.calendar.set(ALICE, []);
    await show(BOB, -5, 60);
    await lab.runtime.clock.advance(10_000);
    other.exec("ROLLBACK");
    other.close();
    await lab.runtime.clock.advance(2000);
    expect(events()).toEqual(["store.write-failed", "store.write-recovered"]);
    const sent = lab.publisher.sent.length;
    await lab.crashAndRestart();
    expect([shownOf(lab, ALICE), shownOf(lab, BOB)]).toEqual(["unavailable", MEETING]);
    expect(lab.publisher.sent.length).toBe(sent);
  });

  it("holds nothing of a removed user, whatever was shown before", async () => {
    await show(ALICE, -5, 3);
    await lab.runtime.clock.advance(5 * 60_000);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    await lab.store.registry.deleteUser(ALICE);
    await lab.runtime.clock.advance(1000);
    expect(lab.store.journal.find(ALICE)).toBeUndefined();
    // Nor does what others change bring anything back of people who are no users.
    await lab.store.registry.replaceParameter("busy-as", "away");
    await lab.runtime.clock.advance(1000);
    expect(lab.store.journal.find(ALICE)).toBeUndefined();
  });

  it("holds nothing of a removed user whose account the presence server does not know any more", async () => {
    await show(ALICE, -5, 60);
    lab.publisher.refusal = trouble("cancel");
    await lab.store.registry.deleteUser(ALICE);
    await lab.runtime.clock.advance(1000);
    expect(lab.store.journal.find(ALICE)).toBeUndefined();
  });

  it("is not taken for the calendar of the user's new mailbox, be it changed while the gateway runs", async () => {
    await show(ALICE, -5, 60);
    lab.calendar.outage = trouble("wait");
    await moveMailbox(lab.store.registry);
    await lab.runtime.clock.advance(1000);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    await lab.crashAndRestart();
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("is not taken for it either when the mailbox was changed while the gateway was down", async () => {
    await show(ALICE, -5, 60);
    lab.calendar.outage = trouble("wait");
    await lab.crashAndRestart(async () => {
      const store = openStore({ path: lab.storePath, runtime: lab.runtime });
      await moveMailbox(store.registry);
      store.close();
    });
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("keeps its age when the clock is set back: the calendar goes stale and is read again as if it were not", async () => {
    await show(ALICE, -5, 600);
    lab.calendar.outage = trouble("wait");
    lab.calendar.dropWatchers();
    await lab.runtime.clock.advance(30 * 60_000);
    lab.runtime.clock.step(-3_600_000);
    await lab.runtime.clock.advance(80 * 60_000);
    expect(shownOf(lab, ALICE)).toBe(MEETING);
    await lab.runtime.clock.advance(11 * 60_000);
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("lets a change be read soon after the clock was set back", async () => {
    for (let round = 0; round < 6; round++) await show(BOB, -5, 60 + round);
    lab.runtime.clock.step(-3_600_000);
    await lab.runtime.clock.advance(6000);
    await show(ALICE, -65, 600);
    await lab.runtime.clock.advance(6000);
    expect(shownOf(lab, ALICE)).toBe(MEETING);
  });
});
