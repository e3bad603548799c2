import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StoreDatabase } from "./database.ts";
import { storeError } from "./store-errors.ts";

/** One numbered file of `migrations/`. */
interface Migration {
  readonly id: number;
  readonly name: string;
  readonly sql: string;
}

/**
 * Brings the store to the program's schema: each migration in one transaction that inserts its own id first, so that a
 * second process cannot run it too. Throws GatewayError (`store-newer`, `store-foreign`) before anything is changed.
 */
export function migrate(database: StoreDatabase, migrations: readonly Migration[] = readMigrations()): void {
  if (!hasTable(database, "migration")) createMigrationTable(database);
  const applied = listApplied(database);
  refuseNewer(database, applied, migrations);
  const insertId = database.prepare<[number, string]>(
    "INSERT INTO migration (id, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
  );
  for (const { id, name, sql } of migrations) {
    if (applied.has(id)) continue;
    database.write(() => {
      if (insertId.run(id, name).changes > 0) database.execute(sql);
    });
  }
}

/** Throws GatewayError unless the database is a store, and one that this program knows (`store-newer`, `store-foreign`). */
export function checkMigrations(database: StoreDatabase): void {
  if (!hasTable(database, "migration")) throw storeError("store-foreign", `${database.path} has no migrations`);
  refuseNewer(database, listApplied(database), readMigrations());
}

/** True when the program would migrate the database before it works on it. Changes nothing. */
export function isOlder(database: StoreDatabase): boolean {
  if (!hasTable(database, "migration")) return true;
  const applied = listApplied(database);
  return readMigrations().some(({ id }) => !applied.has(id));
}

function listApplied(database: StoreDatabase): ReadonlySet<number> {
  const list = database.prepare<[], { id: number }>("SELECT id FROM migration ORDER BY id");
  return new Set(database.read(() => list.all()).map(({ id }) => id));
}

const hasTable = (database: StoreDatabase, name: string): boolean => {
  const find = database.prepare<[string]>("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return database.read(() => find.get(name)) !== undefined;
};

function createMigrationTable(database: StoreDatabase): void {
  const findAnything = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema LIMIT 1");
  database.write(() => {
    const found = findAnything.get();
    if (found && !hasTable(database, "migration")) {
      throw storeError("store-foreign", `${database.path} has a table ${found.name} and no migrations`);
    }
    database.execute(
      "CREATE TABLE IF NOT EXISTS migration (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT",
    );
  });
}

function refuseNewer(database: StoreDatabase, applied: ReadonlySet<number>, migrations: readonly Migration[]): void {
  const known = new Set(migrations.map(({ id }) => id));
  const unknown = [...applied].filter((id) => !known.has(id));
  if (unknown.length > 0) {
    throw storeError("store-newer", `${database.path} has migration ${unknown.join(", ")}, unknown to this version`);
  }
}

/** The program's migrations in order. They stand beside package.json, seen from the sources and from the built files. */
export function readMigrations(): readonly Migration[] {
  const folder = join(packageFolder(), "migrations");
  return readdirSync(folder)
    .filter((file) => /^\d{4}-.*\.sql$/.test(file))
    .sort()
    .map((file) => ({ id: Number(file.slice(0, 4)), name: file, sql: readFileSync(join(folder, file), "utf8") }));
}

function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}
