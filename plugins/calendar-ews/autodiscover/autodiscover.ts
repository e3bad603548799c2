import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { availabilityOperation } from "../availability.ts";
import type { EwsClient } from "../ews-client.ts";
import { type ServerConnection, ServerConnections } from "../server-connections.ts";
import { resolveSrv } from "./candidates.ts";
import { Discovery } from "./discovery.ts";
import type { HostRule } from "./host-rule.ts";
import { MailboxPlaces } from "./mailbox-places.ts";

/** What Autodiscover works with. */
export interface AutodiscoverDeps {
  readonly rule: HostRule;
  readonly runtime: Runtime;
  /** The client of the configured server. */
  readonly main: EwsClient;
  /** Makes connections to another server, as the same account. */
  readonly open: (url: URL) => ServerConnection;
}

/** Where mailboxes are, and the clients of the servers that they are at. */
export class Autodiscover {
  readonly #deps: AutodiscoverDeps;
  readonly #servers: ServerConnections;
  readonly #places: MailboxPlaces;

  constructor(deps: AutodiscoverDeps) {
    const { rule, runtime } = deps;
    this.#deps = deps;
    this.#servers = new ServerConnections(deps.open);
    const discovery = new Discovery({ rule, client: (url) => this.#servers.client(url), resolveSrv });
    this.#places = new MailboxPlaces({
      rule,
      runtime,
      discover: async (mailboxes, signal) => {
        await this.#prove(mailboxes, signal);
        return discovery.discover(mailboxes, signal);
      },
    });
  }

  /** For the health. */
  get detail(): string {
    return this.#places.detail;
  }

  /** As CalendarSource.locateMailboxes. */
  locate(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<readonly string[]> {
    return this.#places.locate(mailboxes, signal);
  }

  /** The client of the server where these mailboxes are. */
  clientFor(mailboxes: readonly Mailbox[]): EwsClient {
    return this.#clientAt(this.#places.urlFor(mailboxes));
  }

  /** A watch by the client of the server where these mailboxes are. */
  watch(
    mailboxes: readonly Mailbox[],
    watch: (client: EwsClient) => AsyncIterable<CalendarChange>,
  ): AsyncGenerator<CalendarChange, void> {
    return this.#places.watch(mailboxes, (url) => watch(this.#clientAt(url)));
  }

  /** Ends the connections to all servers but the configured one. */
  close(reason: GatewayError): Promise<void> {
    return this.#servers.close(reason);
  }

  #clientAt(url: URL | undefined): EwsClient {
    return url ? this.#servers.client(url) : this.#deps.main;
  }

  /** A wrong password is found out at the configured server, where its refusal is counted, and told nowhere else. */
  async #prove(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<void> {
    const { main, runtime } = this.#deps;
    if (main.isProven) return;
    const now = runtime.clock.now();
    const window = { start: now, end: plus(now, hours(1)) };
    const query = { host: main.host, mailboxes: mailboxes.slice(0, 1), window };
    await main.call(availabilityOperation(query), "reading", signal);
  }
}
