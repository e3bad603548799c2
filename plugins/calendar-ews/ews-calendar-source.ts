import type { Mailbox } from "../../src/core/addresses.ts";
import { seconds, type TimeWindow } from "../../src/lib/time.ts";
import type {
  BusyTimeResult,
  CalendarChange,
  CalendarSource,
  RequestLoad,
  TestStep,
  TestSubject,
} from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PluginContext } from "../../src/ports/plugin-definition.ts";
import type { HttpProxy, TlsException, TlsTerms } from "../../src/ports/trust.ts";
import { ProxyRoute } from "../shared-http/proxy-route.ts";
import { readCa } from "../shared-http/read-ca.ts";
import { RequestHealth } from "../shared-http/request-health.ts";
import { SourceRun } from "../shared-http/source-run.ts";
import { trustedConnector } from "../shared-http/trusted-connector.ts";
import { Autodiscover } from "./autodiscover/autodiscover.ts";
import type { HostRule } from "./autodiscover/host-rule.ts";
import { availabilityOperation, MAX_MAILBOXES } from "./availability.ts";
import { diagnose } from "./diagnose.ts";
import { EwsClient } from "./ews-client.ts";
import { ewsError } from "./ews-errors.ts";
import { fetchAsOwner } from "./fetch-as-owner.ts";
import type { EwsLogin } from "./login/ews-login.ts";
import { Watching, type WatchOptions } from "./notifications/watching.ts";
import { findCalendarName } from "./occasional/find-calendar-name.ts";
import { endConnection, type ServerConnection } from "./server-connections.ts";
import { nameServer } from "./server-name.ts";
import { EwsTransport } from "./transport.ts";
import { MAX_WATCHED, untilAborted, watchChanges } from "./watch-changes.ts";

/** Where and as whom. */
export interface EwsOptions {
  readonly url: URL;
  readonly login: EwsLogin;
  /** Path of a PEM file with a private CA. */
  readonly caFile: string | undefined;
  readonly tlsExceptions: ReadonlySet<TlsException>;
  readonly notifications: WatchOptions;
  /** Undefined: Autodiscover is off. */
  readonly autodiscover: Pick<HostRule, "endpoint" | "hosts"> | undefined;
  readonly proxy?: HttpProxy | undefined;
}

interface Connection extends ServerConnection {
  readonly terms: TlsTerms;
  readonly autodiscover: Autodiscover | undefined;
  readonly route: ProxyRoute | undefined;
}

/** Calendars of an Exchange server (2007 SP1 and later) or of another server that speaks EWS. */
export class EwsCalendarSource implements CalendarSource {
  readonly capabilities = { maxMailboxesPerFetch: MAX_MAILBOXES, maxMailboxesPerWatch: MAX_WATCHED };
  /** With Autodiscover only. */
  readonly locateMailboxes?: (mailboxes: readonly Mailbox[], signal: AbortSignal) => Promise<readonly string[]>;
  readonly #options: EwsOptions;
  readonly #context: PluginContext;
  readonly #run: SourceRun<Connection>;
  readonly #condition: RequestHealth;

