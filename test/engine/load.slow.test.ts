import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GatewayError } from "../../src/ports/errors.ts";
import { type EngineLab, meeting, shownOf, startEngineLab } from "./engine-lab.ts";

const PEOPLE = 100;
const isInMeeting = (text: string | undefined): boolean => text === "in-a-meeting";
const userOf = (index: number): string => `user${String(index).padStart(3, "0")}@example.com`;

let lab: EngineLab;

beforeEach(async () => {
  lab = await startEngineLab();
});

afterEach(() => lab.close());

describe("many changes at one instant", () => {
  it("[K1] are all published, and nobody looks busy longer because others begin a meeting", async () => {
    // The beginners come first in every order that a store or a timer may have.
    for (let index = 0; index < PEOPLE; index++) {
      const user = userOf(index);
      lab.clients.online(user);
      lab.calendar.set(user, index < PEOPLE / 2 ? [meeting(30, 60)] : [meeting(0, 30)]);
      await lab.enable(user);
    }
    const before = lab.publisher.sent.length;
    await lab.runtime.clock.advance(30 * 60_000);
    const sent = lab.publisher.sent.slice(before).map(({ document }) => isInMeeting(document.text));
    expect(sent.length).toBe(PEOPLE);
    expect(sent.lastIndexOf(false)).toBeLessThan(sent.indexOf(true));
    const shown = Array.from({ length: PEOPLE }, (_, index) => shownOf(lab, userOf(index)));
    expect(new Set(shown.slice(0, PEOPLE / 2))).toEqual(new Set(["dnd/in-a-meeting"]));
    expect(shown.slice(PEOPLE / 2).some((each) => each.includes("in-a-meeting"))).toBe(false);
  });
});

describe("a queue that is full", () => {
  it("[K9] loses no change: it is read when there is room again", async () => {
    const user = userOf(0);
    lab.clients.online(user);
    await lab.enable(user);
    lab.calendar.outage = new GatewayError("2200 requests are waiting", { type: "wait", code: "ews-queue-full" });
    lab.calendar.set(user, [meeting(0, 120)]);
    await lab.runtime.clock.advance(30_000);
    expect(shownOf(lab, user)).not.toContain("in-a-meeting");
    lab.calendar.outage = undefined;
    await lab.runtime.clock.advance(60_000);
    expect(shownOf(lab, user)).toBe("dnd/in-a-meeting");
  });
});
