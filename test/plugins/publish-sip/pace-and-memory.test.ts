import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PublicationMemory } from "../../../plugins/publish-sip/publication-memory.ts";
import { PublicationPace } from "../../../plugins/publish-sip/publication-pace.ts";
import { PublicationTimers } from "../../../plugins/publish-sip/publication-timers.ts";
import { hours, instant, plus, seconds } from "../../../src/lib/time.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { createTestRuntime, MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { aorOf, MEETING, publicationOf } from "./publications.ts";

const times = (count: number, act: () => void): void => {
  for (let done = 0; done < count; done++) act();
};

describe("the pace of publications", () => {
  it("keeps to the rate and the window, whatever comes when", () => {
    const moves = fc.array(fc.record({ pass: fc.nat(300), add: fc.nat(20), end: fc.nat(20) }), { maxLength: 40 });
    const limits = fc.record({ perSecond: fc.integer({ min: 1, max: 500 }), window: fc.integer({ min: 1, max: 30 }) });
    fc.assert(
      fc.property(moves, limits, (list, { perSecond, window }) => {
        const pace = new PublicationPace<number>({ perSecond, window }, instant(0));
        let [now, sent] = [0, 0];
        for (const { pass, add, end } of list) {
          now += pass;
          times(add, () => pace.enqueue(sent, add % 2 === 1 ? "change" : "refresh"));
          times(Math.min(end, pace.underWay), () => pace.end());
          for (; pace.next(instant(now)); sent++) pace.begin();
          expect(pace.underWay).toBeLessThanOrEqual(window);
          expect(sent).toBeLessThanOrEqual(Math.max(1, perSecond / 4) + (now * perSecond) / 1000 + 1e-6);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("lets changes go first, and says how long the next one waits", () => {
    const pace = new PublicationPace<string>({ perSecond: 4, window: 5 }, instant(0));
    expect(pace.delay).toBeUndefined();
    pace.enqueue("refresh", "refresh");
    pace.enqueue("change", "change");
    expect(pace.next(instant(0))?.key).toBe("change");
    pace.begin();
    expect(pace.next(instant(0))).toBeUndefined();
    expect(pace.delay).toBe(250);
    expect(pace.next(instant(250))?.key).toBe("refresh");
  });
});

describe("the timers of publications", () => {
  it("are not made late by a clock that is set back", async () => {
    const { clock } = createTestRuntime();
    const due: string[] = [];
    const timers = new PublicationTimers<string>(clock, (key) => due.push(key));
    timers.set("refresh", plus(timers.now(), seconds(600)));
    await clock.advance(seconds(100));
    clock.step(-hours(5));
    await clock.advance(seconds(540));
    expect(due).toEqual(["refresh"]);
    timers.stop();
  });
});

const granted = (etag: string) => ({
  etag,
  at: MONDAY_MORNING,
  expiresAt: plus(MONDAY_MORNING, seconds(3600)),
  offer: { publication: publicationOf("alice"), serial: 1 },
});
let ids = 0;
const makeId = (): string => `epoch-${++ids}`;

describe("the memory of publications", () => {
  it("gives back what was recorded, with the same epoch", () => {
    const kept = new TestMemory();
    const memory = new PublicationMemory(kept);
    const { epoch } = memory.load("a.example.com", makeId);
    memory.record(aorOf("alice"), granted("a.1"));
    memory.record(aorOf("bob"), granted("b.1"));
    memory.record(aorOf("bob"), undefined);
    const again = new PublicationMemory(kept).load("a.example.com", makeId);
    expect(again.epoch).toBe(epoch);
    expect(again.remembered).toEqual([
      {
        aor: aorOf("alice"),
        publication: publicationOf("alice", MEETING),
        granted: { etag: "a.1", at: MONDAY_MORNING, expiresAt: plus(MONDAY_MORNING, seconds(3600)) },
      },
    ]);
  });

  it("forgets what is of another server", () => {
    const kept = new TestMemory();
    new PublicationMemory(kept).load("a.example.com", makeId);
    new PublicationMemory(kept).record(aorOf("alice"), granted("a.1"));
    expect(new PublicationMemory(kept).load("b.example.com", makeId).remembered).toEqual([]);
    expect([...kept.kept.keys()]).toEqual(["epoch"]);
  });

  it.each(["", "{}", "[1]", '{"etag":1}', '{"etag":"a","at":1,"expiresAt":1,"presentity":"x"}'])(
    "has everything offered anew when it cannot read %j",
    (value) => {
      const kept = new TestMemory();
      const { epoch } = new PublicationMemory(kept).load("a.example.com", makeId);
      new PublicationMemory(kept).record(aorOf("alice"), granted("a.1"));
      kept.put("sip:bob@example.com", value);
      const again = new PublicationMemory(kept).load("a.example.com", makeId);
      expect(again.epoch).not.toBe(epoch);
      expect(again.remembered).toHaveLength(1);
      expect(kept.kept.has("sip:bob@example.com")).toBe(false);
    },
  );
});
