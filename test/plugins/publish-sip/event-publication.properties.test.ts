import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seconds } from "../../../src/lib/time.ts";
import { HOUR, Machine } from "./publication-machine.ts";
import { FREE, MEETING } from "./publications.ts";

const DOCUMENTS = [MEETING, FREE, { ...FREE, show: "away" }, undefined] as const;
const ANSWER = fc.record({
  status: fc.constantFrom(200, 200, 200, 204, 302, 403, 404, 408, 412, 412, 423, 480, 500, 503),
  expires: fc.constantFrom(undefined, 0, 1, 60, 3600, 86_400),
  minExpires: fc.constantFrom(undefined, 0, 60, 3600, 7200, 604_800),
  retryAfter: fc.constantFrom(undefined, 0, 5, 3600),
  hasTag: fc.boolean(),
});
const EVENT = fc.oneof(
  fc.record({ kind: fc.constant("offer" as const), index: fc.nat(DOCUMENTS.length - 1) }),
  fc.record({ kind: fc.constant("answer" as const), answer: ANSWER }),
  fc.record({ kind: fc.constantFrom("lose", "wake", "reconnected", "forgotten", "probe") }),
);

const inSeconds = (count: number | undefined, name: string) => (count === undefined ? {} : { [name]: seconds(count) });

function play(
  machine: Machine,
  event: typeof EVENT extends fc.Arbitrary<infer Value> ? Value : never,
  tag: string,
): void {
  if (event.kind === "offer" && "index" in event) machine.offer(DOCUMENTS[event.index]);
  else if (event.kind === "answer" && "answer" in event) {
    if (machine.underWay === 0) return;
    const { status, expires, minExpires, retryAfter, hasTag } = event.answer;
    machine.answer({
      status,
      ...inSeconds(expires, "expires"),
      ...inSeconds(minExpires, "minExpires"),
      ...inSeconds(retryAfter, "retryAfter"),
      ...(hasTag && { etag: tag }),
    });
  } else if (event.kind === "lose") {
    if (machine.underWay > 0) machine.lose();
  } else if (event.kind === "wake") machine.wake();
  else if (event.kind === "reconnected" || event.kind === "forgotten" || event.kind === "probe")
    machine.step({ kind: event.kind });
}

function comeToRest(machine: Machine): void {
  for (let round = 0; round < 5; round++) {
    if (machine.underWay > 0) machine.answer({ status: 200, etag: `end${round}`, expires: HOUR });
    else if (machine.state.phase.kind !== "rest") machine.wake();
  }
  expect(machine.state.phase.kind).toBe("rest");
}

describe("an event publication, whatever happens", () => {
  const events = fc.array(EVENT, { maxLength: 60 });

  it("never has two PUBLISH under way, and sends only what is newest", () => {
    fc.assert(
      fc.property(events, (list) => {
        const machine = new Machine();
        for (const [index, event] of list.entries()) {
          const before = machine.sent.length;
          play(machine, event, `t${index}`);
          expect(machine.underWay).toBeGreaterThanOrEqual(0);
          expect(machine.underWay).toBeLessThanOrEqual(1);
          expect(machine.underWay === 1).toBe(machine.state.phase.kind === "sending");
          for (const { offer } of machine.sent.slice(before)) expect(offer).toBe(machine.state.offer);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("uses an entity tag only until the server denies it, and never one that it was not given", () => {
    fc.assert(
      fc.property(events, (list) => {
        const machine = new Machine();
        const given = new Set<string>();
        for (const [index, event] of list.entries()) {
          const before = machine.sent.length;
          given.add(`t${index}`);
          play(machine, event, `t${index}`);
          for (const { etag } of machine.sent.slice(before)) if (etag !== undefined) expect(given).toContain(etag);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("in the end has published, parked or taken back what was offered last", () => {
    fc.assert(
      fc.property(events, (list) => {
        const machine = new Machine();
        for (const [index, event] of list.entries()) play(machine, event, `t${index}`);
        comeToRest(machine);
        const { offer, granted } = machine.state;
        const { document } = offer.publication ?? {};
        const hasEnded = document?.until !== undefined && document.until <= machine.now;
        if (!hasEnded) expect(granted?.offer.publication?.document).toEqual(document);
      }),
      { numRuns: 300 },
    );
  });

  it("tells the end of every offer", () => {
    fc.assert(
      fc.property(events, (list) => {
        const machine = new Machine();
        for (const [index, event] of list.entries()) play(machine, event, `t${index}`);
        for (let round = 0; round < 5; round++) {
          if (machine.underWay > 0) machine.answer({ status: 200, etag: `end${round}`, expires: HOUR });
        }
        const last = Math.max(0, ...machine.ended.map(([serial]) => serial));
        expect(last).toBe(machine.state.offer.serial);
      }),
      { numRuns: 200 },
    );
  });
});
