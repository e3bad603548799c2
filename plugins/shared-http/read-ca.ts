import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { GatewayError } from "../../src/ports/errors.ts";

/** The PEM text of a private authority's file; rejects with what `refuse` makes, or the signal's reason. */
export async function readCa(
  path: string | undefined,
  refuse: (text: string, cause: unknown) => GatewayError,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, { encoding: "utf8", signal });
    return new X509Certificate(pem) && pem; // the constructor throws for what is no certificate
  } catch (error) {
    signal.throwIfAborted();
    throw refuse(`${path}: no CA certificate could be read`, error);
  }
}
