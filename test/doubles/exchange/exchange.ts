import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { listenOnLoopback } from "../listen-on-loopback.ts";
import { type Farm, routeCall } from "./affinity.ts";
import { type Authenticator, basicAuthenticator } from "./authentication.ts";
import { AutodiscoverFront } from "./autodiscover.ts";
import { type ExchangeClock, systemClock } from "./clock.ts";
import { EwsSwitch } from "./ews-switch.ts";
import { Faults } from "./faults.ts";
import { type FrontContext, handleRequest } from "./http-front.ts";
import type { Mailbox, MailboxOptions } from "./mailbox.ts";
import { offeredOperations } from "./offered-operations.ts";
import { type Account, type Call, Site } from "./site.ts";
import { ExchangeStats } from "./stats.ts";
import { parseStreamingRequest, StreamingConnection, StreamingSubscription } from "./streaming.ts";
import { Subscriptions } from "./subscriptions.ts";
import { type Budgets, Throttle } from "./throttling.ts";
import { type ExchangeVersion, encodeVersionInfo } from "./versions.ts";
import { writePieces } from "./wire.ts";

/** How the simulated server is set up; times in milliseconds. */
export interface ExchangeOptions {
  readonly version?: ExchangeVersion;
  readonly accounts: readonly Account[];
  /** Serves HTTPS with this PEM key and certificate; plain HTTP without. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly port?: number;
  readonly now?: () => number;
  /** Replaces `now` and the timers, so that a test can pass thirty minutes at once. */
  readonly clock?: ExchangeClock;
  readonly budgets?: Partial<Budgets>;
  readonly authenticator?: Authenticator;
  /** After so long without events a streaming connection says OK; default 45 s. */
  readonly streamingHeartbeat?: number;
  readonly availabilityOrder?: "sorted" | "reversed";
  /** Longest availability window; the administrator's default is 42 days. */
  readonly maximumWindow?: number;
  /** Mailbox servers over which mailboxes are spread; a subscription is known to one of them only. */
  readonly backEnds?: number;
}

/** A running simulated Exchange. */
export interface SimulatedExchange {
  readonly url: string;
  readonly faults: Faults;
  readonly stats: ExchangeStats;
  /** The virtual directory /Autodiscover, off until it offers something. */
  readonly autodiscover: AutodiscoverFront;
  /** EWS switched off, as in Office 365. */
  readonly ewsSwitch: EwsSwitch;
  addMailbox(smtp: string, options?: MailboxOptions): Mailbox;
  /** The mailbox of that address, if there is one. */
  findMailbox(smtp: string): Mailbox | undefined;
  /** Stops listening and resets every connection. */
  stop(): Promise<void>;
  /** Stops and starts on the same port: mailboxes stay, subscriptions and connections are lost. */
  restart(): Promise<void>;
}

const FORTY_TWO_DAYS = 42 * 86_400_000;

/** Starts an Exchange with EWS on 127.0.0.1. */
export async function startExchange(options: ExchangeOptions): Promise<SimulatedExchange> {
  const exchange = new ExchangeServer(options);
  await exchange.listen(options.port ?? 0);
  return exchange;
}

class ExchangeServer implements SimulatedExchange {
  readonly faults: Faults;
  readonly stats: ExchangeStats;
  readonly autodiscover = new AutodiscoverFront();
  readonly ewsSwitch = new EwsSwitch();
  readonly #options: ExchangeOptions;
  readonly #site: Site;
  readonly #subscriptions: Subscriptions;
  readonly #sockets = new Set<Socket>();
  readonly #streaming = new Set<StreamingConnection>();
  #server: Server | undefined;
  #port = 0;

