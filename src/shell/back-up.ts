import { existsSync } from "node:fs";
import { isAbsolute, resolve } from "node:path";
import type { Instant } from "../lib/time.ts";
import { backUpStore, restoreStore } from "../store/backup.ts";
import type { LoadedConfig } from "./config-file.ts";
import { controlPath, listenForControl } from "./control-socket.ts";

const absolute = (file: string): string => (isAbsolute(file) ? file : resolve(file));

/** Backs the store up, running or not; returns what to tell of it. Throws GatewayError (`store-…`). */
export function backUp({ storePath, storeKey }: LoadedConfig, file: string): string {
  backUpStore(storePath, absolute(file));
  const key = storeKey === undefined ? `the key ${storePath}.key` : "the key that store.key names";
  return `${absolute(file)} is a backup of ${storePath}. Not in it, to be kept elsewhere: ${key}, the configuration file, and ${storePath}.keys where there is one.`;
}

/**
 * Puts a backup in the place of the store and returns what to tell of it. Holds the store's lock meanwhile: rejects with
 * `gateway-already-running` while a gateway runs, and keeps one from starting. Rejects with GatewayError (`store-…`).
 */
export async function restore({ storePath, storeKey }: LoadedConfig, file: string, now: Instant): Promise<string> {
  const unlock = await listenForControl(controlPath(storePath), async () => ({
    isError: true,
    text: "The store is being restored; try again in a moment.",
  }));
  try {
    const aside = restoreStore(storePath, absolute(file), now);
    const kept = aside === undefined ? "" : ` What was there is kept as ${aside}.`;
    const hasKey = storeKey !== undefined || existsSync(`${storePath}.key`);
    const key = hasKey
      ? ""
      : ` Put the key of the backup in place before the start (${storePath}.key): without it, stored passwords must be set anew.`;
    return `${storePath} is restored from ${absolute(file)}.${kept}${key}`;
  } finally {
    await unlock();
  }
}
