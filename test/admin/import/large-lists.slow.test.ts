import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LOCAL_ADMINISTRATOR } from "../../../src/admin/command.ts";
import { walkImport } from "../../../src/admin/import/walk-import.ts";
import { runCommandLine } from "../../../src/admin/run-command-line.ts";
import { createTestStores, type TestStores } from "../../store/store-fixture.ts";
import { createCommandStage } from "../command-stage.ts";

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

/** Commands over a store on the disk. */
async function createStoredStage() {
  const stage = createCommandStage();
  const { registry, imports } = stores.open();
  await registry.replaceCalendarServer({ name: "main", type: "ews", options: {}, isEnabled: true });
  const services = { ...stage.services, registry, imports };
  const context = { ...services, actor: LOCAL_ADMINISTRATOR };
  /** All that is said, the last of it at last. */
  const say = async (line: string, text?: string): Promise<readonly string[]> => {
    const result = await runCommandLine({ ...context, ...(text !== undefined && { text }) }, line, signal);
    if (result.kind !== "progress") throw new Error("this takes its time");
    const said: string[] = [];
    for (;;) {
      const { done, value } = await result.lines.next();
      if (!done) said.push(value);
      else return value.kind === "lines" ? [...said, value.title ?? "", ...value.lines] : said;
    }
  };
  return { registry, imports, context, say };
}

const { signal } = new AbortController();
const listOf = (count: number): string =>
  ["jid", ...Array.from({ length: count }, (_, index) => `u${index}@example.com`)].join("\n");

describe("[U3] a list of thousands", () => {
  it("says how far it is, and is at work as a whole", async () => {
    const { registry, say } = await createStoredStage();
    expect((await say("user import", listOf(12_000))).slice(0, 3)).toEqual([
      "5000 rows are checked.",
      "10000 rows are checked.",
      "12000 rows: 12000 new, 0 changed, 0 the same, 0 wrong.",
    ]);
    expect(await say("user import apply 1")).toEqual([
      "5000 rows are applied.",
      "10000 rows are applied.",
      "Import 1 is applied. 12000 rows: 12000 new, 0 changed, 0 the same, 0 wrong.",
    ]);
    expect(await registry.listUsers()).toHaveLength(12_000);
    expect(await registry.listAudit(20_000)).toHaveLength(12_001);
  });

  it("of 100,000 rows is read, and of one more is not", async () => {
    const { say, imports } = await createStoredStage();
    expect(await say("user import", listOf(100_000))).toContain(
      "100000 rows: 100000 new, 0 changed, 0 the same, 0 wrong.",
    );
    await expect(say("user import", listOf(100_001))).rejects.toMatchObject({ code: "import-invalid" });
    expect(await imports.list()).toHaveLength(1);
  });

  it("that is cancelled by another administrator while it is applied stops there, and says how far it came", async () => {
    const { registry, say, imports, context } = await createStoredStage();
    await say("user import", listOf(5000));
    const applied = say("user import apply 1").catch((error: unknown) => error);
    while ((await registry.listUsers()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await runCommandLine(context, "user import cancel 1", signal)).toMatchObject({
      text: "Import 1 is forgotten; from now on nothing of it is applied.",
    });
    const outcome = String(await applied);
    const done = (await registry.listUsers()).length;
    expect(done).toBeLessThan(5000);
    expect(outcome).toContain(`Import 1 was cancelled: only its first ${done} rows are applied.`);
    expect(await imports.list()).toEqual([]);
  });

  it("that breaks off is finished by applying it again, and nothing is done twice", async () => {
    const { registry, say, context, imports } = await createStoredStage();
    const text = listOf(2000);
    await say("user import", text);
    const stopping = new AbortController();
    const broken = walkImport(context, text, { kind: "apply", id: 1 }, stopping.signal).next();
    while ((await registry.listUsers()).length === 0) await new Promise((resolve) => setImmediate(resolve));
    stopping.abort(new Error("the gateway is stopping"));
    await expect(broken).rejects.toThrow("the gateway is stopping");
    const done = (await registry.listUsers()).length;
    expect(done).toBeLessThan(2000);
    expect(await imports.find(1)).toMatchObject({ text });
    expect(await say("user import apply 1")).toEqual([
      `Import 1 is applied. 2000 rows: ${2000 - done} new, 0 changed, ${done} the same, 0 wrong.`,
    ]);
    expect(await registry.listAudit(5000)).toHaveLength(2001);
  });
});
