import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import { readCa } from "../shared-http/read-ca.ts";
import { parseServerNames, type ResolveSrv, type SipTransportName } from "./locate-servers.ts";
import { SipConnection } from "./sip-connection.ts";
import { sipError } from "./sip-errors.ts";
import { isNameAddr } from "./sip-grammar.ts";

/** The section [sip] as far as it concerns the connection. */
export interface SipSettings {
  /** `host`, `host:port`, a domain with SRV records, or several of these separated by commas. */
  readonly server: string;
  readonly transport: SipTransportName;
  readonly user?: string | undefined;
  readonly secret?: string | undefined;
  /** PEM files: authorities trusted for this server too, and who the gateway is (mutual TLS). */
  readonly caFile?: string | undefined;
  readonly certificateFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** The value of P-Asserted-Identity (RFC 3325). */
  readonly assertedIdentity?: string | undefined;
  readonly resolveSrv?: ResolveSrv | undefined;
}

/** Fixed: what changes with each version would tell strangers which faults to look for. */
const USER_AGENT = "presence-gateway";

/** Makes a connection that is not started. Rejects with `sip-files-unreadable` or `sip-request-invalid`. */
export async function openSipConnection(
  settings: SipSettings,
  { runtime, trust }: { readonly runtime: Runtime; readonly trust: Trust },
  signal: AbortSignal,
): Promise<SipConnection> {
  const { server, transport, user, secret, assertedIdentity, resolveSrv } = settings;
  const servers = parseServerNames(server);
  if (!servers) throw sipError("sip-request-invalid", `${JSON.stringify(server)} is not the address of a SIP server`);
  if (assertedIdentity !== undefined && !(await isNameAddr(assertedIdentity)))
    throw sipError("sip-request-invalid", "`asserted_identity` is not a SIP address such as <sip:gateway@example.com>");
  const terms = await readTerms(settings, signal);
  const account = user !== undefined && secret !== undefined ? { user, secret } : undefined;
  return new SipConnection(
    { servers, transport, account, security: { trust, terms }, userAgent: USER_AGENT, assertedIdentity, resolveSrv },
    runtime,
  );
}

async function readTerms(settings: SipSettings, signal: AbortSignal): Promise<TlsTerms> {
  const { caFile, certificateFile, keyFile } = settings;
  const ca = await readCa(caFile, (text, cause) => sipError("sip-files-unreadable", text, cause), signal);
  if (certificateFile === undefined || keyFile === undefined) return { ca, exceptions: new Set() };
  const certificate = await readPem(certificateFile, (pem) => new X509Certificate(pem), signal);
  const key = await readPem(keyFile, createPrivateKey, signal);
  return { ca, exceptions: new Set(), identity: { certificate, key } };
}

/** The PEM text of the file, which `check` throws for when it is none. */
async function readPem(path: string, check: (pem: string) => unknown, signal: AbortSignal): Promise<string> {
  try {
    const pem = await readFile(path, { encoding: "utf8", signal });
    check(pem);
    return pem;
  } catch (error) {
    signal.throwIfAborted();
    throw sipError("sip-files-unreadable", `${path}: it cannot be read, or is not PEM`, error);
  }
}
