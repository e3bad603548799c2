import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { findKeyed, NONE, withKeyed, withoutKeyed } from "../../src/lib/keyed-list.ts";

interface Item {
  readonly name: string;
  readonly value: number;
}

const someItem = fc.record({ name: fc.constantFrom("a", "b", "c", "d"), value: fc.nat() });
const someStep = fc.record({ item: someItem, isRemoved: fc.boolean() });

describe("a keyed list", () => {
  it("behaves as a Map that keeps its order", () => {
    fc.assert(
      fc.property(fc.array(someStep, { maxLength: 30 }), (steps) => {
        let list: readonly Item[] = NONE;
        const map = new Map<string, Item>();
        for (const { item, isRemoved } of steps) {
          list = isRemoved ? withoutKeyed(list, "name", item.name) : withKeyed(list, "name", item);
          if (isRemoved) map.delete(item.name);
          else map.set(item.name, item);
          expect(list).toEqual([...map.values()]);
          expect(findKeyed(list, "name", item.name)).toBe(map.get(item.name));
        }
      }),
    );
  });

  it("never changes a list that was given out", () => {
    const one = withKeyed(NONE, "name", { name: "a", value: 1 });
    withKeyed(one, "name", { name: "a", value: 2 });
    withoutKeyed(one, "name", "a");
    expect(one).toEqual([{ name: "a", value: 1 }]);
  });
});
