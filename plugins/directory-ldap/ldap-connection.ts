import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";

/** Where the directory is. */
export interface LdapServer {
  readonly host: string;
  readonly port: number;
  /** From the first byte on (`ldaps`), from the StartTLS operation on, or not at all. */
  readonly tls: "ldaps" | "start-tls" | "none";
}

/** `ldap://host:port` or `ldaps://host:port`, with the ports of RFC 4511 5.2.1 and of custom; undefined when it is neither. */
export function parseServer(url: string, isStartTls: boolean): LdapServer | undefined {
  const match = /^(ldaps?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::(\d{1,5}))?\/?$/i.exec(url.trim());
  const [, scheme = "", host = "", port] = match ?? [];
  if (!match || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) return undefined;
  const isLdaps = scheme.toLowerCase() === "ldaps";
  return {
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port ?? (isLdaps ? 636 : 389)),
    tls: isLdaps ? "ldaps" : isStartTls ? "start-tls" : "none",
  };
}

/** What TLS to this server needs, by what is trusted now. */
export function tlsOptionsOf({ host }: LdapServer, trust: Trust, terms: TlsTerms): ConnectionOptions {
  const { secureContext, checkServerIdentity } = trust.tlsOptions(terms);
  return {
    servername: isIP(host) === 0 ? host : "",
    secureContext,
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  };
}

/** An open connection, by TLS where options are given. Rejects with the system's error, or the signal's reason. */
export function openSocket(
  server: LdapServer,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const place = { host: server.host, port: server.port };
    const socket = tls ? connectTls({ ...tls, ...place }) : connectTcp(place);
    const settle = (): void => {
      signal.removeEventListener("abort", abort);
      socket.off("error", fail);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.on("error", () => undefined).destroy();
      reject(error);
    };
    const abort = (): void => fail(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    socket.once("error", fail);
    socket.once(tls ? "secureConnect" : "connect", () => {
      settle();
      resolve(socket);
    });
  });
}
