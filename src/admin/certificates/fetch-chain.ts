import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect, type SecureContext, type TLSSocket } from "node:tls";
import { withoutBrackets } from "../../lib/host.ts";
import type { PeerChain, TlsServer } from "../../ports/trust.ts";
import { LONGEST_CHAIN } from "./build-path.ts";
import { parseCertificate } from "./parse-certificates.ts";

/** What a handshake showed. */
export interface FetchedChain {
  /** The server's own first; completed by what is known here. */
  readonly certificates: readonly X509Certificate[];
  readonly protocol: string;
  /** OpenSSL's code where it would refuse the chain. */
  readonly refusal: string | undefined;
}

/** A server, and the tunnel to it where it is not reached straight. */
export interface ReachedServer extends Pick<TlsServer, "host" | "port"> {
  readonly tunnel?: Duplex | undefined;
}

/** Shakes hands and hangs up. Rejects with the system's or OpenSSL's error, or the signal's reason. */
export async function fetchChain(
  { host, port, tunnel }: ReachedServer,
  secureContext: SecureContext,
  signal: AbortSignal,
): Promise<FetchedChain> {
  signal.throwIfAborted();
  const name = withoutBrackets(host);
  const socket = connect({
    host: name,
    port,
    ...(tunnel && { socket: tunnel }),
    ...(isIP(name) === 0 ? { servername: name } : {}),
    secureContext,
    // Nothing is sent: the handshake goes on only to name what is wrong. Names are matched by ourselves.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  });
  try {
    await handshake(socket, signal);
    return {
      certificates: readPeerChain(socket.getPeerCertificate(true)),
      protocol: socket.getProtocol() ?? "TLS",
      refusal: socket.authorized ? undefined : String(socket.authorizationError),
    };
  } finally {
    socket.destroy();
  }
}

/** Node's linked list as a list; a root is its own issuer in it. */
export function readPeerChain(peer: PeerChain): readonly X509Certificate[] {
  const certificates: X509Certificate[] = [];
  const seen = new Set<PeerChain>();
  for (let each: PeerChain | undefined = peer; each?.raw && !seen.has(each); each = each.issuerCertificate) {
    if (certificates.length === LONGEST_CHAIN) break;
    seen.add(each);
    certificates.push(parseCertificate(each.raw));
  }
  return certificates;
}

function handshake(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    socket.once("secureConnect", resolve).once("error", reject);
    socket.once("close", () => {
      signal.removeEventListener("abort", abort);
      reject(new Error("the connection was closed during the handshake"));
    });
  });
}
