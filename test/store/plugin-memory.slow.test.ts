import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seconds } from "../../src/lib/time.ts";
import type { Store } from "../../src/store/open-store.ts";
import { createTestStores, type TestStores } from "./store-fixture.ts";

const HQ = { kind: "calendar", name: "hq" };
const SERVER = { name: "hq", type: "ews", options: {}, isEnabled: true };

let stores: TestStores;
let store: Store;

beforeEach(async () => {
  stores = createTestStores();
  store = stores.open();
  await store.registry.replaceCalendarServer(SERVER);
});

afterEach(() => stores.end());

/** What another process would find in the file. */
const written = (): readonly (readonly [string, string])[] => [...stores.open().memoryOf(HQ).load()];

describe("what a plugin remembers", () => {
  it("is known at once and durable within two seconds", async () => {
    const memory = store.memoryOf(HQ);
    memory.put("a", "1");
    memory.put("b", "2");
    memory.put("a", "3");
    memory.delete("b");
    expect([...memory.load()]).toEqual([["a", "3"]]);
    expect(written()).toEqual([]);
    await stores.runtime.clock.advance(seconds(2));
    expect(written()).toEqual([["a", "3"]]);
    memory.delete("a");
    expect([...memory.load()]).toEqual([]);
    await stores.runtime.clock.advance(seconds(2));
    expect(written()).toEqual([]);
  });

  it("is written at the close", () => {
    store.memoryOf(HQ).put("a", "1");
    store.close();
    expect(written()).toEqual([["a", "1"]]);
  });

  it("is each instance's own, also of plugins that belong to no server", async () => {
    store.memoryOf(HQ).put("a", "of hq");
    store.memoryOf({ kind: "publish", name: "hq" }).put("a", "of a publisher");
    await stores.runtime.clock.advance(seconds(2));
    expect(written()).toEqual([["a", "of hq"]]);
    expect([...store.memoryOf({ kind: "publish", name: "hq" }).load()]).toEqual([["a", "of a publisher"]]);
  });

  it("goes with the calendar server, even what is put while that is deleted", async () => {
    store.memoryOf(HQ).put("a", "1");
    await stores.runtime.clock.advance(seconds(2));
    await store.registry.deleteCalendarServer("hq");
    store.memoryOf(HQ).put("late", "1");
    await stores.runtime.clock.advance(seconds(2));
    expect(store.health().state).toBe("ok");
    await store.registry.replaceCalendarServer(SERVER);
    expect([...store.memoryOf(HQ).load()]).toEqual([]);
  });

  it("has 15,000 puts on the disk within two seconds", async () => {
    const memory = store.memoryOf(HQ);
    for (let index = 0; index < 15_000; index++) memory.put(`user${index}@example.com`, "x".repeat(120));
    await stores.runtime.clock.advance(seconds(2));
    expect(written()).toHaveLength(15_000);
  });
});
