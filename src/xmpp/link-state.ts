import type { BareJid } from "../core/addresses.ts";
import { Broadcast } from "../lib/broadcast.ts";
import { type Instant, type Milliseconds, seconds } from "../lib/time.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { DomainAccess, LinkEvent } from "../ports/xmpp-link.ts";
import { DomainTable, type HeardOfDomain, type ManagedDomain } from "./domain-access.ts";
import { linkError } from "./xmpp-errors.ts";

/** The XEP-0356 advert is the first stanza after the handshake; how long it may take before its absence is reported. */
const ADVERT_TIME: Milliseconds = seconds(5);

/** What is known of the link, and who wants to hear when it changes. */
export class LinkState {
  readonly #runtime: Runtime;
  readonly #detail: string;
  readonly #table: DomainTable;
  readonly #events = new Broadcast<LinkEvent>();
  #isOnline = false;
  #error: GatewayError | undefined;
  #since: Instant | undefined;

  /** @param detail says in `health` to whom the link is connected */
  constructor(domains: readonly ManagedDomain[], detail: string, runtime: Runtime) {
    this.#table = new DomainTable(domains);
    this.#detail = detail;
    this.#runtime = runtime;
  }

  /** The managed domains in the order of the configuration. */
  get domains(): readonly BareJid[] {
    return this.#table.domains;
  }

  /** Why the link is not online, when that is known. */
  get error(): GatewayError | undefined {
    return this.#error;
  }

  /** How long the present condition has lasted. */
  get age(): number {
    return this.#runtime.clock.now() - (this.#since ?? this.#runtime.clock.now());
  }

  /** How the gateway may act in the domain; `undefined` while offline and for a domain that is not managed. */
  access(domain: BareJid): DomainAccess | undefined {
    return this.#isOnline ? this.#table.access(domain) : undefined;
  }

  /** A connection was made: what was heard on the one before is void. */
  goOnline(): void {
    this.#table.clear();
    this.#isOnline = true;
    this.#error = undefined;
    this.#since = this.#runtime.clock.now();
    this.#runtime.log.info("xmpp.connected", { detail: this.#detail });
    this.#emit(this.#present());
  }

  /** The connection was lost, or could not be made. */
  goOffline(error: GatewayError): void {
    const wasOnline = this.#isOnline;
    const isNews = wasOnline || this.#error?.code !== error.code;
    this.#isOnline = false;
    if (isNews) this.#since = this.#runtime.clock.now();
    this.#error = error;
    const event = wasOnline ? "xmpp.disconnected" : "xmpp.connect-failed";
    if (isNews) this.#runtime.log.warn(event, { code: error.code, error: error.message });
    if (wasOnline) this.#emit(this.#present());
  }

  /** Notes what was heard of a domain and tells the watchers when it matters. */
  record(domain: BareJid, heard: HeardOfDomain | "no-module"): void {
    const hasChanged = heard === "no-module" ? this.#table.recordNoModule(domain) : this.#table.record(domain, heard);
    const access = this.access(domain);
    if (!hasChanged || !access) return;
    const { actsBy, moduleInstance } = access;
    this.#runtime.log.info("xmpp.access-changed", { domain, actsBy, module: moduleInstance !== undefined });
    this.#emit([{ kind: "access", access }]);
  }

  /** The present state, then every change. */
  watch(signal: AbortSignal): AsyncIterable<LinkEvent> {
    return this.#events.read(() => this.#present(), signal);
  }

  /** The condition of a started link. */
  health(): Health {
    const since = this.#since !== undefined && { since: this.#since };
    if (!this.#isOnline) return this.#error ? { state: "down", error: this.#error, ...since } : { state: "starting" };
    const without = this.#table.withoutAccess.join(", ");
    if (without === "" || this.age < ADVERT_TIME) return { state: "ok", detail: this.#detail, ...since };
    const message = `the XMPP server does not let the gateway act for users of ${without}`;
    return { state: "degraded", error: linkError("xmpp-no-access", message), ...since };
  }

  #present(): readonly LinkEvent[] {
    if (!this.#isOnline) {
      return [{ kind: "offline", error: this.#error ?? linkError("xmpp-offline", "not connected yet") }];
    }
    const accesses = this.domains.map((domain) => this.access(domain)).filter((access) => access !== undefined);
    return [{ kind: "online" }, ...accesses.map((access) => ({ kind: "access", access }) as const)];
  }

  #emit(events: readonly LinkEvent[]): void {
    for (const event of events) this.#events.push(event);
  }
}
