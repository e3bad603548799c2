import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { instant, milliseconds } from "../../src/lib/time.ts";
import type { Journal } from "../../src/ports/journal.ts";
import { openDatabase, type StoreDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { SqliteJournal } from "../../src/store/sqlite-journal.ts";
import { settle } from "../doubles/fake-clock.ts";
import {
  ALICE,
  BOB,
  codeOf,
  createTestStores,
  due,
  IN_MEETING,
  NOW,
  outboxRow,
  type TestStores,
} from "./store-fixture.ts";

let stores: TestStores;
let database: StoreDatabase;
let journal: SqliteJournal;
beforeEach(() => {
  stores = createTestStores();
  database = openDatabase(stores.path);
  migrate(database);
  database.setPatience(milliseconds(0));
  journal = new SqliteJournal(database, stores.runtime);
});
afterEach(() => {
  database.close();
  stores.end();
});

/** A hundred presentities with a document and an outbox row each: more than the pages that are left. */
function storm(to: Journal): void {
  for (let index = 0; index < 100; index++) {
    const presentity = parsePresentityId(`user${index}@example.com`);
    const composition = {
      document: { ...IN_MEETING, note: { "": "x".repeat(500) } },
      composedAt: NOW,
    };
    to.recordComposition(presentity, composition, due(outboxRow({ presentity })));
  }
}

const fillDisk = (): void => database.execute("PRAGMA max_page_count = 1"); // SQLite takes the present size for the least
const freeDisk = (): void => database.execute("PRAGMA max_page_count = 1073741823");
const logged = (): readonly string[] => stores.runtime.events.map(({ event }) => event);

/** What another process would read. */
function stored(): number {
  const store = stores.open();
  try {
    return [...store.journal.load()].length;
  } finally {
    store.close();
  }
}

describe("a full disk", () => {
  it("loses nothing: what could not be written is written when there is space again", async () => {
    fillDisk();
    storm(journal);
    await settle();
    expect(logged()).toEqual(["store.write-failed"]);
    expect(journal.health()).toMatchObject({ state: "degraded", error: { code: "store-full", type: "wait" } });
    expect(stored()).toBe(0);
    journal.recordHeard(ALICE, NOW);
    await stores.runtime.clock.advance(10_000);
    expect(logged()).toEqual(["store.write-failed"]);
    freeDisk();
    await stores.runtime.clock.advance(1000);
    expect(logged()).toEqual(["store.write-failed", "store.write-recovered"]);
    expect(journal.health()).toEqual({ state: "ok" });
    expect(stored()).toBe(101);
  });

  it("makes flush throw, and reading what is not written yet, but nothing else", async () => {
    journal.recordHeard(BOB, NOW);
    journal.flush();
    fillDisk();
    storm(journal);
    expect(codeOf(() => journal.flush())).toBe("store-full");
    expect(codeOf(() => journal.find(parsePresentityId("user1@example.com")))).toBe("store-full");
    expect(codeOf(() => [...journal.load()])).toBe("store-full");
    expect(journal.find(BOB)?.calendar).toEqual({ intervals: [], heardAt: NOW });
    freeDisk();
    await stores.runtime.clock.advance(1000);
    expect(journal.find(parsePresentityId("user1@example.com"))?.outbox).toHaveLength(1);
    expect(stored()).toBe(101);
  });

  it("keeps only the newest of what waits", async () => {
    fillDisk();
    storm(journal);
    await settle();
    for (let round = 1; round <= 50; round++) {
      const row = outboxRow({ since: instant(NOW + round) });
      journal.recordComposition(ALICE, { document: IN_MEETING, composedAt: NOW }, due(row));
      journal.recordPublications(ALICE, due({ ...row, failures: 1, lastError: `try ${round}` }));
    }
    freeDisk();
    journal.close();
    expect(journal.find(ALICE)?.outbox).toEqual([
      outboxRow({ since: instant(NOW + 50), failures: 1, lastError: "try 50" }),
    ]);
  });
});

describe("a locked store", () => {
  it("loses nothing and recovers when the other program lets go", async () => {
    const other = new Sqlite(stores.path);
    other.exec("BEGIN IMMEDIATE");
    storm(journal);
    await settle();
    expect(journal.health()).toMatchObject({ state: "degraded", error: { code: "store-locked" } });
    expect(codeOf(() => journal.flush())).toBe("store-locked");
    expect(codeOf(() => journal.close())).toBe("store-locked");
    journal.recordHeard(ALICE, NOW);
    other.exec("COMMIT");
    other.close();
    await stores.runtime.clock.advance(1000);
    expect(logged()).toEqual(["store.write-failed", "store.write-recovered"]);
    expect(stored()).toBe(101);
  });
});

describe("a write that can never succeed", () => {
  it("is dropped and named, and keeps nobody else's from the disk", async () => {
    journal.recordHeard(ALICE, instant(Number.NaN));
    journal.recordHeard(BOB, NOW);
    await settle();
    expect(stores.runtime.events).toMatchObject([{ event: "store.write-refused", fields: { presentity: ALICE } }]);
    expect([...journal.load()].map(({ presentity }) => presentity)).toEqual([BOB]);
    expect(journal.health()).toEqual({ state: "ok" });
  });
});
