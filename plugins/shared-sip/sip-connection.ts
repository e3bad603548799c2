import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { Broadcast } from "../../src/lib/broadcast.ts";
import { type Instant, milliseconds, seconds } from "../../src/lib/time.ts";
import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { connectionProblem } from "../shared-http/connection-problems.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { type ComposeOptions, ComposeRequest, type RequestDraft } from "./compose-request.ts";
import type { DigestUser } from "./digest.ts";
import { DigestSession, DigestTries } from "./digest-session.ts";
import { IncomingRequests, type RequestHandler } from "./incoming-requests.ts";
import {
  locateServers,
  type ResolveSrv,
  type ServerName,
  type SipHop,
  type SipTransportName,
} from "./locate-servers.ts";
import { openTransport } from "./open-transport.ts";
import { ReceivedResponse } from "./received-response.ts";
import { sipError } from "./sip-errors.ts";
import { type FinalResponse, SipLink } from "./sip-link.ts";
import type { SipHeader, SipRequest, SipResponse, SipServer } from "./sip-server.ts";
import type { StreamSecurity } from "./stream-transport.ts";

/** Where the server is and who the gateway is to it. */
export interface SipConnectionOptions extends ComposeOptions {
  readonly servers: readonly ServerName[];
  readonly transport: SipTransportName;
  readonly account: DigestUser | undefined;
  readonly security: StreamSecurity;
  readonly resolveSrv?: ResolveSrv | undefined;
}

/** How a request goes out: the first time, or again with a login. */
interface Sending {
  readonly login: readonly SipHeader[];
  readonly attempt: number;
}

const RECONNECT: BackoffPolicy = { first: milliseconds(500), longest: seconds(30) };
const LONGEST_CONNECT = seconds(10);
/** RFC 3261 18.1.1: what is longer must not go by UDP, since it may be cut into fragments. */
const LONGEST_DATAGRAM = 1300;

/** How the connection is. */
export interface SipCondition {
  /** `host:port` and since when; undefined while there is none. */
  readonly connected: { readonly server: string; readonly since: Instant } | undefined;
  /** Why there is none, or why the last one ended. */
  readonly lastError: GatewayError | undefined;
  /** Messages that were dropped: answers to nothing of ours, and what is no message. */
  readonly dropped: number;
}

/** The lasting connection to one of the servers; made anew with growing pauses for as long as it runs. */
export class SipConnection implements SipServer {
  readonly #options: SipConnectionOptions;
  readonly #runtime: Runtime;
  readonly #digest: DigestSession;
  readonly #compose: ComposeRequest;
  readonly #incoming: IncomingRequests;
  readonly #runs = new Broadcast<string | undefined>();
  #lifetime: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();
  #link: SipLink | undefined;
  /** Beside a UDP link: for what is too long for it. */
  #stream: Promise<SipLink> | undefined;
  #hop: SipHop | undefined;
  /** The server that failed last: it is tried last. */
  #failed = "";
  #run: string | undefined;
  #since: Instant | undefined;
  #lastError: GatewayError | undefined;
  #dropped = 0;

  constructor(options: SipConnectionOptions, runtime: Runtime) {
    this.#options = options;
    this.#runtime = runtime;
    this.#digest = new DigestSession(options.account, () => runtime.uniqueId());
    this.#compose = new ComposeRequest(options, runtime.uniqueId());
    this.#incoming = new IncomingRequests(runtime);
  }

