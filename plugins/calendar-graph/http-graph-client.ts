import { seconds } from "../../src/lib/time.ts";
import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { parseLimitedJson } from "../shared-http/limited-json.ts";
import { type WebAnswer, type WebClient, WebError } from "../shared-http/web-client.ts";
import { RequestLimiter, type Urgency } from "../shared-microsoft/request-limiter.ts";
import type { TokenSource } from "../shared-microsoft/token-source.ts";
import { answerError } from "./answer-errors.ts";
import type { GraphAnswer, GraphRequest, LimitedGraphClient } from "./graph-client.ts";
import { concernsMailbox, GRAPH_FAILURES, graphError, isGraphError } from "./graph-errors.ts";

/** What a client is made of. */
export interface HttpGraphClientOptions {
  /** Origin of Microsoft Graph. */
  readonly graph: URL;
  readonly web: WebClient;
  readonly tokens: TokenSource;
  readonly runtime: Runtime;
  /** Most requests at once. */
  readonly ceiling: () => number;
  readonly longestQueue: () => number;
  /** Told of every request's outcome, for the health. */
  readonly onOutcome: (error: GatewayError | undefined) => void;
}

// Microsoft documents four at a time for an application, whatever the mailbox (2023, 2024).
const FIRST_LIMIT = 4;
// A hundred calendars of a thousand entries with subjects, as sharing settings may allow.
const LIMITS = { timeout: seconds(20), maxBytes: 32 * 1024 * 1024 };

const isRefusal = (error: unknown): error is GatewayError => isGraphError(error, "graph-throttled");

const isOutage = (error: unknown): boolean => isGraphError(error, "graph-unavailable", "graph-timeout");

/** Microsoft Graph v1.0 over HTTP. */
export class HttpGraphClient implements LimitedGraphClient {
  readonly host: string;
  readonly #options: HttpGraphClientOptions;
  readonly #limiter: RequestLimiter;

  constructor(options: HttpGraphClientOptions) {
    const { graph, runtime, ceiling, longestQueue } = options;
    this.host = graph.host;
    this.#options = options;
    this.#limiter = new RequestLimiter({
      host: graph.host,
      clock: runtime.clock,
      random: () => runtime.random(),
      ceiling,
      longestQueue,
      first: FIRST_LIMIT,
      // Graph often asks for one second for ever, or does not say.
      isGrowing: true,
      isRefusal,
      isOutage,
      queueFull: (text) => graphError("graph-queue-full", text),
      paused: (text, retryAfter) => graphError("graph-throttled", text, { retryAfter }),
    });
  }

  /** Requests that run and wait, and the limit. */
  get load(): RequestLimiter["load"] {
    return this.#limiter.load;
  }

  call(request: GraphRequest, urgency: Urgency, signal: AbortSignal): Promise<GraphAnswer> {
    return this.#limiter.run(() => this.#recorded(request, signal), urgency, signal);
  }

  /** One exchange at once, whatever waits: only when an administrator asks. */
  tryNow(request: GraphRequest, signal: AbortSignal): Promise<GraphAnswer> {
    return this.#recorded(request, signal);
  }

  noteFailure(error: GatewayError): void {
    this.#limiter.noteFailure(error);
  }

  /** Rejects all that wait. */
  close(reason: GatewayError): void {
    this.#limiter.close(reason);
  }

  async #recorded(request: GraphRequest, signal: AbortSignal): Promise<GraphAnswer> {
    const { onOutcome } = this.#options;
    try {
      const answer = await this.#exchange(request, signal);
      onOutcome(undefined);
      return answer;
    } catch (error) {
      const isOfOne = concernsMailbox(error) || isGraphError(error, "graph-batch-too-big");
      if (!signal.aborted && !request.isAside) onOutcome(isOfOne ? undefined : toGatewayError(error));
      throw error;
    }
  }

  /** A token that is refused is replaced once: it may have been revoked before its time. */
  async #exchange(request: GraphRequest, signal: AbortSignal): Promise<GraphAnswer> {
    const { tokens } = this.#options;
    const token = await tokens.token(signal);
    const first = await this.#send(request, token, signal);
    if (first.status !== 401) return this.#read(first);
    tokens.refuse(token);
    const fresh = await tokens.token(signal);
    return this.#read(fresh === token ? first : await this.#send(request, fresh, signal));
  }

  async #send(request: GraphRequest, token: string, signal: AbortSignal): Promise<WebAnswer> {
    const { graph, web } = this.#options;
    const { method, path, body } = request;
    const headers = {
      accept: "application/json",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...request.headers,
      authorization: `Bearer ${token}`,
    };
    const text = body === undefined ? undefined : JSON.stringify(body);
    try {
      return await web.send({ method, url: new URL(`/v1.0${path}`, graph), headers, body: text }, LIMITS, signal);
    } catch (error) {
      if (!(error instanceof WebError)) throw error;
      throw graphError(GRAPH_FAILURES[error.failure], error.message, { cause: error });
    }
  }

  #read(answer: WebAnswer): GraphAnswer {
    const { status, text } = answer;
    if (status < 200 || status >= 300) throw answerError(answer, this.host);
    if (text === "") return { status, body: undefined };
    const body = parseLimitedJson(text);
    if (body === undefined) throw graphError("graph-bad-answer", `${this.host}: the answer is not JSON`);
    return { status, body };
  }
}
