import type { SecureContext } from "node:tls";
import { buildConnector } from "undici";
import { seconds } from "../../src/lib/time.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";

/** A connection that is not made in this time will not be made. */
export const LONGEST_CONNECT = seconds(20);

/** Connects to servers that are trusted at the time of the connection, straight or over a socket that is given. */
export function directConnector(trust: Trust, terms: TlsTerms): buildConnector.connector {
  let built: { readonly context: SecureContext; readonly connect: buildConnector.connector } | undefined;
  const plain = buildConnector({ timeout: LONGEST_CONNECT });
  return (target, callback) => {
    if (target.protocol !== "https:") return plain(target, callback);
    const tls = trust.tlsOptions(terms);
    if (built?.context !== tls.secureContext) {
      // A resumed TLS session is not verified anew, so none is kept.
      const options = { ...tls, timeout: LONGEST_CONNECT, maxCachedSessions: 0 };
      built = { context: tls.secureContext, connect: buildConnector(options) };
    }
    built.connect(target, callback);
  };
}