  /** Begins to connect, and goes on until `stop`. */
  start(): void {
    if (this.#lifetime) return;
    const lifetime = new AbortController();
    this.#lifetime = lifetime;
    this.#running = this.#stayConnected(lifetime.signal).catch((error: unknown) => {
      if (!lifetime.signal.aborted) throw error;
    });
  }

  /** Ends what is under way. Safe twice. */
  async stop(): Promise<void> {
    const error = sipError("sip-stopped", "the connection to the SIP server was ended");
    this.#lifetime?.abort(error);
    this.#lifetime = undefined;
    this.#link?.close(error);
    await this.#running;
  }

  get run(): string | undefined {
    return this.#run;
  }

  get contact(): string {
    const transport = this.#link?.transport;
    if (!transport) return "<sip:gateway@gateway.invalid>"; // RFC 2606: none yet
    return `<sip:gateway@${transport.localAddress}:${transport.localPort};transport=${transport.name}>`;
  }

  /** For health and status, from memory. */
  get condition(): SipCondition {
    const [hop, since] = [this.#hop, this.#since];
    const connected =
      this.#run !== undefined && hop && since !== undefined ? { server: nameOf(hop), since } : undefined;
    return { connected, lastError: this.#lastError, dropped: this.#dropped };
  }

  watchRun(signal: AbortSignal): AsyncIterable<string | undefined> {
    return this.#runs.read(() => [], signal);
  }

  onRequest(handler: RequestHandler): () => void {
    return this.#incoming.add(handler);
  }

  async request(request: SipRequest, signal: AbortSignal): Promise<SipResponse> {
    let tries: DigestTries | undefined;
    const draft = this.#compose.begin(request);
    for (let attempt = 0; ; attempt++) {
      const { clock } = this.#runtime;
      const login = this.#digest.authorize(draft.authorized, clock.now());
      const { message, status } = await this.#perform(draft, { login, attempt }, signal);
      if (status !== 401 && status !== 407) return new ReceivedResponse(message, status);
      tries ??= new DigestTries();
      this.#digest.accept(message, status, tries, clock.now());
    }
  }

  #perform(draft: RequestDraft, { login, attempt }: Sending, signal: AbortSignal): Promise<FinalResponse> {
    const link = this.#link;
    if (!link?.transport) throw this.#unreachable();
    const { identity, text } = draft.encode(link, login, attempt);
    if (link.transport.name !== "udp" || Buffer.byteLength(text) <= LONGEST_DATAGRAM)
      return link.perform(identity, text, signal);
    return this.#streamBeside(signal).then((stream = link) => {
      const long = draft.encode(stream, login, attempt);
      return stream.perform(long.identity, long.text, signal);
    });
  }

  #unreachable(): GatewayError {
    const why = this.#lastError?.message ?? "it is being connected";
    return sipError("sip-unreachable", `there is no connection to the SIP server: ${why}`, this.#lastError);
  }

  /** A TCP connection to the same server; undefined when there can be none: then UDP must do (RFC 3261 18.1.1). */
  async #streamBeside(signal: AbortSignal): Promise<SipLink | undefined> {
    const [hop, lifetime] = [this.#hop, this.#lifetime];
    if (!hop || !lifetime) throw this.#unreachable();
    this.#stream ??= this.#open("tcp", hop, lifetime.signal, () => {
      this.#stream = undefined;
    });
    try {
      return await this.#stream;
    } catch {
      signal.throwIfAborted();
      this.#stream = undefined;
      return undefined;
    }
  }

  async #stayConnected(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#runtime;
    for (let failures = 0; !signal.aborted; failures++) {
      let tellEnd: (error: GatewayError | undefined) => void = () => undefined;
      const end = new Promise<GatewayError | undefined>((resolve) => {
        tellEnd = resolve;
      });
      const link = await this.#connect(signal, tellEnd);
      if (link) {
        this.#lose(await end, signal);
        if (link.hasAnswered) failures = 0;
      }
      await clock.sleep(backoffDelay(RECONNECT, failures + 1, random()), signal);
    }
  }

  async #connect(signal: AbortSignal, ended: (error: GatewayError | undefined) => void): Promise<SipLink | undefined> {
    const { servers, transport, resolveSrv } = this.#options;
    const located = await locateServers(servers, transport, { random: this.#runtime.random, resolveSrv }, signal);
    const hops = [...located].sort((a, b) => Number(nameOf(a) === this.#failed) - Number(nameOf(b) === this.#failed));
    for (const hop of hops) {
      try {
        const link = await this.#open(transport, hop, signal, ended);
        this.#establish(link, hop);
        return link;
      } catch (error) {
        signal.throwIfAborted();
        this.#noteFailure(toSipError(error, hop));
      }
    }
    return undefined;
  }

  async #open(
    name: SipTransportName,
    hop: SipHop,
    signal: AbortSignal,
    ended: (error: GatewayError | undefined) => void,
  ): Promise<SipLink> {
    const link: SipLink = new SipLink(this.#runtime.clock, {
      request: (message) => void this.#incoming.answer(message, (text) => link.send(text)), // never rejects
      dropped: (why) => {
        this.#dropped++;
        this.#runtime.log.debug("sip.message-dropped", { why });
      },
      ended,
    });
    const deadline = new Deadline(this.#runtime.clock, signal);
    deadline.set(LONGEST_CONNECT, () => sipError("sip-unreachable", "the connection was not made within 10 seconds"));
    try {
      const { security } = this.#options;
      link.begin(await openTransport(name, { hop, security }, link.transportEvents, deadline.signal));
    } finally {
      deadline.end();
    }
    return link;
  }

  #establish(link: SipLink, hop: SipHop): void {
    this.#link = link;
    this.#hop = hop;
    this.#since = this.#runtime.clock.now();
    this.#runtime.log.info("sip.connected", { server: nameOf(hop), transport: this.#options.transport });
    this.#tell(this.#runtime.uniqueId());
  }

  #lose(error: GatewayError | undefined, signal: AbortSignal): void {
    this.#link = undefined;
    void this.#stream?.then(
      (stream) => stream.close(this.#unreachable()),
      () => undefined,
    );
    this.#stream = undefined;
    if (error && !signal.aborted) {
      this.#failed = this.#hop ? nameOf(this.#hop) : "";
      this.#noteFailure(error);
    }
    this.#tell(undefined);
  }

  #noteFailure(error: GatewayError): void {
    const { log } = this.#runtime;
    if (this.#lastError?.message !== error.message || this.#run !== undefined)
      log.warn("sip.connection-failed", { code: error.code, message: error.message });
    this.#lastError = error;
  }

  #tell(run: string | undefined): void {
    if (run === this.#run) return;
    this.#run = run;
    this.#runs.push(run);
  }
}

const nameOf = ({ host, port }: SipHop): string => `${host}:${port}`;

function toSipError(error: unknown, hop: SipHop): GatewayError {
  const known = toGatewayError(error);
  if (known === error) return known;
  const { kind, text } = connectionProblem(error);
  return sipError(kind === "tls" ? "sip-tls-refused" : "sip-unreachable", `${nameOf(hop)}: ${text}`, error);
}
