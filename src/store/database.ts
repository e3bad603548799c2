import { closeSync, constants, openSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { type Milliseconds, milliseconds, seconds } from "../lib/time.ts";
import { translateStoreError } from "./store-errors.ts";

/** How long to wait for another process's transaction. */
export const LOCK_PATIENCE = seconds(2);
/** Two processes that open a new store at once: one waits for the other's migrations. */
const OPEN_PATIENCE = seconds(10);
/** No waiting: for attempts that are repeated anyway and must not hold up the event loop. */
export const NO_PATIENCE = milliseconds(0);
/** What a burst writes twice, before and after publishing, stays in memory between the two. */
const CACHE_KIBIBYTES = 16_384;
const LARGEST_IDLE_WAL = 67_108_864; // bytes that the write-ahead log keeps after a checkpoint
/** Pages after which a commit pays for a checkpoint itself: so many that a burst does not (`checkpoint` is for quiet times). */
const LARGEST_WAL_PAGES = 16_384;

/** One connection to the SQLite file. Everything that runs SQL goes through `read` or `write`, where errors are translated. */
export class StoreDatabase {
  readonly path: string;
  readonly #sqlite: Sqlite.Database;

  constructor(path: string, sqlite: Sqlite.Database) {
    this.path = path;
    this.#sqlite = sqlite;
  }

  /** Prepares one statement; run it inside `read` or `write`. */
  prepare<Bind extends unknown[], Row = unknown>(sql: string): Sqlite.Statement<Bind, Row> {
    return this.#guard(() => this.#sqlite.prepare<Bind, Row>(sql));
  }

  /** Runs statements that return nothing. */
  execute(sql: string): void {
    this.#guard(() => this.#sqlite.exec(sql));
  }

  /** Runs `work` on one consistent view of the data. Throws GatewayError (`store-…`). */
  read<Result>(work: () => Result): Result {
    return this.#guard(() => this.#sqlite.transaction(work).deferred());
  }

  /** Runs one statement that reads: it is one consistent view by itself, and costs half without a transaction. */
  query<Result>(statement: () => Result): Result {
    return this.#guard(statement);
  }

  /** Runs `work` in one transaction that holds the write lock from its start; all of it or nothing. */
  write<Result>(work: () => Result): Result {
    return this.#guard(() => this.#sqlite.transaction(work).immediate());
  }

  /** Sets how long a transaction waits for another process's lock. */
  setPatience(patience: Milliseconds): void {
    this.#sqlite.pragma(`busy_timeout = ${patience}`);
  }

  /** Carries the write-ahead log over into the database, as far as that needs no waiting for others. */
  checkpoint(): void {
    this.#guard(() => this.#sqlite.pragma("wal_checkpoint(PASSIVE)"));
  }

  /** False when something in the file is damaged; reads all of it. */
  isIntact(): boolean {
    return this.#guard(() => this.#sqlite.pragma("integrity_check", { simple: true })) === "ok";
  }

  /** Closes the connection; safe twice. */
  close(): void {
    this.#guard(() => this.#sqlite.close());
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      throw translateStoreError(error, this.path);
    }
  }
}

/**
 * Opens the file, made with mode 0600 when it is absent; waits as long as `patience` for a lock. Throws GatewayError
 * (`store-…`).
 */
export function openDatabase(path: string, patience: Milliseconds = OPEN_PATIENCE): StoreDatabase {
  try {
    // SQLite would make it readable for all; its -wal and -shm files take the mode of this one.
    closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600));
    const sqlite = new Sqlite(path, { timeout: patience });
    return configured(path, sqlite);
  } catch (error) {
    throw translateStoreError(error, path);
  }
}

function configured(path: string, sqlite: Sqlite.Database): StoreDatabase {
  try {
    // Rows have about 1 kB: in pages of the default size (4096) a burst writes twice as many of them.
    sqlite.pragma("page_size = 8192");
    sqlite.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
    sqlite.pragma("journal_mode = WAL");
    // In WAL mode a commit survives the death of the process without a sync; only a power cut may take the last ones.
    sqlite.pragma("synchronous = NORMAL");
    sqlite.pragma("foreign_keys = ON");
    sqlite.pragma("trusted_schema = OFF");
    sqlite.pragma(`wal_autocheckpoint = ${LARGEST_WAL_PAGES}`);
    sqlite.pragma(`journal_size_limit = ${LARGEST_IDLE_WAL}`);
    return new StoreDatabase(path, sqlite);
  } catch (error) {
    sqlite.close();
    throw error;
  }
}
