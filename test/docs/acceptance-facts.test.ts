import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { FACTS } from "../acceptance/facts.ts";

const LIST = join(import.meta.dirname, "../../../shared/facts/cisco-acceptance.md");
const isPresent = existsSync(LIST);
if (!isPresent) console.log("skipped: the list of facts does not stand beside the checkout");

describe("the acceptance report", () => {
  it.runIf(isPresent)("knows every id of the list of facts", () => {
    const ids = [...readFileSync(LIST, "utf8").matchAll(/^\| ([A-Z]\d+[a-z]?) \|/gm)].map((match) => match[1] ?? "");
    expect(ids.length).toBeGreaterThan(90);
    expect(Object.keys(FACTS).toSorted()).toEqual([...new Set(ids)].toSorted());
  });

  it("has a reason for every fact that no test can prove, and no reason for a fact unknown to it", () => {
    const lines = readFileSync(join(import.meta.dirname, "../../docs/ACCEPTANCE.md"), "utf8").split("\n");
    const excused = lines.flatMap((line) => /^- ([A-Z]\d+[a-z]?): \S/.exec(line)?.[1] ?? []);
    expect(excused.filter((id) => FACTS[id] === undefined)).toEqual([]);
    expect(new Set(excused).size).toBe(excused.length);
  });
});
