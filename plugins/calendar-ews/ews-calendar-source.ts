import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Mailbox } from "../../src/core/addresses.ts";
import { type Instant, seconds, type TimeWindow } from "../../src/lib/time.ts";
import type {
  BusyTimeResult,
  CalendarChange,
  CalendarSource,
  TestStep,
  TestSubject,
} from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PluginContext } from "../../src/ports/plugin-definition.ts";
import type { HttpProxy, TlsException, TlsTerms } from "../../src/ports/trust.ts";
import { ProxyRoute } from "../shared-http/proxy-route.ts";
import { trustedConnector } from "../shared-http/trusted-connector.ts";
import type { LoginChoice } from "../shared-microsoft/account-client.ts";
import { availabilityOperation, MAX_MAILBOXES } from "./availability.ts";
import { Deadline } from "./deadline.ts";
import { diagnose } from "./diagnose.ts";
import { EwsClient } from "./ews-client.ts";
import { ewsError } from "./ews-errors.ts";
import type { SubscriptionGroup } from "./subscription-group.ts";
import { EwsTransport } from "./transport.ts";
import { MAX_WATCHED, untilAborted, watchChanges } from "./watch-changes.ts";

/** Where and as whom. */
export interface EwsOptions {
  readonly url: URL;
  readonly account: string;
  readonly password: string;
  readonly auth: LoginChoice;
  /** Path of a PEM file with a private CA. */
  readonly caFile: string | undefined;
  readonly tlsExceptions: ReadonlySet<TlsException>;
  readonly proxy?: HttpProxy | undefined;
}

interface Connection {
  readonly transport: EwsTransport;
  readonly client: EwsClient;
  readonly terms: TlsTerms;
  readonly route: ProxyRoute | undefined;
  /** Aborts when the source stops. */
  readonly lifetime: AbortController;
}

// So many failures in a row mean that it is not a single request that fails.
const DOWN_AFTER = 3;

/** Calendars of an Exchange server (2010 SP1 and later) or of another server that speaks EWS. */
export class EwsCalendarSource implements CalendarSource {
  readonly capabilities = { maxMailboxesPerFetch: MAX_MAILBOXES, maxMailboxesPerWatch: MAX_WATCHED };
  readonly #options: EwsOptions;
  readonly #context: PluginContext;
  readonly #groups = new Set<SubscriptionGroup>();
  readonly #farewells = new Set<Promise<void>>();
  #connection: Connection | undefined;
  #hasStopped = false;
  #requests = 0;
  #failures = 0;
  #error: GatewayError | undefined;
  #since: Instant | undefined;

  constructor(options: EwsOptions, context: PluginContext) {
    this.#options = options;
    this.#context = context;
  }

