import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mergeLimited } from "../../src/lib/merge-limited.ts";

const collect = async <Value>(values: AsyncIterable<Value>): Promise<readonly Value[]> => {
  const all: Value[] = [];
  for await (const value of values) all.push(value);
  return all;
};

describe("what is merged of several sources", () => {
  it("has every value once, each source's in its order, never more sources at a time than allowed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5), { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (lengths, limit) => {
          let [running, most] = [0, 0];
          const sources = lengths.map(
            (length, source) =>
              async function* () {
                most = Math.max(most, ++running);
                for (let index = 0; index < length; index++) yield [source, index] as const;
                running--;
              },
          );
          const values = await collect(mergeLimited(sources, limit));
          for (const [source, length] of lengths.entries()) {
            const own = values.filter(([of]) => of === source).map(([, index]) => index);
            expect(own).toEqual(Array.from({ length }, (_, index) => index));
          }
          expect(most).toBeLessThanOrEqual(limit);
        },
      ),
    );
  });

  it("comes as it is known: a source that waits holds up no other", async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = async function* () {
      await held;
      yield "slow";
    };
    const fast = async function* () {
      yield "fast";
      release();
    };
    expect(await collect(mergeLimited([slow, fast], 2))).toEqual(["fast", "slow"]);
  });

  it("ends the others when one fails, or when it is left early", async () => {
    const ended: string[] = [];
    const endless = async function* () {
      try {
        for (;;) yield "value";
      } finally {
        ended.push("endless");
      }
    };
    const failing = async function* (): AsyncGenerator<string> {
      yield "one";
      throw new Error("broken");
    };
    await expect(collect(mergeLimited([failing, endless], 2))).rejects.toThrow("broken");
    for await (const _ of mergeLimited([endless], 2)) break;
    await expect.poll(() => ended.length).toBe(2);
  });
});
