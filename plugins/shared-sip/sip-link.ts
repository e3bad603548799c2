import { type Instant, instant, milliseconds, plus, seconds } from "../../src/lib/time.ts";
import { AbortListeners } from "../../src/ports/abort-listeners.ts";
import { after } from "../../src/ports/after.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { connectionProblem } from "../shared-http/connection-problems.ts";
import {
  type ClientTransaction,
  ClientTransactions,
  type TransactionEnd,
  type Unmatched,
} from "./client-transactions.ts";
import { sipError } from "./sip-errors.ts";
import type { SipMessage } from "./sip-message.ts";
import type { SipTransport, SipTransportEvents } from "./sip-transport.ts";

/** Fine enough for timer E, which begins with 500 ms. */
const TICK = milliseconds(100);
/** RFC 5626 4.4.1: 95 to 120 s apart for streams; shorter, since a server that answers to it is then known to live. */
const PING_EVERY = seconds(30);
/** RFC 5626 4.4.1: without a pong after 10 s the connection is dead. */
const PONG_WITHIN = seconds(10);
/** A server that has left so many requests unanswered, and answered none meanwhile, is gone. */
const MOST_TIMEOUTS = 3;

/** A final response. */
export interface FinalResponse {
  readonly message: SipMessage;
  readonly status: number;
}

/** What a request is known by while it is under way. */
export type RequestIdentity = Pick<ClientTransaction, "branch" | "method" | "cseq" | "callId" | "fromTag">;

/** What a link tells. */
export interface SipLinkEvents {
  request(message: SipMessage): void;
  dropped(why: Unmatched | "garbage"): void;
  /** Called once; the cause is absent when it was closed by us. */
  ended(cause: GatewayError | undefined): void;
}

/**
 * One transport with the requests under way on it. Their timers run on ticks of the clock's sleep, so that setting the
 * machine's clock ends none.
 */
export class SipLink {
  readonly #clock: Clock;
  readonly #events: SipLinkEvents;
  readonly #transactions = new ClientTransactions<PendingRequest>();
  readonly #aborts = new AbortListeners();
  #transport: SipTransport | undefined;
  #elapsed: Instant = instant(0);
  #cancelTick: (() => void) | undefined;
  #cancelPing: (() => void) | undefined;
  #timeouts = 0;
  #heardAnything = false;
  #pongs = 0;
  #hasEnded = false;

  constructor(clock: Clock, events: SipLinkEvents) {
    this.#clock = clock;
    this.#events = events;
  }

  /** What the transport is to tell its events. */
  readonly transportEvents: SipTransportEvents = {
    message: (message) => this.#take(message),
    garbage: () => this.#events.dropped("garbage"),
    pong: () => {
      this.#pongs++;
    },
    closed: (cause) => this.#end(lossOf(cause)),
  };

