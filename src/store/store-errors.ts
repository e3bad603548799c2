import Sqlite from "better-sqlite3";
import { type ErrorType, GatewayError } from "../ports/errors.ts";

interface StoreErrorDefinition {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly remedy: string;
}

/** Every error code of the store: what it means, and what the administrator should do. */
export const STORE_ERRORS = {
  "store-unreadable": {
    type: "cancel",
    meaning: "the store cannot be opened",
    remedy: "See that its directory exists and that the gateway's account may read and write both directory and file.",
  },
  "store-corrupt": {
    type: "cancel",
    meaning: "the store is damaged or is no database",
    remedy:
      "Stop the gateway and restore a backup, or move the file away together with those ending in -wal and -shm to " +
      "begin with an empty store. Nothing was deleted.",
  },
  "store-foreign": {
    type: "cancel",
    meaning: "the file is the database of another program",
    remedy: "Name another file in [store] path. Nothing was changed.",
  },
  "store-newer": {
    type: "cancel",
    meaning: "the store was made by a newer version of the gateway",
    remedy: "Run that version, or restore the backup made before the upgrade. Nothing was changed.",
  },
  "store-backup-exists": {
    type: "modify",
    meaning: "there is a file of that name already",
    remedy: "Name another one: a backup never replaces a file. Nothing was changed.",
  },
  "store-backup-unusable": {
    type: "modify",
    meaning: "it is damaged, cut off, or no backup of this program",
    remedy: "Give another backup. The store was not touched.",
  },
  "store-backup-full": {
    type: "wait",
    meaning: "there is no room for the backup",
    remedy: "Free space, or name a file on another disk. The store is as it was.",
  },
  "store-full": {
    type: "wait",
    meaning: "the disk of the store is full",
    remedy:
      "Free space. Presence that could not be written is kept in memory and written then; a command that failed has to be given again.",
  },
  "store-locked": {
    type: "wait",
    meaning: "another program keeps the store locked",
    remedy: "End the program that has the file open, e.g. a database tool. The gateway tries again by itself.",
  },
  "store-failed": {
    type: "wait",
    meaning: "the store could not be read or written",
    remedy: "Look for errors of the disk or the file system in the system's log. The gateway tries again by itself.",
  },
  "store-wrong-key": {
    type: "auth",
    meaning: "a stored secret was sealed with another key",
    remedy:
      "Give the gateway the key that belongs to this store (PRESENCE_GATEWAY_KEY or the key file beside it); when it " +
      "is lost, set the calendar server's password again.",
  },
  "store-key-invalid": {
    type: "cancel",
    meaning: "the key for stored secrets is not the base64 text of 32 bytes",
    remedy: "Restore the key from a backup, or make a new one with: openssl rand -base64 32",
  },
  "store-key-exposed": {
    type: "cancel",
    meaning: "the key file may be read by others",
    remedy: "Take the permissions of group and others away (chmod 600) and consider the key known.",
  },
} as const satisfies Readonly<Record<string, StoreErrorDefinition>>;

/** A code of STORE_ERRORS. */
export type StoreErrorCode = keyof typeof STORE_ERRORS;

/** The error of that code; `detail` says which file and what exactly, and holds no secret. */
export function storeError(code: StoreErrorCode, detail: string, cause?: unknown): GatewayError {
  const { type, meaning, remedy } = STORE_ERRORS[code];
  return new GatewayError(`${detail}: ${meaning}. ${remedy}`, { type, code, cause });
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html); extended ones begin with them. */
const BY_RESULT: readonly (readonly [string, StoreErrorCode])[] = [
  ["SQLITE_CORRUPT", "store-corrupt"],
  ["SQLITE_NOTADB", "store-corrupt"],
  ["SQLITE_FULL", "store-full"],
  ["SQLITE_BUSY", "store-locked"],
  ["SQLITE_LOCKED", "store-locked"],
  ["SQLITE_CANTOPEN", "store-unreadable"],
  ["SQLITE_READONLY", "store-unreadable"],
  ["SQLITE_PERM", "store-unreadable"],
  ["SQLITE_AUTH", "store-unreadable"],
];

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "code" in error && "syscall" in error;

/** The error of SQLite or the file system in our words; one of neither is a defect and comes back as it is. */
export function translateStoreError(error: unknown, path: string): unknown {
  if (error instanceof Sqlite.SqliteError) {
    const code = BY_RESULT.find(([result]) => error.code.startsWith(result))?.[1] ?? "store-failed";
    return storeError(code, `${path} (${error.code})`, error);
  }
  // A column of ours that is no JSON: something else wrote into the file.
  if (error instanceof SyntaxError) return storeError("store-corrupt", path, error);
  if (!isSystemError(error)) return error;
  const isFull = error.code === "ENOSPC" || error.code === "EDQUOT";
  return storeError(isFull ? "store-full" : "store-unreadable", `${path} (${error.code})`, error);
}

/** True for an error that the same write will meet again however often it is tried: a defect of ours. */
export const isRefusedWrite = (error: unknown): boolean => {
  const cause = error instanceof GatewayError ? error.cause : error;
  return cause instanceof Sqlite.SqliteError
    ? /^SQLITE_(CONSTRAINT|MISMATCH|TOOBIG|RANGE)/.test(cause.code)
    : !(error instanceof GatewayError);
};
