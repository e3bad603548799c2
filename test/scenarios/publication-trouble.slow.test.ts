import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { hours, minutes, seconds } from "../../src/lib/time.ts";
import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";
import { type EngineLab, meeting, shownOf, startEngineLab } from "../engine/engine-lab.ts";

const ALICE = parsePresentityId("alice@example.com");
const MEETING = "dnd/in-a-meeting";
const trouble = (type: ErrorType = "wait") => new GatewayError("trouble", { type, code: "test-trouble" });

/** What the random life of test/scenarios/random-life.ts has found, each by itself. */
describe("a meeting is not left behind", () => {
  let lab: EngineLab;
  beforeEach(async () => {
    lab = await startEngineLab();
    lab.clients.online(ALICE);
    await lab.enable(ALICE);
  });
  afterEach(() => lab.close());

  const pass = (length = 1000) => lab.runtime.clock.advance(length);
  const hold = (): (() => void) => {
    let release: () => void = () => undefined;
    lab.publisher.hold = new Promise((resolve) => {
      release = () => {
        lab.publisher.hold = undefined;
        resolve();
      };
    });
    return () => release();
  };

  it("when it arrived without an answer and is cancelled before it is tried again", async () => {
    lab.publisher.lostAnswer = trouble();
    lab.calendar.set(ALICE, [meeting(-5, 60)]);
    await pass(100);
    expect(shownOf(lab, ALICE)).toBe(MEETING);
    lab.publisher.setEpoch(undefined);
    lab.calendar.set(ALICE, []);
    lab.publisher.lostAnswer = undefined;
    await pass();
    lab.publisher.setEpoch("run-1");
    await pass();
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("when it arrived, the gateway was killed before the answer, and it is cancelled before the next start", async () => {
    lab.publisher.lostAnswer = trouble();
    lab.calendar.set(ALICE, [meeting(-5, 60)]);
    await pass(100);
    await lab.crashAndRestart(() => {
      lab.publisher.lostAnswer = undefined;
      lab.calendar.set(ALICE, []);
    });
    await pass(minutes(1));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("when its user is removed and leaves while it is on its way", async () => {
    const release = hold();
    lab.calendar.set(ALICE, [meeting(-5, 60)]);
    await pass();
    await lab.store.registry.deleteUser(ALICE);
    lab.clients.offline(ALICE);
    await pass();
    release();
    await pass();
    expect(shownOf(lab, ALICE)).toBe("unavailable");
    expect(lab.store.journal.find(ALICE)).toBeUndefined();
  });

  it("when it was forged, and the gateway killed before it could say so", async () => {
    lab.publisher.refusal = trouble("auth");
    lab.publisher.shown.set(ALICE, { show: "dnd", source: "client", text: "in-a-meeting" });
    lab.clients.channel.push({ kind: "claim", presentity: ALICE, carrier: "activity" });
    await pass();
    await lab.crashAndRestart(() => {
      lab.publisher.refusal = undefined;
    });
    await pass(hours(1));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("when another run of the server has kept it", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 10)]);
    await pass();
    lab.publisher.setEpoch(undefined);
    await pass(minutes(15));
    lab.publisher.setEpoch("run-2");
    await pass();
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("when it is cancelled while its renewal is overdue", async () => {
    lab.calendar.set(ALICE, [meeting(-5, 60 * 24 * 5)]);
    await pass();
    expect(shownOf(lab, ALICE)).toBe(MEETING);
    await pass(hours(11));
    lab.publisher.setEpoch(undefined);
    await pass(hours(2));
    lab.calendar.set(ALICE, []);
    await pass(minutes(1));
    lab.publisher.setEpoch("run-1");
    await pass();
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });

  it("when calendars are to be read more often from now on", async () => {
    await lab.store.registry.replaceParameter("ews-status-frequency", "1440");
    lab.calendar.set(ALICE, [meeting(-5, 60 * 24 * 3)]);
    await pass();
    lab.calendar.meetings.clear(); // and nobody tells
    await pass(hours(1));
    expect(shownOf(lab, ALICE)).toBe(MEETING);
    await lab.store.registry.replaceParameter("ews-status-frequency", "60");
    await pass(seconds(10));
    expect(shownOf(lab, ALICE)).toBe("unavailable");
  });
});