  /** Begins; what is sent goes by this transport. */
  begin(transport: SipTransport): void {
    this.#transport = transport;
    if (this.#hasEnded) transport.close();
    else if (transport.name !== "udp") this.#planPing();
  }

  /** True when any request was ever answered: the server is one. */
  get hasAnswered(): boolean {
    return this.#heardAnything;
  }

  /** True until the end. */
  get isOpen(): boolean {
    return !this.#hasEnded;
  }

  /** The transport; undefined before `begin`. */
  get transport(): SipTransport | undefined {
    return this.#transport;
  }

  /** Sends the request and waits for its final response. Rejects `sip-timeout`, `sip-unreachable`, or as the signal. */
  perform(identity: RequestIdentity, text: string, signal: AbortSignal): Promise<FinalResponse> {
    return new Promise((resolve, reject) => {
      const transport = this.#transport;
      if (!transport || this.#hasEnded) throw sipError("sip-unreachable", "there is no connection to the SIP server");
      signal.throwIfAborted();
      const retransmit = transport.name === "udp" ? sendAgain(transport, text) : undefined;
      const pending = new PendingRequest(identity, retransmit, { resolve, reject, timeout: this.#noteTimeout });
      pending.release = this.#aborts.add(signal, () => {
        this.#transactions.delete(identity.branch);
        pending.fail(signal.reason);
      });
      this.#transactions.add(pending, this.#elapsed);
      transport.send(text);
      this.#keepTicking();
    });
  }

  /** Sends what has no answer. */
  send(text: string): void {
    this.#transport?.send(text);
  }

  /** Ends all that is under way with the error. */
  close(error: GatewayError): void {
    this.#end(error, "ours");
  }

  #take(message: SipMessage): void {
    if (!message.isResponse) {
      this.#events.request(message);
      return;
    }
    const why = this.#transactions.receive(message, this.#elapsed);
    if (why) this.#events.dropped(why);
    else {
      this.#timeouts = 0;
      this.#heardAnything = true;
    }
  }

  readonly #noteTimeout = (): GatewayError => {
    const error = sipError("sip-timeout", "the SIP server did not answer within 32 seconds");
    if (++this.#timeouts >= MOST_TIMEOUTS) this.#end(error);
    return error;
  };

  #keepTicking(): void {
    this.#cancelTick ??= after(this.#clock, TICK, () => {
      this.#cancelTick = undefined;
      this.#elapsed = plus(this.#elapsed, TICK);
      this.#transactions.tick(this.#elapsed);
      if (this.#transactions.size > 0 && !this.#hasEnded) this.#keepTicking();
    });
  }

  /** A server that has answered one ping must answer the next ones; others are not asked for it. */
  #planPing(): void {
    this.#cancelPing = after(this.#clock, PING_EVERY, () => {
      const before = this.#pongs;
      this.#transport?.ping();
      if (before === 0) {
        this.#planPing();
        return;
      }
      this.#cancelPing = after(this.#clock, PONG_WITHIN, () => {
        if (this.#pongs > before) this.#planPing();
        else this.#end(sipError("sip-unreachable", "the SIP server has stopped answering pings"));
      });
    });
  }

  #end(error: GatewayError, cause?: "ours"): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cancelTick?.();
    this.#cancelPing?.();
    this.#transport?.close();
    for (const pending of this.#transactions.clear()) pending.fail(error);
    this.#events.ended(cause === "ours" ? undefined : error);
  }
}

/** What becomes of a request. */
interface Outcome {
  resolve(response: FinalResponse): void;
  reject(error: unknown): void;
  /** Notes that there was no answer, and says so. */
  timeout(): GatewayError;
}

/** A request whose caller waits: one of thousands a second, so it is an object and no bundle of closures. */
class PendingRequest implements ClientTransaction {
  readonly branch: string;
  readonly method: string;
  readonly cseq: number;
  readonly callId: string;
  readonly fromTag: string;
  readonly retransmit: (() => void) | undefined;
  #outcome: Outcome | undefined;
  /** Lets go of the caller's signal. */
  release: () => void = DETACHED;

  constructor(identity: RequestIdentity, retransmit: (() => void) | undefined, outcome: Outcome) {
    this.branch = identity.branch;
    this.method = identity.method;
    this.cseq = identity.cseq;
    this.callId = identity.callId;
    this.fromTag = identity.fromTag;
    this.retransmit = retransmit;
    this.#outcome = outcome;
  }

  end(end: TransactionEnd): void {
    if (end === "timeout") this.fail(this.#outcome?.timeout());
    else this.#finish()?.resolve({ message: end.response, status: end.status });
  }

  fail(error: unknown): void {
    this.#finish()?.reject(error);
  }

  /**
   * Nothing of what was sent, nor of who waits, stays with what may be held on to until garbage is collected; the figures
   * are with AbortListeners.
   */
  #finish(): Outcome | undefined {
    const outcome = this.#outcome;
    this.release();
    this.release = DETACHED;
    this.#outcome = undefined;
    return outcome;
  }
}

/** A closure of its own: others that hold on to where it was made would hold the text, too. */
const sendAgain = (transport: SipTransport, text: string) => (): void => transport.send(text);

const DETACHED = (): void => undefined;

/** With TLS 1.3 a server that refuses our certificate says so only after the handshake. */
function lossOf(cause: unknown): GatewayError {
  const problem = cause === undefined ? undefined : connectionProblem(cause);
  const words = problem ? `: ${problem.text}` : "";
  const code = problem?.kind === "tls" ? "sip-tls-refused" : "sip-unreachable";
  return sipError(code, `the connection to the SIP server was lost${words}`, cause);
}
