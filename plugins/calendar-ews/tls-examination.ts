import { isIP } from "node:net";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { codeOf, tlsProblem } from "./connection-errors.ts";
import { ewsError } from "./ews-errors.ts";
import { trustedCertificates } from "./transport.ts";

/** Shakes hands with the server and describes its certificate; throws GatewayError when it is not acceptable. */
export async function examineTls(url: URL, ca: string | undefined, signal: AbortSignal): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = connect({
    host,
    port: Number(url.port || 443),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...trustedCertificates(ca),
    // Nothing is sent: the handshake goes on only to name what is wrong with the certificate.
    rejectUnauthorized: false,
  });
  try {
    await handshake(socket, signal);
    const certificate = describe(socket.getPeerCertificate());
    if (socket.authorized) return `${socket.getProtocol() ?? "TLS"}, ${certificate}`;
    const code = codeOf(socket.authorizationError) || String(socket.authorizationError);
    throw ewsError("ews-tls", `${url.host}: ${tlsProblem(code)} (${certificate})`);
  } finally {
    socket.destroy();
  }
}

function handshake(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    socket.once("secureConnect", resolve).once("error", reject);
    socket.once("close", () => signal.removeEventListener("abort", abort));
  });
}

const first = (value: string | readonly string[] | undefined): string | undefined =>
  typeof value === "string" ? value : value?.[0];

function describe({ issuer, valid_to, subjectaltname, fingerprint256 }: PeerCertificate): string {
  const names = (subjectaltname ?? "no names").replace(/\b(?:DNS|IP Address):/g, "").slice(0, 300);
  const by = first(issuer?.CN) ?? first(issuer?.O) ?? "unknown";
  return `certificate for ${names}, issued by ${by}, valid until ${valid_to}, SHA-256 ${fingerprint256?.slice(0, 23)}…`;
}
