import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { GatewayError } from "../../src/ports/errors.ts";

/** The PEM text of the file that the option `ca` names, if any; rejects with what `unreadable` makes of a sentence without its end. */
export async function readCa(
  path: string | undefined,
  unreadable: (text: string, cause: unknown) => GatewayError,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, { encoding: "utf8", signal });
    return new X509Certificate(pem) && pem; // the constructor throws for what is no certificate
  } catch (error) {
    signal.throwIfAborted();
    throw unreadable(`${path}: no CA certificate could be read`, error);
  }
}
