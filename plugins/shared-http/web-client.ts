import { Agent, type buildConnector, type Dispatcher } from "undici";
import { type Milliseconds, seconds } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { connectionProblem } from "./connection-problems.ts";
import { Deadline } from "./deadline.ts";
import { headerOf } from "./http-head.ts";
import { orAborted } from "./or-aborted.ts";
import { ProxyError, type ProxyFailure } from "./proxy-tunnel.ts";

/** One HTTP request with a text for a body. */
export interface WebRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** How long an exchange may take, and how much of an answer is read. */
export interface WebLimits {
  readonly timeout: Milliseconds;
  readonly maxBytes: number;
}

/** An answer, read to its end. */
export interface WebAnswer {
  readonly status: number;
  /** The header's value, its first where there are more; the name in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly text: string;
}

/** Sends requests to any host. */
export interface WebClient {
  /** One exchange; rejects with WebError or the signal's reason. */
  send(request: WebRequest, limits: WebLimits, signal: AbortSignal): Promise<WebAnswer>;
  /** Ends all connections; requests that run are rejected with the reason. */
  close(reason: Error): Promise<void>;
}

/** Why there is no answer. */
export type WebFailure = "tls" | "protocol" | "network" | "timeout" | "too-large" | `proxy-${ProxyFailure}`;

/** No answer came; the text names the host and holds no secret. */
export class WebError extends Error {
  override readonly name = "WebError";
  readonly failure: WebFailure;

  constructor(failure: WebFailure, text: string, cause?: unknown) {
    super(text, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}

/** What a client is made of. */
export interface WebClientOptions {
  /** Makes connections to servers that are trusted. */
  readonly connect: buildConnector.connector;
  readonly clock: Clock;
  /** Most connections to one host. */
  readonly connections: number;
}

// Longer than the gateway's bursts, shorter than what load balancers usually close idle connections after.
const KEEP_ALIVE = seconds(20);

/** Keeps connections to each host, one request a connection; redirects are answers like others. */
export class UndiciWebClient implements WebClient {
  readonly #agent: Agent;
  readonly #clock: Clock;

  constructor({ connect, clock, connections }: WebClientOptions) {
    this.#agent = new Agent({
      connect,
      connections,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE,
      keepAliveMaxTimeout: KEEP_ALIVE,
      // The deadline below counts, by the gateway's own clock.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#clock = clock;
  }

  async send(request: WebRequest, limits: WebLimits, signal: AbortSignal): Promise<WebAnswer> {
    signal.throwIfAborted();
    const { host } = request.url;
    const { timeout, maxBytes } = limits;
    const deadline = new Deadline(this.#clock, signal);
    const late = () => new WebError("timeout", `${host}: no answer within ${timeout / 1000} s`);
    deadline.set(timeout, late);
    try {
      // undici hears of an abort only once it is connected, and a connection may take its time.
      const response = await orAborted(this.#dispatch(request, deadline.signal), deadline.signal);
      const text = await readText(response, host, maxBytes);
      return { status: response.statusCode, header: (name) => headerOf(response, name), text };
    } catch (error) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw error instanceof WebError ? error : translate(error, host);
    } finally {
      deadline.end();
    }
  }

  close(reason: Error): Promise<void> {
    return this.#agent.destroy(reason);
  }

  #dispatch({ method, url, headers, body }: WebRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers: { "user-agent": "presence-gateway", ...headers },
      body: body ?? null,
      signal,
    });
  }
}

async function readText(response: Dispatcher.ResponseData, host: string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    if (!(chunk instanceof Uint8Array)) continue; // undici types them loosely
    length += chunk.length;
    if (length > maxBytes) throw new WebError("too-large", `${host}: the answer is larger than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function translate(error: unknown, host: string): WebError {
  if (error instanceof ProxyError) {
    const text = `${host}: the proxy ${error.proxy} cannot be used: ${error.message}`;
    return new WebError(`proxy-${error.failure}`, text, error);
  }
  const { kind, text } = connectionProblem(error);
  return new WebError(kind, `${host}: ${text}`, error);
}
