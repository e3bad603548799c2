import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seconds } from "../../src/lib/time.ts";
import { openDatabase } from "../../src/store/database.ts";
import type { Store } from "../../src/store/open-store.ts";
import { createTestStores, type TestStores } from "./store-fixture.ts";

const HQ = { kind: "publish", name: "hq" };

let stores: TestStores;
let store: Store;

beforeEach(() => {
  stores = createTestStores();
  store = stores.open();
});

afterEach(() => stores.end());

describe("a store that cannot be written", () => {
  it("is degraded, keeps what waits, and writes it when it can", async () => {
    const other = openDatabase(stores.path);
    other.execute("BEGIN IMMEDIATE");
    store.memoryOf(HQ).put("a", "1");
    await stores.runtime.clock.advance(seconds(1));
    expect(store.health()).toMatchObject({ state: "degraded", error: { code: "store-locked" } });
    expect(stores.runtime.events.filter(({ event }) => event === "store.write-failed")).toHaveLength(1);
    other.execute("COMMIT");
    other.close();
    await stores.runtime.clock.advance(seconds(1));
    expect(store.health().state).toBe("ok");
    expect([...stores.open().memoryOf(HQ).load()]).toEqual([["a", "1"]]);
  });
});
