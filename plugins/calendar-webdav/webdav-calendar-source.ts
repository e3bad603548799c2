import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Mailbox } from "../../src/core/addresses.ts";
import { seconds, type TimeWindow } from "../../src/lib/time.ts";
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
import { Deadline } from "../shared-http/deadline.ts";
import { ProxyRoute } from "../shared-http/proxy-route.ts";
import { trustedConnector } from "../shared-http/trusted-connector.ts";
import { CalendarFolders } from "./calendar-folders.ts";
import { CallbackAddress, type NotificationChoice } from "./callback-address.ts";
import { diagnose } from "./diagnose.ts";
import { fetchBusyTime } from "./fetch-busy-time.ts";
import { type Subscription, SubscriptionBook } from "./subscription-book.ts";
import { type WebdavLogin, WebdavTransport } from "./transport.ts";
import { MAX_WATCHED, watchChanges } from "./watch-changes.ts";
import { WebdavClient } from "./webdav-client.ts";
import { webdavError } from "./webdav-errors.ts";

/** Where and as whom. */
export interface WebdavOptions {
  /** The URL of all mailboxes, with a slash at the end of its path. */
  readonly url: URL;
  readonly account: string;
  readonly password: string;
  readonly auth: WebdavLogin;
  /** Path of a PEM file with a private CA. */
  readonly caFile: string | undefined;
  readonly tlsExceptions: ReadonlySet<TlsException>;
  readonly notifications: NotificationChoice;
  /** The calendar folder's name in mailboxes that do not tell it. */
  readonly calendarName: string | undefined;
  readonly proxy?: HttpProxy | undefined;
}

interface Connection {
  readonly transport: WebdavTransport;
  readonly client: WebdavClient;
  readonly folders: CalendarFolders;
  readonly book: SubscriptionBook;
  readonly address: CallbackAddress;
  readonly terms: TlsTerms;
  readonly route: ProxyRoute | undefined;
  /** Aborts when the source stops. */
  readonly lifetime: AbortController;
}

// One request a mailbox: more in one batch would only make it slow.
const MAX_MAILBOXES = 20;
const LONGEST_FAREWELL = seconds(2);

/** Calendars of Exchange 2003 or 2007 by WebDAV. */
export class WebdavCalendarSource implements CalendarSource {
  readonly capabilities = { maxMailboxesPerFetch: MAX_MAILBOXES, maxMailboxesPerWatch: MAX_WATCHED };
  readonly #options: WebdavOptions;
  readonly #context: PluginContext;
  readonly #farewells = new Set<Promise<void>>();
  #connection: Connection | undefined;
  #hasStopped = false;

  constructor(options: WebdavOptions, context: PluginContext) {
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

  /** Gives the subscriptions back (at most two seconds) and closes. */
  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#hasStopped = true;
    if (!connection) return;
    connection.lifetime.abort(this.#stoppedError());
    this.#sayFarewell((signal) => connection.book.unsubscribeAll(signal));
    await Promise.all(this.#farewells);
    connection.address.close();
    await connection.transport.close();
  }

  health(): Health {
    if (this.#hasStopped) return { state: "stopped" };
    if (!this.#connection) return { state: "starting" };
    const { client, book, address } = this.#connection;
    return client.health(`${book.size} folders subscribed to, ${address.words}`);
  }

  async fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    signal.throwIfAborted();
    const connection = this.#running();
    this.#checkCount(mailboxes, MAX_MAILBOXES);
    const ended = new Deadline(this.#context.runtime.clock, signal, connection.lifetime.signal);
    try {
      return await fetchBusyTime(connection, mailboxes, window, ended.signal);
    } finally {
      ended.end();
    }
  }

  async *watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncGenerator<CalendarChange, void> {
    signal.throwIfAborted();
    const { book, address, lifetime } = this.#running();
    this.#checkCount(mailboxes, MAX_WATCHED);
    const { clock } = this.#context.runtime;
    const release = (subscriptions: readonly Subscription[]): void => {
      if (subscriptions.length > 0) this.#sayFarewell((farewell) => book.unsubscribe(subscriptions, farewell));
    };
    const ended = new Deadline(clock, signal, lifetime.signal);
    try {
      yield* watchChanges({ clock, book, address, release }, mailboxes, ended.signal);
    } finally {
      ended.end();
    }
  }

  /** The mailboxes are no longer wanted of the watches that run. */
  unwatch(mailboxes: readonly Mailbox[]): void {
    const { book } = this.#connection ?? {};
    if (book) this.#sayFarewell((signal) => book.unsubscribe(book.findFor(mailboxes), signal));
  }

  async *test({ mailbox }: TestSubject, signal: AbortSignal): AsyncGenerator<TestStep, void> {
    signal.throwIfAborted();
    if (!this.#connection) {
      yield { step: "start", ok: false, detail: this.#stoppedError().message, milliseconds: 0 };
      return;
    }
    const { runtime, trust } = this.#context;
    const { account } = this.#options;
    yield* diagnose({ ...this.#connection, account, trust, clock: runtime.clock }, mailbox, signal);
  }

  #connect(ca: string | undefined): Connection {
    const { runtime, parameters, trust, listener, memory } = this.#context;
    const { url, account, password, auth, tlsExceptions, notifications, calendarName, proxy } = this.#options;
    const { clock } = runtime;
    const terms = { ca, exceptions: tlsExceptions };
    const route = proxy && new ProxyRoute({ proxy, trust, ca, clock });
    const transport = new WebdavTransport({
      url,
      account,
      password,
      login: auth,
      connect: trustedConnector(trust, terms, route),
      clock,
      timeout: () => seconds(parameters.integer("exchange-timeout")),
    });
    const client = new WebdavClient({ url, transport, clock, threads: () => parameters.integer("exchange-threads") });
    const folders = new CalendarFolders(client, calendarName);
    const book = new SubscriptionBook({ client, folders, clock, memory });
    const lifetime = new AbortController();
    const address = new CallbackAddress(listener, notifications, lifetime.signal);
    return { transport, client, folders, book, address, terms, route, lifetime };
  }

  #running(): Connection {
    if (!this.#connection) throw this.#stoppedError();
    return this.#connection;
  }

  #stoppedError(): GatewayError {
    return webdavError("webdav-stopped", `${this.#options.url.host}: not running`);
  }

  #checkCount({ length }: readonly Mailbox[], most: number): void {
    if (length > most)
      throw webdavError("webdav-batch-too-big", `${this.#options.url.host}: ${length} mailboxes at once`);
  }

  #sayFarewell(unsubscribe: (signal: AbortSignal) => Promise<void>): void {
    const deadline = new Deadline(this.#context.runtime.clock);
    deadline.set(LONGEST_FAREWELL, () => this.#stoppedError());
    const farewell = unsubscribe(deadline.signal).finally(() => {
      deadline.end();
      this.#farewells.delete(farewell);
    });
    this.#farewells.add(farewell);
  }
}

async function readCa(path: string | undefined, signal: AbortSignal): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const pem = await readFile(path, { encoding: "utf8", signal });
    return new X509Certificate(pem) && pem; // the constructor throws for what is no certificate
  } catch (error) {
    signal.throwIfAborted();
    throw webdavError("webdav-ca-unreadable", `${path}: no CA certificate could be read`, { cause: error });
  }
}
