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
import { readCa } from "../shared-http/read-ca.ts";
import { SourceRun } from "../shared-http/source-run.ts";
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
  readonly #run: SourceRun<Connection>;

  constructor(options: WebdavOptions, context: PluginContext) {
    this.#options = options;
    this.#context = context;
    this.#run = new SourceRun({
      connect: (lifetime, signal) => this.#connect(lifetime, signal),
      stopped: () => this.#stoppedError(),
      clock: context.runtime.clock,
    });
  }

  /** Makes ready; a server that cannot be reached is no reason to reject, for it may come. */
  start(signal: AbortSignal): Promise<void> {
    return this.#run.start(signal);
  }

  /** Gives the subscriptions back (at most two seconds) and closes. */
  async stop(): Promise<void> {
    const connection = this.#run.stop();
    if (!connection) return;
    this.#sayFarewell((signal) => connection.book.unsubscribeAll(signal));
    await Promise.all(this.#farewells);
    connection.address.close();
    await connection.transport.close();
  }

  health(): Health {
    if (this.#run.hasStopped) return { state: "stopped" };
    if (!this.#run.connection) return { state: "starting" };
    const { client, book, address } = this.#run.connection;
    return client.health(`${book.size} folders subscribed to, ${address.words}`);
  }

  fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    return this.#run.perform((connection, ended) => {
      this.#checkCount(mailboxes, MAX_MAILBOXES);
      return fetchBusyTime(connection, mailboxes, window, ended);
    }, signal);
  }

  watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncGenerator<CalendarChange, void> {
    const { clock } = this.#context.runtime;
    return this.#run.watch(({ book, address }, ended) => {
      this.#checkCount(mailboxes, MAX_WATCHED);
      const release = (subscriptions: readonly Subscription[]): void => {
        if (subscriptions.length > 0) this.#sayFarewell((farewell) => book.unsubscribe(subscriptions, farewell));
      };
      return watchChanges({ clock, book, address, release }, mailboxes, ended);
    }, signal);
  }

  /** The mailboxes are no longer wanted of the watches that run. */
  unwatch(mailboxes: readonly Mailbox[]): void {
    const { book } = this.#run.connection ?? {};
    if (book) this.#sayFarewell((signal) => book.unsubscribe(book.findFor(mailboxes), signal));
  }

  test({ mailbox }: TestSubject, signal: AbortSignal): AsyncGenerator<TestStep, void> {
    const { runtime, trust } = this.#context;
    const { account } = this.#options;
    const { clock } = runtime;
    return this.#run.test((connection) => diagnose({ ...connection, account, trust, clock }, mailbox, signal), signal);
  }

  async #connect(lifetime: AbortSignal, signal: AbortSignal): Promise<Connection> {
    const { runtime, parameters, trust, listener, memory } = this.#context;
    const { url, account, password, auth, tlsExceptions, notifications, calendarName, proxy, caFile } = this.#options;
    const ca = await readCa(caFile, (text, cause) => webdavError("webdav-ca-unreadable", text, { cause }), signal);
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
    const address = new CallbackAddress(listener, notifications, lifetime);
    return { transport, client, folders, book, address, terms, route };
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
