import type { GatewayError } from "../../src/ports/errors.ts";
import { endpointKey } from "./autodiscover/place.ts";
import type { EwsClient } from "./ews-client.ts";
import { ewsError } from "./ews-errors.ts";
import type { EwsTransport } from "./transport.ts";

/** A client and the connections it uses. */
export interface ServerConnection {
  readonly client: EwsClient;
  readonly transport: EwsTransport;
}

// Sites have a handful; who answers Autodiscover with hundreds shall not have as many pools made.
const MOST_SERVERS = 32;

/** Connections to servers besides the configured one, as the same account: made when first needed, kept until the end. */
export class ServerConnections {
  readonly #open: (url: URL) => ServerConnection;
  readonly #all = new Map<string, ServerConnection>();

  constructor(open: (url: URL) => ServerConnection) {
    this.#open = open;
  }

  /** The client of an endpoint that may be told the password; throws `ews-autodiscover-failed` when there are too many. */
  client(url: URL): EwsClient {
    const key = endpointKey(url);
    const found = this.#all.get(key);
    if (found) return found.client;
    if (this.#all.size >= MOST_SERVERS) throw ewsError("ews-autodiscover-failed", `${url.host}: too many servers`);
    const made = this.#open(url);
    this.#all.set(key, made);
    return made.client;
  }

  /** Ends all; requests that run or wait are rejected. */
  async close(reason: GatewayError): Promise<void> {
    const all = [...this.#all.values()];
    this.#all.clear();
    for (const { client } of all) client.close(reason);
    await Promise.all(all.map(({ transport }) => transport.close()));
  }
}
