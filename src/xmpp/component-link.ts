import { type BareJid, domainOf } from "../core/addresses.ts";
import { backoffDelay } from "../lib/backoff.ts";
import { type Milliseconds, minutes, seconds } from "../lib/time.ts";
import { GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import { elementsOf } from "../ports/xml-element.ts";
import type { DomainAccess, LinkEvent, Stanza, StanzaHandlers, XmlDraft, XmppLink } from "../ports/xmpp-link.ts";
import { ComponentStream } from "./component.ts";
import { Connection } from "./connection.ts";
import type { ManagedDomain } from "./domain-access.ts";
import { keepAlive } from "./keep-alive.ts";
import { LinkState } from "./link-state.ts";
import { NS } from "./namespaces.ts";
import { PendingRequests } from "./pending-requests.ts";
import { decodeAdvert, requestPrivileged } from "./privilege.ts";
import { type ModuleHello, watchServerModule } from "./server-module.ts";
import { answerDiscovery, StanzaDispatch } from "./stanza-dispatch.ts";
import { toStanza } from "./to-stanza.ts";
import { linkError } from "./xmpp-errors.ts";

/** Where to connect, as whom, and for which domains. */
export interface ComponentLinkOptions {
  /** The server's component port. */
  readonly host: string;
  readonly port: number;
  /** The component's own domain. */
  readonly domain: BareJid;
  /** Shared with the server; never logged. */
  readonly secret: string;
  /** Domains whose users the gateway serves; the first is pinged. */
  readonly domains: readonly ManagedDomain[];
  /** Bytes of one stanza; default 1 MiB. */
  readonly stanzaBytes?: number;
  /** Requests that may wait for an answer at once; default 4096. */
  readonly pendingRequests?: number;
  /** How long an answer may take; default 30 s. */
  readonly requestTimeout?: Milliseconds;
}

const BACKOFF = { first: seconds(1), longest: seconds(60) };
/** Errors that no quick retry mends. */
const SLOW_CODES: readonly string[] = ["xmpp-not-authorized", "xmpp-conflict", "xmpp-host-unknown"];
/** A connection that lasted this long was a good one: waiting begins anew after it. */
const STABLE: Milliseconds = minutes(1);
const QUEUED_BYTES = 16 * 1024 * 1024;
const DEPTH = 64;

/**
 * The XMPP link over one component connection that is made again whenever it is lost. Watchers that wait hear of
 * `online` before any handler sees a stanza of that connection.
 */
export class ComponentLink implements XmppLink {
  readonly #options: ComponentLinkOptions;
  readonly #runtime: Runtime;
  readonly #state: LinkState;
  readonly #dispatch: StanzaDispatch;
  readonly #observers = new Set<StanzaHandlers>();
  #lifetime: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #stream: ComponentStream | undefined;
  #connection: Connection | undefined;

  constructor(options: ComponentLinkOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    const detail = `connected to ${options.host} port ${options.port} as ${options.domain}`;
    this.#state = new LinkState(options.domains, detail, runtime);
    this.#dispatch = new StanzaDispatch(answerDiscovery(options.domain), runtime.log);
  }

  get domain(): BareJid {
    return this.#options.domain;
  }

  get isOnline(): boolean {
    return this.#connection !== undefined;
  }

  /** Begins to connect, and keeps on until `stop`; does not wait. */
  start(): void {
    if (this.#lifetime) return;
    this.#lifetime = new AbortController();
    this.#running = this.#run(this.#lifetime.signal);
  }

  /** Writes what waits, ends the stream and resolves when the connection is gone; safe twice. */
  async stop(): Promise<void> {
    this.#lifetime?.abort();
    await this.#stream?.close();
    await this.#running;
    this.#lifetime = undefined;
  }

  access(domain: BareJid): DomainAccess | undefined {
    return this.#state.access(domain);
  }

  health(): Health {
    return this.#lifetime ? this.#state.health() : { state: "stopped" };
  }

  watch(signal: AbortSignal): AsyncIterable<LinkEvent> {
    return this.#state.watch(signal);
  }

  async send(stanza: XmlDraft, signal?: AbortSignal): Promise<void> {
    await this.#online().send(stanza, signal);
  }

  request(iq: XmlDraft, signal: AbortSignal): Promise<XmlElement> {
    const answer = this.#connection?.request(iq, signal) ?? Promise.reject(this.#offline());
    return answer.catch((error: unknown) => {
      this.#noteLostModule(iq, error);
      throw error;
    });
  }

  async requestAs(user: BareJid, iq: XmlDraft, signal: AbortSignal): Promise<XmlElement | undefined> {
    const connection = this.#online();
    const access = this.#state.access(domainOf(user));
    if (!access || access.actsBy === "none") {
      throw linkError("xmpp-no-access", `the XMPP server does not let the gateway act for ${user}`);
    }
    for (const { sentAs } of [...this.#observers]) sentAs?.(user, iq);
    if (access.actsBy === "privilege") return requestPrivileged(connection, access, { user, iq }, signal);
    const spoofed = { ...iq, attributes: { ...iq.attributes, from: user, to: user } };
    return connection.requestFenced(spoofed, access.domain, signal);
  }

  handle(handlers: StanzaHandlers): () => void {
    const remove = this.#dispatch.add(handlers);
    this.#observers.add(handlers);
    return () => {
      remove();
      this.#observers.delete(handlers);
    };
  }

  #online(): Connection {
    if (this.#connection) return this.#connection;
    throw this.#offline();
  }

  #offline(): GatewayError {
    return linkError("xmpp-offline", "the XMPP server is not connected", this.#state.error);
  }

  async #run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const { error, wasStable } = await this.#connectOnce();
      failures = wasStable ? 1 : failures + 1;
      const isSlow = SLOW_CODES.includes(error.code);
      const delay = isSlow ? BACKOFF.longest : backoffDelay(BACKOFF, failures, this.#runtime.random());
      await this.#runtime.clock.sleep(delay, signal).catch(() => undefined); // only `stop` ends the sleep early
    }
  }

  /** Connects and resolves when that connection, or the attempt, is over. */
  #connectOnce(): Promise<{ readonly error: GatewayError; readonly wasStable: boolean }> {
    return new Promise((resolve) => {
      const early: XmlElement[] = [];
      let receive = (element: XmlElement): void => void early.push(element);
      const onOnline = (): void => {
        const connection = this.#goOnline(stream);
        // One turn of the event loop lets every watcher hear of `online` before the first stanza is handled.
        setImmediate(() => {
          receive = (element) => this.#receive(connection, toStanza(element));
          for (const element of early) receive(element);
        });
      };
      const onEnd = (error: GatewayError): void => {
        const wasStable = this.#connection !== undefined && this.#state.age >= STABLE;
        this.#goOffline(error);
        resolve({ error, wasStable });
      };
      const onDropped = (limit: string): void => this.#runtime.log.warn("xmpp.stanza-dropped", { limit });
      const onStanza = (element: XmlElement): void => receive(element);
      const limits = { bytes: this.#options.stanzaBytes ?? 1024 * 1024, depth: DEPTH };
      const stream: ComponentStream = new ComponentStream(
        { ...this.#options, limits, queuedBytes: QUEUED_BYTES, connectTimeout: seconds(15) },
        { onOnline, onEnd, onStanza, onDropped },
        this.#runtime.clock,
      );
      this.#stream = stream;
    });
  }

  #goOnline(stream: ComponentStream): Connection {
    const { pendingRequests = 4096, requestTimeout = seconds(30) } = this.#options;
    const { clock } = this.#runtime;
    const pending = new PendingRequests(this.#runtime.uniqueId(), pendingRequests, requestTimeout);
    const connection = new Connection(this.domain, stream, pending);
    this.#connection = connection;
    this.#state.goOnline();
    const run = (task: Promise<unknown>): void =>
      void task.catch((error: unknown) => {
        if (!connection.lifetime.aborted) stream.fail(toGatewayError(error));
      });
    run(connection.expire(clock));
    run(keepAlive(connection, this.#state.domains[0] ?? this.domain, clock));
    for (const domain of this.#state.domains) run(this.#watchModule(domain, connection));
    return connection;
  }

  #goOffline(error: GatewayError): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.end(error.code === "xmpp-offline" ? error : linkError("xmpp-offline", error.message, error));
    if (!this.#lifetime?.signal.aborted) this.#state.goOffline(error);
  }

  #watchModule(domain: BareJid, connection: Connection): Promise<never> {
    const known = (): string | undefined => this.#state.access(domain)?.moduleInstance;
    const onAnswer = (hello: ModuleHello | undefined): void =>
      this.#state.record(domain, hello ? { isModuleKnown: true, ...hello } : "no-module");
    return watchServerModule(domain, { runtime: this.#runtime, connection, known, onAnswer });
  }

  /** The module was unloaded when nobody answers for it: publishers must hear of that before they publish again. */
  #noteLostModule(iq: XmlDraft, error: unknown): void {
    const isForModule = iq.children?.some((each) => typeof each === "object" && isOfModule(each)) ?? false;
    if (!isForModule || !(error instanceof GatewayError) || error.code !== "xmpp-iq-service-unavailable") return;
    const to = iq.attributes?.["to"] ?? "";
    const domain = this.#state.domains.find((each) => to === each || to.endsWith(`@${each}`));
    if (domain) this.#state.record(domain, "no-module");
  }

  #receive(connection: Connection, stanza: Stanza): void {
    connection.heard++;
    const { name } = stanza.element;
    if (name === "presence") this.#dispatch.tell("presence", stanza);
    else if (name === "message") this.#receiveMessage(stanza);
    else if (name === "iq") this.#receiveIq(connection, stanza);
  }

  #receiveMessage(stanza: Stanza): void {
    const domain = this.#state.domains.find((each) => each === stanza.from);
    const advert = domain && decodeAdvert(stanza);
    if (advert) this.#state.record(domain, { advert });
    else this.#dispatch.tell("message", stanza);
  }

  #receiveIq(connection: Connection, stanza: Stanza): void {
    if (connection.settle(stanza)) return;
    if (elementsOf(stanza.element).length !== 1 || (stanza.type !== "get" && stanza.type !== "set")) return;
    // A reply that cannot be sent is of no use to anybody any more: the connection is gone.
    void this.#dispatch.answer(stanza).then((reply) => connection.send(reply).catch(() => undefined));
  }
}

const isOfModule = (child: XmlDraft): boolean => child.attributes?.["xmlns"] === NS.serverModule;