  /** Makes ready; a server that cannot be reached is no reason to reject, for it may come. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#connection) return;
    const ca = await readCa(this.#options.caFile, signal);
    this.#connection = this.#connect(ca);
    this.#hasStopped = false;
  }

  /** Says farewell to the server (at most two seconds) and closes. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#hasStopped = true;
    if (!connection) return;
    const reason = this.#stoppedError();
    connection.lifetime.abort(reason);
    for (const group of this.#groups) this.#sayFarewell(group);
    await Promise.all(this.#farewells);
    connection.client.close(reason);
    await connection.transport.close();
  }

  health(): Health {
    const since = this.#since === undefined ? {} : { since: this.#since };
    if (this.#hasStopped) return { state: "stopped" };
    if (this.#since === undefined) return { state: "starting" };
    if (this.#error === undefined) return { state: "ok", detail: this.#detail(), ...since };
    const isDown = this.#failures >= DOWN_AFTER || this.#error.type === "auth";
    return { state: isDown ? "down" : "degraded", error: this.#error, ...since };
  }

  async fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    signal.throwIfAborted();
    const { client, lifetime } = this.#running();
    if (mailboxes.length === 0) return [];
    if (mailboxes.length > MAX_MAILBOXES) {
      throw ewsError("ews-batch-too-big", `${client.host}: ${mailboxes.length} mailboxes in one request`);
    }
    const ended = new Deadline(this.#context.runtime.clock, signal, lifetime.signal);
    try {
      const operation = availabilityOperation({ host: client.host, mailboxes, window });
      return (await client.call(operation, "reading", ended.signal)).content;
    } finally {
      ended.end();
    }
  }

  async *watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncGenerator<CalendarChange, void> {
    signal.throwIfAborted();
    const { client, lifetime } = this.#running();
    if (mailboxes.length > MAX_WATCHED) {
      throw ewsError("ews-batch-too-big", `${client.host}: ${mailboxes.length} mailboxes on one connection`);
    }
    const { runtime } = this.#context;
    const ended = new Deadline(runtime.clock, signal, lifetime.signal);
    const register = (group: SubscriptionGroup): (() => void) => {
      this.#groups.add(group);
      return () => this.#sayFarewell(group);
    };
    try {
      if (mailboxes.length === 0) await untilAborted(ended.signal);
      yield* watchChanges({ client, runtime, register }, mailboxes, ended.signal);
    } finally {
      ended.end();
    }
  }

  async *test(subject: TestSubject, signal: AbortSignal): AsyncGenerator<TestStep, void> {
    signal.throwIfAborted();
    if (!this.#connection) {
      yield { step: "start", ok: false, detail: this.#stoppedError().message, milliseconds: 0 };
      return;
    }
    const { url, account } = this.#options;
    const { runtime, trust } = this.#context;
    yield* diagnose({ ...this.#connection, url, account, trust, clock: runtime.clock }, subject, signal);
  }

  #connect(ca: string | undefined): Connection {
    const { runtime, parameters, trust } = this.#context;
    const { url, account, password, auth, tlsExceptions, proxy } = this.#options;
    const terms = { ca, exceptions: tlsExceptions };
    const route = proxy && new ProxyRoute({ proxy, trust, ca, clock: runtime.clock });
    const transport = new EwsTransport({
      url,
      account,
      password,
      auth,
      connect: trustedConnector(trust, terms, route),
      clock: runtime.clock,
      timeout: () => seconds(parameters.integer("exchange-timeout")),
    });
    const client = new EwsClient({
      host: url.host,
      transport,
      runtime,
      threads: () => parameters.integer("exchange-threads"),
      longestQueue: () => parameters.integer("exchange-queue"),
      onOutcome: (error) => this.#recordOutcome(error),
    });
    return { transport, client, terms, route, lifetime: new AbortController() };
  }

  #running(): Connection {
    if (!this.#connection) throw this.#stoppedError();
    return this.#connection;
  }

  #stoppedError(): GatewayError {
    return ewsError("ews-stopped", `${this.#options.url.host}: not running`);
  }

  #sayFarewell(group: SubscriptionGroup): void {
    this.#groups.delete(group);
    const farewell = group.unsubscribe().finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
  }

  #recordOutcome(error: GatewayError | undefined): void {
    const isChange = this.#since === undefined || (error === undefined) !== (this.#error === undefined);
    if (isChange) this.#since = this.#context.runtime.clock.now();
    this.#requests += 1;
    this.#failures = error ? this.#failures + 1 : 0;
    this.#error = error;
  }

  #detail(): string {
    const client = this.#connection?.client;
    if (!client) return "";
    const { running, waiting, limit } = client.load;
    const version = client.serverVersion ? `Exchange ${client.serverVersion}` : "version unknown";
    const requests = `${this.#requests} requests (${running} of at most ${limit} now, ${waiting} waiting)`;
    return `${version}, ${requests}, ${this.#groups.size} groups watched`;
  }
}

async function readCa(path: string | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, { encoding: "utf8", signal });
    return new X509Certificate(pem) && pem; // the constructor throws for what is no certificate
  } catch (error) {
    signal.throwIfAborted();
    throw ewsError("ews-ca-unreadable", `${path}: no CA certificate could be read`, { cause: error });
  }
}
