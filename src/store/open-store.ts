import type { Journal } from "../ports/journal.ts";
import type { Health } from "../ports/plugin.ts";
import type { Registry } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { TrustStore } from "../ports/trust-store.ts";
import { LOCK_PATIENCE, openDatabase, type StoreDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";
import { SecretBox } from "./secret-box.ts";
import { loadSecretKey } from "./secret-key.ts";
import { SqliteJournal } from "./sqlite-journal.ts";
import { SqliteRegistry } from "./sqlite-registry.ts";
import { SqliteTrustStore } from "./sqlite-trust-store.ts";

/** Where the store is, and what it needs. */
export interface StoreOptions {
  /** The database file; made when absent, in a directory that exists. */
  readonly path: string;
  /** Base64 of 32 bytes (PRESENCE_GATEWAY_KEY); without it the file `<path>.key`, made when absent. */
  readonly key?: string | undefined;
  readonly runtime: Pick<Runtime, "clock" | "log">;
}

/** The open store. */
export interface Store {
  readonly registry: Registry;
  readonly trust: TrustStore;
  readonly journal: Journal;
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

function assemble(database: StoreDatabase, box: SecretBox, runtime: StoreOptions["runtime"]): Store {
  const registry = new SqliteRegistry(database, { clock: runtime.clock, box });
  const journal = new SqliteJournal(database, runtime);
  return {
    registry,
    trust: new SqliteTrustStore(database, registry),
    journal,
    health: () => journal.health(),
    close: () => {
      try {
        journal.close();
      } finally {
        database.close();
      }
    },
  };
}
