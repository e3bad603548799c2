import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { HttpStatusError } from "../shared-http/http-head.ts";
import { CredentialGuard } from "../shared-microsoft/credential-guard.ts";
import { RequestLimiter, type Urgency } from "../shared-microsoft/request-limiter.ts";
import { concernsMailbox, ewsError, isEwsError } from "./ews-errors.ts";
import { defaultCeiling, FIRST_LIMIT } from "./request-ceiling.ts";
import type { AnswerDecoder } from "./soap-answer.ts";
import { REQUEST_VERSIONS, type RequestVersion } from "./soap-request.ts";
import { SubscriptionGate } from "./subscription-gate.ts";
import type { EwsAnswer, EwsRequest, EwsTransport } from "./transport.ts";

/** One operation of EWS: how it is written for a request version, and a fresh decoder for each answer. */
export interface Operation<Content> {
  readonly encode: (version: RequestVersion) => EwsRequest;
  readonly decoder: () => AnswerDecoder<Content>;
  /** True of Subscribe: what it makes is limited (EWSMaxSubscriptions). */
  readonly isSubscribe?: boolean;
}

/** What a client is made of. */
export interface ClientOptions {
  readonly host: string;
  readonly transport: EwsTransport;
  readonly runtime: Runtime;
  readonly threads: () => number;
  readonly longestQueue: () => number;
  /** Told of every request's outcome, for the health. */
  readonly onOutcome: (error: GatewayError | undefined) => void;
}

/** "Server busy" in its three forms: ErrorServerBusy and its like, HTTP 429, HTTP 503 of IIS. */
const isRefusal = (error: unknown): error is GatewayError =>
  isEwsError(error, "ews-throttled") ||
  (isEwsError(error, "ews-unavailable") && error.cause instanceof HttpStatusError && error.cause.status === 503);

/** No connection, HTTP 502 or 504, or no answer: as of a server that is down or just starting. */
const isOutage = (error: unknown): boolean => isEwsError(error, "ews-unavailable", "ews-timeout");

/** Calls operations: limits them, spares the account, finds the version that the server speaks. */
export class EwsClient {
  readonly host: string;
  readonly #options: ClientOptions;
  readonly #guard: CredentialGuard;
  readonly #limiter: RequestLimiter;
  readonly #gate: SubscriptionGate;
  #version: RequestVersion = "Exchange2013_SP1";
  /** `15.2.1544`; undefined until the server has said it. */
  serverVersion: string | undefined;