  constructor(options: EwsOptions, context: PluginContext) {
    this.#options = options;
    this.#context = context;
    this.#condition = new RequestHealth(context.runtime.clock);
    this.#run = new SourceRun({
      connect: (lifetime, signal) => this.#connect(lifetime, signal),
      stopped: () => this.#stoppedError(),
      clock: context.runtime.clock,
    });
    if (options.autodiscover) this.locateMailboxes = (mailboxes, signal) => this.#locate(mailboxes, signal);
  }

  /** Makes ready; a server that cannot be reached is no reason to reject, for it may come. */
  start(signal: AbortSignal): Promise<void> {
    return this.#run.start(signal);
  }

  /** Says farewell to the server (at most two seconds) and closes. */
  async stop(): Promise<void> {
    const connection = this.#run.stop();
    if (!connection) return;
    const reason = this.#stoppedError();
    await Promise.all([endConnection(connection, reason), connection.autodiscover?.close(reason)]);
    this.#options.login.close(reason);
  }

  health(): Health {
    return this.#run.hasStopped ? { state: "stopped" } : this.#condition.health(this.#detail());
  }

  load(): RequestLoad | undefined {
    return this.#run.connection?.client.load;
  }

  fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    return this.#run.perform(async ({ client }, ended) => {
      if (mailboxes.length === 0) return [];
      if (mailboxes.length > MAX_MAILBOXES) {
        throw ewsError("ews-batch-too-big", `${client.host}: ${mailboxes.length} mailboxes in one request`);
      }
      const query = { host: client.host, mailboxes, window };
      if (this.#options.login.isApplication)
        return fetchAsOwner(query, (operation) => client.call(operation, "reading", ended));
      return (await client.call(availabilityOperation(query), "reading", ended)).content;
    }, signal);
  }

  watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncGenerator<CalendarChange, void> {
    const { host } = this.#options.url;
    return this.#run.watch(async function* ({ watching, autodiscover }, ended) {
      if (mailboxes.length > MAX_WATCHED) {
        throw ewsError("ews-batch-too-big", `${host}: ${mailboxes.length} mailboxes on one connection`);
      }
      if (mailboxes.length === 0) await untilAborted(ended);
      const watch = (at: Watching) => watchChanges(at.deps, mailboxes, ended);
      yield* autodiscover ? autodiscover.watch(mailboxes, watch) : watch(watching);
    }, signal);
  }

  unwatch(mailboxes: readonly Mailbox[]): void {
    const { watching, autodiscover } = this.#run.connection ?? {};
    for (const mailbox of mailboxes) {
      watching?.giveUp(mailbox);
      autodiscover?.giveUp(mailbox);
    }
  }

  findCalendarName(mailbox: Mailbox, signal: AbortSignal): Promise<string> {
    return this.#run.perform(
      ({ client, autodiscover }, ended) =>
        findCalendarName(autodiscover?.clientFor([mailbox]) ?? client, mailbox, ended),
      signal,
    );
  }

  test(subject: TestSubject, signal: AbortSignal): AsyncGenerator<TestStep, void> {
    const { url, login } = this.#options;
    const { runtime, trust } = this.#context;
    const { clock } = runtime;
    return this.#run.test(
      (connection) => diagnose({ ...connection, url, login, trust, clock }, subject, signal),
      signal,
    );
  }

  async #connect(lifetime: AbortSignal, signal: AbortSignal): Promise<Connection> {
    const { url, autodiscover: found, proxy, caFile } = this.#options;
    const { runtime, trust } = this.#context;
    const ca = await readCa(caFile, (text, cause) => ewsError("ews-ca-unreadable", text, { cause }), signal);
    const route = proxy && new ProxyRoute({ proxy, trust, ca, clock: runtime.clock });
    const open = (server: URL): ServerConnection =>
      this.#open(server, { terms: this.#termsFor(server, ca), route, lifetime });
    const main = open(url);
    const rule = found && { ...found, server: url };
    const autodiscover = rule && new Autodiscover({ rule, runtime, main, open });
    return { ...main, terms: this.#termsFor(url, ca), route, autodiscover };
  }

  /** The exceptions were made for one server's certificates, and hold for no other. */
  #termsFor(url: URL, ca: string | undefined): TlsTerms {
    const { url: configured, tlsExceptions } = this.#options;
    return { ca, exceptions: url.host === configured.host ? tlsExceptions : new Set() };
  }

  #open(
    url: URL,
    { terms, route, lifetime }: Pick<Connection, "terms" | "route"> & { readonly lifetime: AbortSignal },
  ): ServerConnection {
    const { runtime, parameters, trust } = this.#context;
    const { url: configured, login } = this.#options;
    const isConfigured = url === configured;
    const connect = trustedConnector(trust, terms, route);
    const transport = new EwsTransport({
      url,
      client: login.open({ url, connect, clock: runtime.clock, onlyWhenAsked: !isConfigured }),
      isApplication: login.isApplication,
      clock: runtime.clock,
      timeout: () => seconds(parameters.integer("exchange-timeout")),
    });
    const client = new EwsClient({
      host: url.host,
      transport,
      runtime,
      threads: () => parameters.integer("exchange-threads"),
      longestQueue: () => parameters.integer("exchange-queue"),
      // What other servers answer is no news of this one: a watch that fails there is reported by the watch.
      onOutcome: (error) => isConfigured && this.#condition.record(error),
    });
    const watching = new Watching(client, this.#options.notifications, this.#context, lifetime);
    return { transport, client, watching };
  }

  #locate(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<readonly string[]> {
    return this.#run.perform(
      async ({ autodiscover }, ended) => (await autodiscover?.locate(mailboxes, ended)) ?? mailboxes.map(() => ""),
      signal,
    );
  }

  #stoppedError(): GatewayError {
    return ewsError("ews-stopped", `${this.#options.url.host}: not running`);
  }

  #detail(): string {
    if (!this.#run.connection) return "";
    const { client, watching, autodiscover } = this.#run.connection;
    const { running, waiting, limit } = client.load;
    const version = client.serverVersion ? nameServer(client.serverVersion) : "version unknown";
    const requests = `${this.#condition.requests} requests (${running} of at most ${limit} now, ${waiting} waiting)`;
    const places = autodiscover ? `, ${autodiscover.detail}` : "";
    return `${version}, ${requests}, ${watching.describe()}${places}`;
  }
}