  constructor(options: ExchangeOptions) {
    const { version = "exchange2016", availabilityOrder = "sorted", maximumWindow = FORTY_TWO_DAYS } = options;
    const clock = options.clock ?? systemClock(options.now);
    this.#options = options;
    this.#subscriptions = new Subscriptions(() => clock.now());
    this.#site = new Site({ version, clock, availabilityOrder, maximumWindow }, (change) =>
      this.#subscriptions.notify(change),
    );
    this.stats = new ExchangeStats(() => this.#subscriptions.size);
    this.faults = new Faults({
      dropConnections: () => this.#dropConnections(),
      dropStreaming: () => this.#dropStreaming(),
      endSubscriptions: (smtp, code) => this.#endSubscriptions(smtp, code),
      setMove: (smtp, code) => setOrDelete(this.#site.moves, smtp, code),
      setAvailabilityError: (smtp, code) => setOrDelete(this.#site.availabilityErrors, smtp, code),
    });
  }

  get url(): string {
    return `${this.#options.tls ? "https" : "http"}://localhost:${this.#port}/EWS/Exchange.asmx`;
  }

  addMailbox(smtp: string, options?: MailboxOptions): Mailbox {
    return this.#site.addMailbox(smtp, options);
  }

  findMailbox(smtp: string): Mailbox | undefined {
    return this.#site.findMailbox(smtp);
  }

  async listen(port: number): Promise<void> {
    const server = this.#createServer();
    server.keepAliveTimeout = 120_000;
    server.on("connection", (socket: Socket) => this.#track(socket));
    this.#port = await listenOnLoopback(server, port);
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    // First the connections, then the subscriptions: a server that dies says nothing.
    this.#dropConnections();
    this.#subscriptions.clear();
    await closed;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.listen(this.#port);
  }

  get #farm(): Farm {
    return { version: this.#site.version, backEnds: this.#options.backEnds ?? 1 };
  }

  #createServer(): Server {
    const throttle = new Throttle(this.#site, this.#options.budgets ?? {}, this.stats);
    const subscriptionContext = {
      site: this.#site,
      subscriptions: this.#subscriptions,
      throttle,
      farm: this.#farm,
    };
    const context: FrontContext = {
      site: this.#site,
      authenticator: this.#options.authenticator ?? basicAuthenticator(this.#options.accounts),
      faults: this.faults,
      stats: this.stats,
      autodiscover: this.autodiscover,
      ewsSwitch: this.ewsSwitch,
      throttle,
      operations: offeredOperations(subscriptionContext),
      openStreaming: (call, response) => this.#openStreaming(call, response, throttle),
    };
    const listener: RequestListener = (request, response) => {
      response.setHeader("Date", new Date(this.#site.clock.now()).toUTCString());
      // handleRequest turns every failure into an answer.
      void handleRequest(request, response, context);
    };
    return this.#options.tls ? createTlsServer(this.#options.tls, listener) : createServer(listener);
  }

  #openStreaming(call: Call, response: ServerResponse, throttle: Throttle): void {
    const { ids, lifetime } = parseStreamingRequest(call.body);
    const { backEnd } = routeCall(call, call.impersonated, this.#farm);
    const release = throttle.take("streaming-connection", call);
    const known = ids.flatMap((id) => {
      const found = this.#subscriptions.find(id, call.account.user);
      return found instanceof StreamingSubscription && found.backEnd === backEnd ? [found] : [];
    });
    const unknown = ids.filter((id) => !known.some((subscription) => subscription.id === id));
    const connection = new StreamingConnection(response, known, {
      clock: this.#site.clock,
      heartbeat: this.#options.streamingHeartbeat ?? 45_000,
      versionInfo: encodeVersionInfo(this.#site.version),
      write: (target, text) => writePieces(target, Buffer.from(text), this.faults.pieceSize),
    });
    this.#streaming.add(connection);
    this.stats.streamingConnections += 1;
    response.on("close", () => {
      release();
      this.#streaming.delete(connection);
      this.stats.streamingConnections -= 1;
    });
    connection.open(unknown, lifetime);
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    this.stats.connectionsAccepted += 1;
    this.stats.connections += 1;
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.stats.connections -= 1;
    });
  }

  #dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #dropStreaming(): void {
    for (const connection of this.#streaming) connection.drop();
  }

  #endSubscriptions(smtp: string, code: string): void {
    const mailbox = this.#site.findMailbox(smtp);
    if (mailbox !== undefined) this.#subscriptions.endAllOf(mailbox, code);
  }
}

function setOrDelete(codes: Map<string, string>, smtp: string, code: string | undefined): void {
  if (code === undefined) codes.delete(smtp.toLowerCase());
  else codes.set(smtp.toLowerCase(), code);
}
