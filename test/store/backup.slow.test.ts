import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backUpStore, restoreStore } from "../../src/store/backup.ts";
import { ALICE, codeOf, createTestStores, NOW, type TestStores, user } from "./store-fixture.ts";

const SERVER = { name: "hq", type: "ews", options: {}, isEnabled: true };

let stores: TestStores;
let file: string;
beforeEach(() => {
  stores = createTestStores();
  file = join(stores.directory, "backup.db");
});
afterEach(() => stores.end());

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("a backup", () => {
  it("is one private file with what is stored at that instant, made while the store is in use", async () => {
    const { registry } = stores.open();
    await registry.replaceUser(user("alice"));
    await registry.replaceCalendarServer(SERVER, { password: "in-clear-nowhere" });
    backUpStore(stores.path, file);
    await registry.replaceUser(user("bob"));
    expect(modeOf(file)).toBe(0o600);
    expect(readdirSync(stores.directory).filter((name) => name.startsWith("backup"))).toEqual(["backup.db"]);
    expect(readFileSync(file).includes("in-clear-nowhere")).toBe(false);
    expect(readFileSync(file).includes("alice@example.com")).toBe(true);
    expect(readFileSync(file).includes("bob@example.com")).toBe(false);
  });

  it("comes back with its secrets, and what was there is kept aside", async () => {
    const before = stores.open();
    await before.registry.replaceUser(user("alice"));
    await before.registry.replaceCalendarServer(SERVER, { password: "secret-of-then" });
    backUpStore(stores.path, file);
    await before.registry.replaceUser(user("bob"));
    before.close();
    const aside = restoreStore(stores.path, file, NOW) ?? "none";
    expect(aside).toBe(`${stores.path}.before-20261123T090000Z`);
    expect(modeOf(stores.path)).toBe(0o600);
    const { registry } = stores.open();
    expect(await registry.listUsers()).toEqual([user("alice")]);
    expect(await registry.openSecrets("hq")).toEqual({ password: "secret-of-then" });
    expect(readFileSync(aside).includes("bob@example.com")).toBe(true);
    expect(existsSync(file)).toBe(true);
  });

  it("is restored where no store was, and with the log that a killed gateway left aside too", async () => {
    const killed = stores.open();
    await killed.registry.replaceUser(user("alice"));
    const [copy, log] = [`${stores.directory}/copy.db`, `${stores.directory}/copy.db-wal`];
    backUpStore(stores.path, file);
    copyFileSync(stores.path, copy);
    copyFileSync(`${stores.path}-wal`, log);
    expect(restoreStore(copy, file, NOW)).toBe(`${copy}.before-20261123T090000Z`);
    expect(existsSync(`${copy}.before-20261123T090000Z-wal`)).toBe(true);
    expect(existsSync(log)).toBe(false);
    expect(restoreStore(join(stores.directory, "new.db"), file, NOW)).toBeUndefined();
  });

  it("never replaces a file", () => {
    stores.open();
    writeFileSync(file, "precious");
    expect(codeOf(() => backUpStore(stores.path, file))).toBe("store-backup-exists");
    expect(readFileSync(file, "utf8")).toBe("precious");
  });

  it("of what is no store, or cannot be written, fails and leaves nothing behind", () => {
    stores.open();
    const foreign = new Sqlite(join(stores.directory, "foreign.db"));
    foreign.exec("CREATE TABLE other (id INTEGER)");
    foreign.close();
    expect(codeOf(() => backUpStore(join(stores.directory, "foreign.db"), file))).toBe("store-foreign");
    expect(codeOf(() => backUpStore(join(stores.directory, "absent.db"), file))).toBe("store-unreadable");
    expect(codeOf(() => backUpStore(stores.path, join(stores.directory, "absent", "backup.db")))).toBe(
      "store-unreadable",
    );
    expect(readdirSync(stores.directory).filter((name) => name.startsWith("backup"))).toEqual([]);
  });
});

describe("a backup that is not fit", () => {
  it.each([
    ["is no database", "store-backup-unusable", () => writeFileSync(file, "no database".repeat(1000))],
    ["is cut off", "store-backup-unusable", () => writeFileSync(file, readFileSync(file).subarray(0, 40_000))],
    ["is another program's", "store-backup-unusable", () => change("DROP TABLE migration")],
    ["is newer than the program", "store-newer", () => change("INSERT INTO migration (id, name) VALUES (9999, 'x')")],
    ["is not there", "store-unreadable", () => chmodAway()],
  ])("because it %s changes nothing", async (_case, code, spoil) => {
    const store = stores.open();
    await store.registry.replaceUser(user("alice"));
    store.close();
    backUpStore(stores.path, file);
    spoil();
    expect(codeOf(() => restoreStore(stores.path, file, NOW))).toBe(code);
    // It names what was given, and says nothing of the store.
    expect(() => restoreStore(stores.path, file, NOW)).toThrow(file);
    expect(() => restoreStore(stores.path, file, NOW)).not.toThrow(/\.part|the store is damaged/);
    expect(await stores.open().registry.findUser(ALICE)).toEqual(user("alice"));
    expect(readdirSync(stores.directory).filter((name) => /before|part/.test(name))).toEqual([]);
  });
});

function change(sql: string): void {
  const sqlite = new Sqlite(file);
  sqlite.exec(sql);
  sqlite.close();
}

function chmodAway(): void {
  chmodSync(file, 0o600);
  file = `${file}.elsewhere`;
}
