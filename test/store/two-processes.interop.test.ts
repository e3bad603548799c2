import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestStores, type TestStores, user } from "./store-fixture.ts";

const CHILD = fileURLToPath(new URL("store-child.ts", import.meta.url));
const KILLS = 8;

let stores: TestStores;
const children = new Set<ChildProcess>();
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => {
  for (const child of children) child.kill("SIGKILL");
  children.clear();
  stores.end();
});

function startChild(...args: readonly string[]) {
  const child = spawn(process.execPath, ["--import", "tsx", CHILD, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  return child;
}

/** Lets the child write until it has acknowledged `wanted` rounds, kills it, and tells the last one acknowledged. */
async function stormAndKill(start: number, wanted: number): Promise<number> {
  const child = startChild("storm", stores.path, String(start));
  const exited = once(child, "exit");
  let acknowledged = start;
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Number(line);
    if (++seen === wanted) child.kill("SIGKILL");
  }
  await exited;
  return acknowledged;
}

describe("kill -9 while writing", () => {
  it("loses nothing acknowledged, and leaves each turn's writes whole or not at all", async () => {
    let last = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const acknowledged = await stormAndKill(last, 1 + Math.floor(Math.random() * 60));
      const { journal, registry, close } = stores.open();
      const entries = [...journal.load()];
      const rounds = new Set(entries.map(({ composedAt }) => composedAt));
      expect(rounds.size).toBe(1);
      last = entries[0]?.composedAt ?? 0;
      expect(last).toBeGreaterThanOrEqual(acknowledged);
      expect(Number((await registry.listParameters())["round"])).toBeGreaterThanOrEqual(acknowledged);
      expect(entries).toHaveLength(20);
      for (const { outbox, published } of entries) {
        expect(outbox.map(({ publisher, since }) => [publisher, since])).toEqual([
          ["pep", last],
          ["sip", last],
        ]);
        expect(published.map(({ publisher, at }) => [publisher, at])).toEqual([["pep", last - 1]]);
      }
      close();
    }
  });
});

describe("two processes", () => {
  it("see each other's changes of the registry", async () => {
    const { registry } = stores.open();
    const stopping = AbortSignal.timeout(30_000);
    const changes = registry.watch(stopping)[Symbol.asyncIterator]();
    const next = changes.next();
    const exited = once(startChild("change", stores.path), "exit");
    await exited;
    await stores.runtime.clock.advance(300);
    expect(await next).toEqual({ done: false, value: { kind: "user", presentity: user("carol").presentity } });
    expect(await registry.findUser(user("carol").presentity)).toEqual(user("carol"));
    await changes.return?.();
  });
});
