import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SmallMap } from "../../src/lib/small-map.ts";

type Maps = readonly [SmallMap<string, number>, Map<string, number>];

const step: fc.Arbitrary<(maps: Maps) => void> = fc.oneof(
  fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat()).map(([key, value]) => ([small, map]: Maps) => {
    small.set(key, value);
    map.set(key, value);
  }),
  fc.constantFrom("a", "b", "c", "d").map((key) => ([small, map]: Maps) => {
    expect(small.delete(key)).toBe(map.delete(key));
  }),
);

describe("a small map", () => {
  it("behaves as a Map", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const maps: Maps = [new SmallMap(), new Map()];
        for (const apply of steps) {
          apply(maps);
          const [small, map] = maps;
          expect([small.size, small.has("a"), small.get("b")]).toEqual([map.size, map.has("a"), map.get("b")]);
          expect([[...small], [...small.keys()], [...small.values()]]).toEqual([
            [...map],
            [...map.keys()],
            [...map.values()],
          ]);
        }
      }),
    );
  });

  it("lets entries be deleted while it is iterated", () => {
    const small = new SmallMap<string, number>().set("a", 1).set("b", 2).set("c", 3);
    for (const key of small.keys()) small.delete(key);
    expect(small.size).toBe(0);
  });

  it("forgets everything at once", () => {
    const small = new SmallMap<string, number>().set("a", 1).set("b", 2);
    small.clear();
    expect([...small]).toEqual([]);
  });
});
