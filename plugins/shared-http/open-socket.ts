import { connect as connectTcp, isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";

/** Where a connection leads. */
export interface SocketTarget {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What TLS needs to a server whose certificate is to be for this name or address, by what is trusted now. */
export function tlsOptionsOf(name: string, trust: Trust, terms: TlsTerms): ConnectionOptions {
  const { secureContext, checkServerIdentity } = trust.tlsOptions(terms);
  return {
    servername: isIP(name) === 0 ? name : "", // RFC 6066 3: never an address
    secureContext,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}

/** An open connection, by TLS where options are given. Rejects with the system's error, or the signal's reason. */
export function openSocket(
  { host, port }: SocketTarget,
  tls: ConnectionOptions | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = tls ? connectTls({ ...tls, host, port }) : connectTcp({ host, port });
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