  constructor(options: ClientOptions) {
    this.host = options.host;
    this.#options = options;
    this.#guard = new CredentialGuard((text, retryAfter) =>
      ewsError("ews-unauthorized", `${options.host}: ${text}`, { retryAfter }),
    );
    this.#gate = new SubscriptionGate(options.host);
    this.#limiter = new RequestLimiter({
      host: options.host,
      clock: options.runtime.clock,
      random: () => options.runtime.random(),
      // Until the password is proven one request is enough: ten at once would be ten refusals of one account.
      ceiling: () => (this.#guard.isProven ? Math.min(options.threads(), defaultCeiling(this.serverVersion)) : 1),
      longestQueue: options.longestQueue,
      first: FIRST_LIMIT,
      queueFull: (text) => ewsError("ews-queue-full", text),
      paused: (text, retryAfter) => ewsError("ews-throttled", text, { retryAfter }),
      isRefusal,
      isOutage,
    });
  }

  /** The request version in use. */
  get requestVersion(): RequestVersion {
    return this.#version;
  }

  /** True once the server took the password, and until it refuses it. */
  get isProven(): boolean {
    return this.#guard.isProven;
  }

  /** How the account logs in, in words; undefined until the server has been asked. */
  get loginName(): string | undefined {
    return this.#options.transport.loginName;
  }

  /** Requests that run and wait, and the limit. */
  get load(): RequestLimiter["load"] {
    return this.#limiter.load;
  }

  /** One protocol exchange, when the limiter allows; rejects with GatewayError or the signal's reason. */
  async call<Content>(
    operation: Operation<Content>,
    urgency: Urgency,
    signal: AbortSignal,
  ): Promise<EwsAnswer<Content>> {
    const exchange = () => this.#limiter.run(() => this.#gated(operation, signal), urgency, signal);
    return this.#steppingDown(exchange);
  }

  /** One protocol exchange at once and whatever was refused before: only when an administrator asks. */
  async tryNow<Content>(operation: Operation<Content>, signal: AbortSignal): Promise<EwsAnswer<Content>> {
    return this.#steppingDown(() => this.#exchange(operation, signal, "unguarded"));
  }

  /** An endless answer; not limited, for streaming has a budget of its own (HangingConnectionLimit), but pauses hold. */
  async *stream(encode: Operation<never>["encode"], signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    for (;;) {
      const asked = this.#version;
      try {
        await this.#limiter.untilPauseIsOver(signal);
        this.#guard.check(this.#options.runtime.clock.now());
        yield* this.#options.transport.stream(encode(asked), signal);
        return;
      } catch (error) {
        if (isEwsError(error, "ews-version-refused") && this.#stepDown(asked)) continue; // nothing came before that
        if (!signal.aborted) {
          this.#recordError(error);
          this.#limiter.noteFailure(error);
        }
        throw error;
      }
    }
  }

  /** Rejects all that wait. */
  close(reason: GatewayError): void {
    this.#limiter.close(reason);
  }

  async #gated<Content>(operation: Operation<Content>, signal: AbortSignal): Promise<EwsAnswer<Content>> {
    if (!operation.isSubscribe) return this.#exchange(operation, signal, "guarded");
    const { clock } = this.#options.runtime;
    this.#gate.check(clock.now());
    try {
      const answer = await this.#exchange(operation, signal, "guarded");
      this.#gate.accepted();
      return answer;
    } catch (error) {
      if (isEwsError(error, "ews-subscription-limit")) this.#gate.refused(clock.now(), this.serverVersion);
      throw error;
    }
  }

  async #steppingDown<Content>(exchange: () => Promise<EwsAnswer<Content>>): Promise<EwsAnswer<Content>> {
    for (;;) {
      const asked = this.#version;
      try {
        return await exchange();
      } catch (error) {
        if (!isEwsError(error, "ews-version-refused") || !this.#stepDown(asked)) throw error;
      }
    }
  }

  /** False when there is no older version; another request may have stepped down meanwhile. */
  #stepDown(refused: RequestVersion): boolean {
    if (this.#version !== refused) return true;
    const older = REQUEST_VERSIONS[REQUEST_VERSIONS.indexOf(refused) + 1];
    if (!older) return false;
    this.#version = older;
    this.#options.runtime.log.info("ews.version-stepped-down", { host: this.host, version: older });
    return true;
  }

  async #exchange<Content>(
    { encode, decoder }: Operation<Content>,
    signal: AbortSignal,
    protection: "guarded" | "unguarded",
  ): Promise<EwsAnswer<Content>> {
    const request = encode(this.#version); // what cannot be written for this version says nothing of the server's condition
    try {
      if (protection === "guarded") this.#guard.check(this.#options.runtime.clock.now());
      const answer = await this.#options.transport.post(request, decoder(), signal);
      this.serverVersion = answer.serverVersion ?? this.serverVersion;
      this.#recordAnswer();
      return answer;
    } catch (error) {
      if (!signal.aborted) this.#recordError(error);
      throw error;
    }
  }

  #recordAnswer(): void {
    this.#guard.accepted();
    this.#options.onOutcome(undefined);
  }

  #recordError(error: unknown): void {
    if (concernsMailbox(error)) {
      this.#recordAnswer();
      return;
    }
    // The guard's own errors have no cause: only what the server says counts as a refusal.
    if (isEwsError(error, "ews-unauthorized") && error.cause instanceof HttpStatusError) {
      this.#guard.refused(this.#options.runtime.clock.now());
    }
    this.#options.onOutcome(toGatewayError(error));
  }
}
