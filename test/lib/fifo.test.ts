import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fifo } from "../../src/lib/fifo.ts";

describe("a queue", () => {
  it("gives back what was put in, first in first out, whatever the order of putting and taking", () => {
    const steps = fc.array(fc.option(fc.nat(), { freq: 2 }), { maxLength: 200, size: "max" });
    fc.assert(
      fc.property(steps, (values) => {
        const queue = new Fifo<number>();
        const model: number[] = [];
        for (const value of values) {
          if (value === null) expect(queue.shift()).toBe(model.shift());
          else model.push(value);
          if (value !== null) queue.push(value);
          expect(queue.length).toBe(model.length);
        }
      }),
    );
  });
});
