import fc from "fast-check";
import { describe, it } from "vitest";
import { startEngineLab } from "../engine/engine-lab.ts";
import { RandomLife } from "./random-life.ts";
import { aStep } from "./random-steps.ts";

/** More for a longer hunt. */
const RUNS = Number(process.env["RANDOM_LIFE_RUNS"] ?? 8);

describe("whatever happens", () => {
  it("shows in the end what is so, never an old meeting beyond the stale limit, and sends nothing for nothing", async () => {
    const life = fc.asyncProperty(fc.array(aStep, { minLength: 5, maxLength: 30, size: "max" }), async (steps) => {
      const lab = await startEngineLab();
      try {
        await new RandomLife(lab).play(steps);
      } finally {
        await lab.close();
      }
    });
    await fc.assert(life, { numRuns: RUNS });
  }, 600_000);
});
