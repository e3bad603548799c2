import type { GatewayError } from "../../src/ports/errors.ts";
import { endpointKey } from "./autodiscover/place.ts";
import type { EwsClient } from "./ews-client.ts";
import { ewsError } from "./ews-errors.ts";
import type { Watching } from "./notifications/watching.ts";
import type { EwsTransport } from "./transport.ts";

/** A client, the connections it uses, and what is watched by it. */
export interface ServerConnection {
  readonly client: EwsClient;
  readonly transport: EwsTransport;
  readonly watching: Watching;
}

/** Says farewell (at most two seconds) and closes; requests that run or wait are rejected. */
export async function endConnection(
  { client, transport, watching }: ServerConnection,
  reason: GatewayError,
): Promise<void> {
  await watching.sayFarewell();
  client.close(reason);
  await transport.close();
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

  /** The connection to an endpoint that may be told the password; throws `ews-autodiscover-failed` when there are too many. */
  at(url: URL): ServerConnection {
    const key = endpointKey(url);
    const found = this.#all.get(key);
    if (found) return found;
    if (this.#all.size >= MOST_SERVERS) throw ewsError("ews-autodiscover-failed", `${url.host}: too many servers`);
    const made = this.#open(url);
    this.#all.set(key, made);
    return made;
  }

  /** All that are open. */
  get open(): Iterable<ServerConnection> {
    return this.#all.values();
  }

  /** Ends all. */
  async close(reason: GatewayError): Promise<void> {
    const all = [...this.#all.values()];
    this.#all.clear();
    await Promise.all(all.map((each) => endConnection(each, reason)));
  }
}
