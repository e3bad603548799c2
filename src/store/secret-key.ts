import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { storeError, translateStoreError } from "./store-errors.ts";

const KEY_LENGTH = 32; // bytes; AES-256

/**
 * The key for stored secrets: the given base64 text, else the key file, which is made when absent. Throws GatewayError
 * (`store-key-invalid`, `store-key-exposed`, `store-unreadable`).
 */
export function loadSecretKey({ text, file }: { readonly text?: string | undefined; readonly file: string }): Buffer {
  if (text !== undefined) return decodeKey(text, "store.key of the configuration");
  try {
    return readKeyFile(file) ?? createKeyFile(file);
  } catch (error) {
    throw translateStoreError(error, file);
  }
}

function decodeKey(text: string, origin: string): Buffer {
  const trimmed = text.trim();
  const key = Buffer.from(trimmed, "base64");
  // Node's decoder skips what is not base64, so the text must be what the key encodes to.
  if (key.length !== KEY_LENGTH || key.toString("base64").replace(/=$/, "") !== trimmed.replace(/=$/, "")) {
    throw storeError("store-key-invalid", origin);
  }
  return key;
}

function readKeyFile(file: string): Buffer | undefined {
  const descriptor = openIfPresent(file);
  if (descriptor === undefined) return undefined;
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & 0o077) !== 0) throw storeError("store-key-exposed", `${file} has mode 0${mode.toString(8)}`);
    return decodeKey(readFileSync(descriptor, "utf8"), file);
  } finally {
    closeSync(descriptor);
  }
}

function openIfPresent(file: string): number | undefined {
  try {
    return openSync(file, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Written aside and linked into place: the file is there with its whole content or not at all, and never replaced. */
function createKeyFile(file: string): Buffer {
  const key = randomBytes(KEY_LENGTH);
  const aside = `${file}.${randomBytes(6).toString("hex")}`;
  const descriptor = openSync(aside, "wx", 0o600);
  try {
    writeSync(descriptor, `${key.toString("base64")}\n`);
    fsyncSync(descriptor);
    linkSync(aside, file);
    return key;
  } catch (error) {
    const other = readKeyFile(file); // another process was faster
    if (other) return other;
    throw error;
  } finally {
    closeSync(descriptor);
    rmSync(aside, { force: true });
  }
}
