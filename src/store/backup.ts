import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import Sqlite from "better-sqlite3";
import { formatInstant, type Instant } from "../lib/time.ts";
import { GatewayError } from "../ports/errors.ts";
import { openDatabase } from "./database.ts";
import { checkMigrations } from "./migrate.ts";
import { storeError, translateStoreError } from "./store-errors.ts";

/** A write-ahead log and its index belong to their database, and to no other. */
const FILES = ["", "-wal", "-shm"] as const;

/**
 * Copies the store into one new file (mode 0600), as it stands at one instant, also while a gateway works on it; secrets
 * stay sealed, and what was deleted is not in it. Throws GatewayError (`store-…`), and then leaves nothing behind.
 */
export function backUpStore(path: string, file: string): void {
  const part = `${file}.part`;
  translating(file, part, () => {
    refuseExisting(file);
    createPrivate(part);
    copyDatabase(path, part);
    checkCopy(part);
    putInPlace(part, file);
  });
}

/**
 * Puts a backup in the place of the store, which no gateway may have open. Returns where the store that was there is now, if
 * there was one. Throws GatewayError (`store-…`) before anything is changed.
 */
export function restoreStore(path: string, file: string, now: Instant): string | undefined {
  const part = `${path}.part`;
  const aside = `${path}.before-${formatInstant(now).replaceAll(/[-:]/g, "")}`;
  return translating(file, part, () => {
    refuseExisting(aside);
    createPrivate(part);
    copyFileSync(file, part);
    chmodSync(part, 0o600); // the copy took the mode of the original
    checkBackup(part, file);
    giveToOwner(part);
    const isKept = existsSync(path);
    for (const suffix of FILES) if (existsSync(`${path}${suffix}`)) keep(`${path}${suffix}`, `${aside}${suffix}`);
    removeLog(path);
    putInPlace(part, path);
    return isKept ? aside : undefined;
  });
}

/** Errors name the file that was given; nothing of `part` stays. */
function translating<Result>(file: string, part: string, work: () => Result): Result {
  removeAll(part);
  try {
    return work();
  } catch (error) {
    throw translateStoreError(error, file);
  } finally {
    removeAll(part);
  }
}

function removeAll(path: string): void {
  for (const suffix of FILES) rmSync(`${path}${suffix}`, { force: true });
}

function refuseExisting(file: string): void {
  if (existsSync(file)) throw storeError("store-backup-exists", file);
}

const createPrivate = (path: string): void =>
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600));

/** One read transaction: unlike SQLite's backup in steps it is not begun anew whenever the gateway writes. */
function copyDatabase(path: string, copy: string): void {
  try {
    const sqlite = new Sqlite(path, { fileMustExist: true, readonly: true });
    try {
      sqlite.prepare("VACUUM INTO ?").run(copy);
    } finally {
      sqlite.close();
    }
  } catch (error) {
    if (error instanceof Sqlite.SqliteError && error.code === "SQLITE_FULL")
      throw storeError("store-backup-full", copy.replace(/\.part$/, ""), error);
    throw translateStoreError(error, path);
  }
}

/** Throws unless it is a whole store of this program, and not newer than the program. */
function checkCopy(path: string): void {
  const database = openDatabase(path);
  try {
    if (!database.isIntact()) throw storeError("store-corrupt", path);
    checkMigrations(database);
  } finally {
    database.close();
  }
}

/** What is wrong with the copy is wrong with the backup, and not with the store. */
function checkBackup(part: string, file: string): void {
  try {
    checkCopy(part);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    if (error.code === "store-corrupt" || error.code === "store-foreign")
      throw storeError("store-backup-unusable", file, error);
    throw new GatewayError(error.message.replace(part, file), { type: error.type, code: error.code, cause: error });
  }
}

/** Files of root beside the store would keep the gateway from opening it. */
function giveToOwner(path: string): void {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(path, uid, gid);
}

/** Under both names, so that a store stands in its place at every moment: a gateway that finds none begins an empty one. */
function keep(path: string, aside: string): void {
  try {
    linkSync(path, aside);
  } catch {
    copyFileSync(path, aside); // file systems without links
  }
}

/** Read with another database, its log would spoil it. */
function removeLog(path: string): void {
  for (const suffix of FILES) if (suffix !== "") rmSync(`${path}${suffix}`, { force: true });
}

/** Durable before it has its name. */
function putInPlace(part: string, path: string): void {
  sync(part);
  renameSync(part, path);
  sync(dirname(path));
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
