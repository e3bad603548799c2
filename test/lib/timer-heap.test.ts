import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { instant } from "../../src/lib/time.ts";
import { TimerHeap } from "../../src/lib/timer-heap.ts";

type Step = { readonly kind: "set" | "delete" | "take"; readonly key: string; readonly at: number };

const aStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom("set" as const, "set" as const, "delete" as const, "take" as const),
  key: fc.constantFrom(..."abcdefghijklmnopqrst"),
  at: fc.integer({ min: 0, max: 30 }),
});

const earliest = (model: ReadonlyMap<string, number>): number | undefined =>
  model.size === 0 ? undefined : Math.min(...model.values());

/** Takes one from the heap and checks that the model agrees that it was due and the earliest. */
function take(heap: TimerHeap<string>, model: Map<string, number>, now: number): void {
  const first = earliest(model);
  const key = heap.takeDue(instant(now));
  const isDue = first !== undefined && first <= now;
  expect(key === undefined ? undefined : model.get(key)).toBe(isDue ? first : undefined);
  if (key !== undefined) model.delete(key);
}

function apply(heap: TimerHeap<string>, model: Map<string, number>, { kind, key, at }: Step): void {
  if (kind === "take") take(heap, model, at);
  if (kind === "set") {
    heap.set(key, instant(at));
    model.set(key, at);
  }
  if (kind === "delete") {
    heap.delete(key);
    model.delete(key);
  }
}

describe("a timer heap", () => {
  it("behaves as a map from which the earliest due entry is taken", () => {
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 120, size: "max" }), (steps) => {
        const heap = new TimerHeap<string>();
        const model = new Map<string, number>();
        for (const step of steps) {
          apply(heap, model, step);
          expect(heap.size).toBe(model.size);
          expect(heap.next).toBe(earliest(model));
        }
        while (model.size > 0) take(heap, model, 30);
        expect(heap.takeDue(instant(30))).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });

  it("gives out keys of one instant in the order in which they came", () => {
    const heap = new TimerHeap<number>();
    for (let key = 0; key < 100; key++) heap.set(key, instant(key % 3 === 0 ? 7 : 5));
    for (let key = 0; key < 100; key++) heap.set(key, instant(5));
    expect(Array.from({ length: 100 }, () => heap.takeDue(instant(5)))).toEqual([...Array(100).keys()]);
  });

  it("gives out many keys in the order of their instants", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 200, size: "max" }), (instants) => {
        const heap = new TimerHeap<number>();
        for (const [key, at] of instants.entries()) heap.set(key, instant(at));
        const taken: (number | undefined)[] = [];
        for (let next = heap.next; next !== undefined; next = heap.next) {
          taken.push(instants[heap.takeDue(next) ?? -1]);
        }
        expect(taken).toEqual([...instants].sort((a, b) => a - b));
      }),
    );
  });
});
