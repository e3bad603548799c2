import { describe, expect, it } from "vitest";
import { wakeAt } from "../../../plugins/publish-sip/event-publication.ts";
import { minutes, plus, seconds } from "../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { HOUR, Machine } from "./publication-machine.ts";
import { FREE, MEETING } from "./publications.ts";

const published = (): Machine => {
  const machine = new Machine();
  machine.offer(MEETING);
  machine.answer({ status: 200, etag: "a.1", expires: HOUR });
  return machine;
};

describe("an event publication (RFC 3903)", () => {
  it("publishes initially, and modifies what was granted", () => {
    const machine = published();
    machine.offer(FREE);
    expect(machine.sent.map(({ etag }) => etag)).toEqual([undefined, "a.1"]);
    expect(machine.ended).toEqual([[1, "ok"]]);
  });

  it("keeps one PUBLISH under way, and then sends the newest only", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.offer(FREE);
    machine.offer({ ...FREE, show: "away" });
    expect(machine.sent).toHaveLength(1);
    machine.answer({ status: 200, etag: "a.1", expires: HOUR });
    expect(machine.sent).toHaveLength(2);
    expect(machine.sent[1]?.offer.publication?.document.show).toBe("away");
    machine.answer({ status: 200, etag: "a.2", expires: HOUR });
    expect(machine.ended).toEqual([
      [1, "ok"],
      [3, "ok"],
    ]);
  });

  it("refreshes with the document after 50 to 90 % of what was granted, not of what was asked", () => {
    const machine = new Machine();
    machine.offer(FREE);
    machine.answer({ status: 200, etag: "a.1", expires: seconds(100) });
    expect(wakeAt(machine.state)).toBe(plus(MONDAY_MORNING, seconds(70)));
    machine.wake();
    expect(machine.sent[1]).toMatchObject({ etag: "a.1", expires: HOUR, offer: { serial: 1 } });
    expect(machine.sent[1]?.offer.publication).toBeDefined();
  });

  it("asks for a meeting no longer than a minute beyond its end, so that it ends without a gateway too", () => {
    const machine = new Machine();
    machine.now = plus(MONDAY_MORNING, minutes(40));
    machine.offer(MEETING);
    expect(machine.sent[0]?.expires).toBe(minutes(21));
    machine.answer({ status: 200, etag: "a.1", expires: minutes(21) });
    expect(wakeAt(machine.state)).toBeUndefined(); // it needs no refresh
    machine.now = plus(MONDAY_MORNING, HOUR);
    machine.offer(FREE);
    expect(machine.sent[1]).toMatchObject({ etag: "a.1", expires: HOUR });
  });

  it("asks for a minute at least, and for no less than the server insists on", () => {
    const machine = new Machine();
    machine.now = plus(MONDAY_MORNING, minutes(61));
    machine.offer(MEETING);
    machine.answer({ status: 423, minExpires: minutes(10) });
    machine.answer({ status: 200, etag: "a.1", expires: minutes(10) });
    machine.offer({ ...MEETING, until: plus(MONDAY_MORNING, minutes(65)) });
    expect(machine.sent.map(({ expires }) => expires)).toEqual([minutes(1), minutes(10), minutes(10)]);
  });

  it("never prolongs a state that has ended", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.answer({ status: 200, etag: "a.1", expires: minutes(10) });
    machine.now = plus(MONDAY_MORNING, HOUR);
    machine.step({ kind: "timer" });
    expect(machine.sent).toHaveLength(1);
    expect(wakeAt(machine.state)).toBeUndefined();
  });

  it("does not send again what the server shows", () => {
    const machine = published();
    machine.offer(MEETING);
    expect(machine.sent).toHaveLength(1);
    expect(machine.ended).toEqual([
      [1, "ok"],
      [2, "ok"],
    ]);
  });

  it("takes back with the entity tag, and needs no request where there is none", () => {
    const machine = published();
    machine.offer(undefined);
    expect(machine.sent[1]).toMatchObject({ etag: "a.1", expires: 0 });
    machine.answer({ status: 200, etag: "a.2", expires: seconds(0) });
    machine.offer(undefined);
    expect(machine.sent).toHaveLength(2);
    expect(machine.other).toContain("gone");
  });

  it.each([412, 500])("starts afresh once after %i to a modification", (status) => {
    const machine = published();
    machine.offer(FREE);
    machine.answer({ status });
    expect(machine.sent[2]?.etag).toBeUndefined();
    machine.answer({ status });
    expect(machine.sent).toHaveLength(3);
    expect(machine.state.phase.kind).toBe("waiting");
  });

  it("backs off from 500 to an initial publication", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.answer({ status: 500 });
    expect(machine.state.phase.kind).toBe("waiting");
  });

  it("asks for longer once when the server insists, and keeps to that", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.answer({ status: 423, minExpires: seconds(7200) });
    expect(machine.sent[1]?.expires).toBe(seconds(7200));
    machine.answer({ status: 200, etag: "a.1", expires: seconds(7200) });
    machine.offer(FREE);
    expect(machine.sent[2]?.expires).toBe(seconds(7200));
  });

  it.each([undefined, seconds(0), seconds(60), HOUR, seconds(604_800)])(
    "parks after 423 that names no time that would do (%s)",
    (minExpires) => {
      const machine = new Machine();
      machine.offer(MEETING);
      machine.answer({ status: 423, ...(minExpires !== undefined && { minExpires }) });
      expect(machine.sent).toHaveLength(1);
      expect(machine.state.phase.kind).toBe("parked");
    },
  );

  it("parks after a second 423", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.answer({ status: 423, minExpires: seconds(7200) });
    machine.answer({ status: 423, minExpires: seconds(9000) });
    expect(machine.sent).toHaveLength(2);
    expect(machine.state.phase.kind).toBe("parked");
  });

  it("treats 200 without entity tag as a failure, and publishes initially after a pause", () => {
    const machine = published();
    machine.offer(FREE);
    machine.answer({ status: 200, expires: HOUR });
    expect(machine.ended.at(-1)).toEqual([2, "publish-sip-no-tag"]);
    machine.wake();
    expect(machine.sent[2]?.etag).toBeUndefined();
  });

  it.each([302, 408, 480, 500, 503, 504])(
    "keeps the entity tag over %i, and tries again with growing pauses",
    (status) => {
      const machine = published();
      machine.offer(FREE);
      machine.answer({ status: status === 500 ? 503 : status });
      const first = (wakeAt(machine.state) ?? 0) - machine.now;
      machine.wake();
      expect(machine.sent.at(-1)?.etag).toBe("a.1");
      machine.answer({ status: 503 });
      expect((wakeAt(machine.state) ?? 0) - machine.now).toBeGreaterThan(first);
    },
  );

  it("waits as long as the server asks, whatever is offered meanwhile", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.answer({ status: 503, retryAfter: minutes(10) });
    machine.offer(FREE);
    machine.step({ kind: "reconnected" });
    expect(machine.sent).toHaveLength(1);
    expect(wakeAt(machine.state)).toBe(plus(MONDAY_MORNING, minutes(10)));
    machine.wake();
    expect(machine.sent[1]?.offer.publication?.document).toBe(FREE);
  });

  it("does not wait for its own pause when the connection is back", () => {
    const machine = new Machine();
    machine.offer(MEETING);
    machine.lose();
    machine.step({ kind: "reconnected" });
    expect(machine.sent).toHaveLength(2);
  });

  it.each([400, 403, 404, 415, 489, 606])(
    "parks after %i, tries a new document at once and the same every hour",
    (status) => {
      const machine = new Machine();
      machine.offer(MEETING);
      machine.answer({ status });
      machine.offer(MEETING);
      expect(machine.sent).toHaveLength(1);
      expect(wakeAt(machine.state)).toBe(plus(MONDAY_MORNING, HOUR));
      machine.offer(FREE);
      expect(machine.sent).toHaveLength(2);
      machine.answer({ status });
      machine.wake();
      expect(machine.sent).toHaveLength(3);
    },
  );

  it("publishes anew when the server has lost its memory", () => {
    const machine = published();
    machine.step({ kind: "forgotten" });
    expect(machine.sent[1]?.etag).toBeUndefined();
    expect(machine.sent[1]?.offer.publication?.document).toBe(MEETING);
  });
});
