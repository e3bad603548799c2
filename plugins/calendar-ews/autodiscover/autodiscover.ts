import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { availabilityOperation } from "../availability.ts";
import type { EwsClient } from "../ews-client.ts";
import type { Watching } from "../notifications/watching.ts";
import { type ServerConnection, ServerConnections } from "../server-connections.ts";
import { resolveSrv } from "./candidates.ts";
import { Discovery } from "./discovery.ts";
import type { HostRule } from "./host-rule.ts";
import { MailboxPlaces } from "./mailbox-places.ts";

/** What Autodiscover works with. */
export interface AutodiscoverDeps {
  readonly rule: HostRule;
  readonly runtime: Runtime;
  /** The configured server. */
  readonly main: ServerConnection;
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
    const discovery = new Discovery({ rule, client: (url) => this.#servers.at(url).client, resolveSrv });
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
    return this.#connectionAt(this.#places.urlFor(mailboxes)).client;
  }

  /** A watch at the server where these mailboxes are. */
  watch(
    mailboxes: readonly Mailbox[],
    watch: (watching: Watching) => AsyncIterable<CalendarChange>,
  ): AsyncGenerator<CalendarChange, void> {
    return this.#places.watch(mailboxes, (url) => watch(this.#connectionAt(url).watching));
  }

  /** The mailbox is not watched any more. */
  giveUp(mailbox: Mailbox): void {
    for (const { watching } of this.#servers.open) watching.giveUp(mailbox);
  }

  /** Ends the connections to all servers but the configured one. */
  close(reason: GatewayError): Promise<void> {
    return this.#servers.close(reason);
  }

  #connectionAt(url: URL | undefined): ServerConnection {
    return url ? this.#servers.at(url) : this.#deps.main;
  }

  /** A wrong password is found out at the configured server, where its refusal is counted, and told nowhere else. */
  async #prove(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<void> {
    const { runtime } = this.#deps;
    const main = this.#deps.main.client;
    if (main.isProven) return;
    const now = runtime.clock.now();
    const window = { start: now, end: plus(now, hours(1)) };
    const query = { host: main.host, mailboxes: mailboxes.slice(0, 1), window };
    await main.call(availabilityOperation(query), "reading", signal);
  }
}
