import type { buildConnector } from "undici";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import { directConnector } from "./direct-connector.ts";
import type { ProxyRoute } from "./proxy-route.ts";

/** Connects to servers that are trusted at the time of the connection; by a proxy where a route is given. */
export function trustedConnector(trust: Trust, terms: TlsTerms, route?: ProxyRoute): buildConnector.connector {
  const direct = directConnector(trust, terms);
  if (!route) return direct;
  return (target, callback) => {
    const isTls = target.protocol === "https:";
    const port = Number(target.port) || (isTls ? 443 : 80);
    route.open({ host: target.hostname, port }).then(
      (socket) => (isTls ? direct({ ...target, httpSocket: socket }, callback) : callback(null, socket)),
      (error: Error) => callback(error, null),
    );
  };
}
