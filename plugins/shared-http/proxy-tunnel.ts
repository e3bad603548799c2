import { Socket } from "node:net";
import { type buildConnector, Client } from "undici";
import { withoutBrackets } from "../../src/lib/host.ts";
import type { HttpProxy, TlsServer, Trust } from "../../src/ports/trust.ts";
import { parseHttpChallenges } from "../shared-microsoft/http-challenges.ts";
import { connectionProblem } from "./connection-problems.ts";
import { directConnector, LONGEST_CONNECT } from "./direct-connector.ts";

/**
 * Why there is no tunnel: `unavailable` the proxy cannot be reached, hangs, hangs up, or does not speak HTTP;
 * `unauthorized` it wants a login, or another one (407); `refused` it does not connect to that server.
 */
export type ProxyFailure = "unavailable" | "unauthorized" | "refused";

/** A tunnel that could not be made; the text says what the proxy did and holds no secret. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  /** Not one of those at which undici connects again by itself. */
  readonly code = "ERR_PROXY";
  readonly failure: ProxyFailure;
  /** The proxy's `host:port`. */
  readonly proxy: string;

  constructor(failure: ProxyFailure, proxy: string, text: string, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause });
    this.failure = failure;
    this.proxy = proxy;
  }
}

/** Where a tunnel leads. */
export type TunnelTarget = Pick<TlsServer, "host" | "port">;

/**
 * A connection through an HTTP proxy (CONNECT, RFC 9110 9.3.6), with Basic to the proxy where it has a user. Rejects
 * with ProxyError, or with the signal's reason.
 */
export async function openTunnel(
  proxy: HttpProxy,
  target: TunnelTarget,
  connect: buildConnector.connector,
  signal: AbortSignal,
): Promise<Socket> {
  const client = new Client(proxy.url.origin, { connect, pipelining: 1, headersTimeout: LONGEST_CONNECT });
  const authority = formatAuthority(target);
  try {
    const headers = { host: authority, "user-agent": "presence-gateway", ...credentials(proxy) };
    const answer = await client.connect({ path: authority, headers, signal });
    const { socket, statusCode } = answer;
    if (statusCode >= 200 && statusCode < 300 && socket instanceof Socket) return socket;
    socket.on("error", () => undefined).destroy();
    throw refusal(proxy, authority, statusCode, answer.headers["proxy-authenticate"]);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof ProxyError ? error : unavailable(proxy, error);
  } finally {
    // The tunnel's socket has left the client by now.
    void client.destroy(); // never rejects
  }
}

/** The connector to a proxy: one of TLS is trusted as servers are, without the exceptions of any of them. */
export function proxyConnector(trust: Trust, ca?: string): buildConnector.connector {
  const direct = directConnector(trust, { ca, exceptions: new Set() });
  // The request's Host header is the server's, and undici takes the name for TLS from there.
  return ({ servername: _, ...target }, callback) => direct(target, callback);
}

const formatAuthority = ({ host, port }: TunnelTarget): string => {
  const plain = withoutBrackets(host);
  return `${plain.includes(":") ? `[${plain}]` : plain}:${port}`;
};

function credentials({ user, password }: HttpProxy): Readonly<Record<string, string>> {
  if (user === undefined) return {};
  return { "proxy-authorization": `Basic ${Buffer.from(`${user}:${password ?? ""}`).toString("base64")}` }; // RFC 7617
}

function refusal(
  proxy: HttpProxy,
  authority: string,
  status: number,
  challenge: string | string[] | undefined,
): ProxyError {
  const { host } = proxy.url;
  if (status !== 407) return new ProxyError("refused", host, `it does not connect to ${authority} (HTTP ${status})`);
  const offered = [...new Set(parseHttpChallenges(challenge).map(({ scheme }) => scheme))];
  if (offered.length > 0 && !offered.includes("basic")) {
    const list = offered.join(", ").slice(0, 100);
    return new ProxyError("unauthorized", host, `it takes no Basic login, only ${list} (HTTP 407)`);
  }
  const text = proxy.user === undefined ? "it wants a login (HTTP 407)" : "it refused user or password (HTTP 407)";
  return new ProxyError("unauthorized", host, text);
}

/** What is said otherwise of a proxy than of a server. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["UND_ERR_HEADERS_TIMEOUT", "it does not answer"],
  ["UND_ERR_CONNECT_TIMEOUT", "it does not answer"],
  ["UND_ERR_SOCKET", "it closed the connection"],
  ["ECONNRESET", "it closed the connection"],
]);

function unavailable(proxy: HttpProxy, error: unknown): ProxyError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return new ProxyError("unavailable", proxy.url.host, WORDS.get(code) ?? connectionProblem(error).text, error);
}
