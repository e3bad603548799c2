import type { SecureContext } from "node:tls";
import { buildConnector } from "undici";
import { seconds } from "../../src/lib/time.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";

const LONGEST_CONNECT = seconds(20);

/**
 * Connects to servers that are trusted at the time of the connection. When what is trusted changes, remembered TLS
 * sessions are forgotten too: a resumed session is not verified anew.
 */
export function trustedConnector(trust: Trust, terms: TlsTerms): buildConnector.connector {
  let built: { readonly context: SecureContext; readonly connect: buildConnector.connector } | undefined;
  const plain = buildConnector({ timeout: LONGEST_CONNECT });
  return (options, callback) => {
    if (options.protocol !== "https:") return plain(options, callback);
    const tls = trust.tlsOptions(terms);
    if (built?.context !== tls.secureContext) {
      built = { context: tls.secureContext, connect: buildConnector({ ...tls, timeout: LONGEST_CONNECT }) };
    }
    built.connect(options, callback);
  };
}
