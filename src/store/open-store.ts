import type { DirectoryUsers } from "../ports/directory-users.ts";
import type { Journal } from "../ports/journal.ts";
import type { Health } from "../ports/plugin.ts";
import type { PluginMemory } from "../ports/plugin-memory.ts";
import type { Registry } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { TrustStore } from "../ports/trust-store.ts";
import type { UserImports } from "../ports/user-imports.ts";
import { LOCK_PATIENCE, openDatabase, type StoreDatabase } from "./database.ts";
import { isOlder, migrate } from "./migrate.ts";
import { SecretBox } from "./secret-box.ts";
import { loadSecretKey } from "./secret-key.ts";
import { SqliteDirectoryUsers } from "./sqlite-directory-users.ts";
import { SqliteJournal } from "./sqlite-journal.ts";
import { type PluginInstance, SqlitePluginMemory } from "./sqlite-plugin-memory.ts";
import { SqliteRegistry } from "./sqlite-registry.ts";
import { SqliteTrustStore } from "./sqlite-trust-store.ts";
import { SqliteUserImports } from "./user-imports.ts";

/** Where the store is, and what it needs. */
export interface StoreOptions {
  /** The database file; made when absent, in a directory that exists. */
  readonly path: string;
  /** Base64 of 32 bytes (`store.key` of the configuration); without it the file `<path>.key`, made when absent. */
  readonly key?: string | undefined;
  readonly runtime: Pick<Runtime, "clock" | "log">;
}

/** The open store. */
export interface Store {
  readonly registry: Registry;
  readonly trust: TrustStore;
  readonly imports: UserImports;
  readonly directoryUsers: DirectoryUsers;
  readonly journal: Journal;
  /** What an instance of a plugin remembers over a restart. */
  memoryOf(instance: PluginInstance): PluginMemory;
  /** `degraded` while something could not be written; it is tried again by itself. */
  health(): Health;
  /** Writes what waits and closes the file, also when that fails: then it throws GatewayError and what waited is lost. */
  close(): void;
}

/** Opens the store and brings it to the program's schema. Throws GatewayError (`store-…`). */
export function openStore({ path, key, runtime }: StoreOptions): Store {
  const box = new SecretBox(loadSecretKey({ text: key, file: `${path}.key` }));
  const database = openDatabase(path);
  try {
    migrate(database);
    database.setPatience(LOCK_PATIENCE);
    return assemble(database, box, runtime);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** True when `openStore` would bring the store to the program's schema first. Throws GatewayError (`store-…`). */
export function needsMigration(path: string): boolean {
  const database = openDatabase(path);
  try {
    return isOlder(database);
  } finally {
    database.close();
  }
}

function assemble(database: StoreDatabase, box: SecretBox, runtime: StoreOptions["runtime"]): Store {
  const registry = new SqliteRegistry(database, { clock: runtime.clock, box });
  const journal = new SqliteJournal(database, runtime);
  const memory = new SqlitePluginMemory(database, runtime);
  return {
    registry,
    trust: new SqliteTrustStore(database, registry),
    imports: new SqliteUserImports(database),
    directoryUsers: new SqliteDirectoryUsers(database, registry),
    journal,
    memoryOf: (instance) => memory.of(instance),
    health: () => (journal.health().state === "ok" ? memory.health() : journal.health()),
    close: () => closeAll([() => journal.close(), () => memory.close(), () => database.close()]),
  };
}

/** Closes each, also when one before it throws. */
function closeAll([first, ...rest]: readonly (() => void)[]): void {
  try {
    first?.();
  } finally {
    if (rest.length > 0) closeAll(rest);
  }
}
