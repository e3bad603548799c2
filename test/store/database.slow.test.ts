import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { milliseconds } from "../../src/lib/time.ts";
import { openDatabase } from "../../src/store/database.ts";
import { migrate } from "../../src/store/migrate.ts";
import { STORE_ERRORS, type StoreErrorCode, storeError } from "../../src/store/store-errors.ts";
import {
  ALICE,
  AVAILABLE,
  codeOf,
  createTestStores,
  due,
  NOW,
  outboxRow,
  type TestStores,
  user,
} from "./store-fixture.ts";

let stores: TestStores;
beforeEach(() => {
  stores = createTestStores();
});
afterEach(() => stores.end());

/** A closed store with enough in it to have many pages. */
function fill(): void {
  const store = stores.open();
  for (let index = 0; index < 500; index++) {
    const { presentity } = user(`user${index}`);
    const row = outboxRow({ presentity });
    store.journal.recordComposition(presentity, { document: AVAILABLE, composedAt: NOW }, due(row));
  }
  store.close();
}

const everything = (): number => [...stores.open().journal.load()].length;

describe("the store's files", () => {
  it("are made for the gateway's account only", () => {
    const store = stores.open();
    store.journal.recordHeard(ALICE, NOW);
    store.journal.flush();
    for (const suffix of ["", "-wal", "-shm", ".key"]) {
      expect([suffix, statSync(stores.path + suffix).mode & 0o777]).toEqual([suffix, 0o600]);
    }
  });

  it("are left as they are by opening again", async () => {
    const first = stores.open();
    await first.registry.replaceUser(user("alice"));
    first.close();
    const key = readFileSync(`${stores.path}.key`, "utf8");
    const again = stores.open();
    expect(await again.registry.listUsers()).toEqual([user("alice")]);
    expect(readFileSync(`${stores.path}.key`, "utf8")).toBe(key);
  });
});

describe("opening a store that cannot be used", () => {
  it("says that the directory is missing", () => {
    expect(codeOf(() => openDatabase(join(stores.directory, "missing", "x.db")))).toBe("store-unreadable");
  });

  it("says that the path leads through a file or names a directory", () => {
    writeFileSync(join(stores.directory, "file"), "");
    expect(codeOf(() => openDatabase(join(stores.directory, "file", "x.db")))).toBe("store-unreadable");
    expect(codeOf(() => openDatabase(stores.directory))).toBe("store-unreadable");
  });

  it("says that the directory may not be read", () => {
    const closed = join(stores.directory, "closed");
    mkdirSync(closed, { mode: 0o000 });
    const isRoot = process.geteuid?.() === 0; // who may read everything, so the test steps down for a moment
    if (isRoot) process.seteuid?.(65_534);
    try {
      expect(codeOf(() => openDatabase(join(closed, "x.db")))).toBe("store-unreadable");
    } finally {
      if (isRoot) process.seteuid?.(0);
    }
  });

  it("refuses random bytes and leaves them alone", () => {
    const bytes = randomBytes(20_000);
    writeFileSync(stores.path, bytes);
    expect(codeOf(() => stores.open())).toBe("store-corrupt");
    expect(readFileSync(stores.path).equals(bytes)).toBe(true);
  });

  it("refuses a truncated file, at the latest when it is read", () => {
    fill();
    const { size } = statSync(stores.path);
    for (const part of [0.9, 0.5, 0.1]) {
      truncateSync(stores.path, Math.floor(size * part));
      expect([part, codeOf(everything)]).toEqual([part, "store-corrupt"]);
    }
  });

  it("refuses damaged pages, at the latest when they are read", () => {
    fill();
    const bytes = readFileSync(stores.path);
    randomBytes(bytes.length - 8192).copy(bytes, 8192);
    writeFileSync(stores.path, bytes);
    expect(codeOf(everything)).toBe("store-corrupt");
  });

  it("refuses a column that something else has written into", () => {
    fill();
    const other = new Sqlite(stores.path);
    other.exec("UPDATE result SET document = 'not JSON' WHERE presentity = 'user7@example.com'");
    other.close();
    expect(codeOf(everything)).toBe("store-corrupt");
  });

  it("refuses the store of a newer program and changes nothing", () => {
    fill();
    const newer = new Sqlite(stores.path);
    newer.exec("INSERT INTO migration (id, name) VALUES (9001, '9001-future.sql')");
    newer.close();
    const before = readFileSync(stores.path);
    expect(codeOf(() => stores.open())).toBe("store-newer");
    expect(readFileSync(stores.path).equals(before)).toBe(true);
  });

  it("refuses another program's database and adds nothing to it", () => {
    const foreign = new Sqlite(stores.path);
    foreign.exec("CREATE TABLE addresses (name TEXT)");
    foreign.close();
    expect(codeOf(() => stores.open())).toBe("store-foreign");
    const tables = new Sqlite(stores.path).prepare("SELECT name FROM sqlite_schema").pluck().all();
    expect(tables).toEqual(["addresses"]);
  });

  it("makes no database when the key is refused", () => {
    expect(codeOf(() => stores.open("too short"))).toBe("store-key-invalid");
    expect(existsSync(stores.path)).toBe(false);
  });
});

describe("migrations", () => {
  it("run once, whoever opens the store and however often", () => {
    fill();
    const database = openDatabase(stores.path);
    const list = database.prepare<[], { id: number }>("SELECT id FROM migration ORDER BY id");
    const before = database.read(() => list.all());
    migrate(database);
    migrate(database);
    expect(database.read(() => list.all())).toEqual(before);
    const files = readdirSync(join(import.meta.dirname, "../../migrations")).sort();
    expect(before.map(({ id }) => id)).toEqual(files.map((file) => Number(file.slice(0, 4))));
    database.close();
  });

  it("leave nothing behind when one fails half-way", () => {
    const database = openDatabase(stores.path);
    const broken = { id: 1, name: "0001-broken.sql", sql: "CREATE TABLE half (x TEXT); CREATE TABLE half (x TEXT)" };
    expect(codeOf(() => migrate(database, [broken]))).toBe("store-failed");
    migrate(database, [{ ...broken, sql: "CREATE TABLE half (x TEXT)" }]);
    expect(database.read(() => database.prepare("SELECT id FROM migration").all())).toEqual([{ id: 1 }]);
    database.close();
  });

  it("begin with a line that says why", () => {
    for (const name of ["0001-initial.sql", "0002-calendar-names.sql"]) {
      expect(readFileSync(new URL(`../../migrations/${name}`, import.meta.url), "utf8")).toMatch(/^-- Why: /);
    }
  });
});

const isStoreErrorCode = (code: string): code is StoreErrorCode => code in STORE_ERRORS;

describe("errors of the store", () => {
  it("say what happened and what to do", () => {
    for (const code of Object.keys(STORE_ERRORS).filter(isStoreErrorCode)) {
      const error = storeError(code, "/var/lib/presence.db");
      expect(error.message).toContain("/var/lib/presence.db");
      expect(error.message).toContain(STORE_ERRORS[code].remedy);
      expect(error.type).toBe(STORE_ERRORS[code].type);
    }
  });

  it("tell that another program holds the store when opening has waited in vain", () => {
    fill();
    const other = new Sqlite(stores.path);
    other.pragma("locking_mode = EXCLUSIVE");
    other.exec("BEGIN EXCLUSIVE");
    expect(codeOf(() => openDatabase(stores.path, milliseconds(0)))).toBe("store-locked");
    other.close();
  });
});
