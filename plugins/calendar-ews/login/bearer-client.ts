import { type buildConnector, type Dispatcher, Pool } from "undici";
import type { Milliseconds } from "../../../src/lib/time.ts";
import { HttpStatusError } from "../../shared-http/http-head.ts";
import { drain, type HttpRequest } from "../../shared-microsoft/login-connection.ts";
import type { TokenSource } from "../../shared-microsoft/token-source.ts";
import { diagnosticsOf } from "../connection-errors.ts";
import { ewsError } from "../ews-errors.ts";

/** Where and with whose tokens. */
export interface BearerClientOptions {
  readonly url: URL;
  readonly connect: buildConnector.connector;
  readonly tokens: TokenSource;
  /** How long an idle connection is kept. */
  readonly keepAlive: Milliseconds;
}

/** Sends HTTP requests with bearer tokens (RFC 6750). A refused token is replaced once; the second refusal is told. */
export class BearerClient {
  readonly loginName = "OAuth";
  readonly #options: BearerClientOptions;
  readonly #pool: Pool;

  constructor(options: BearerClientOptions) {
    this.#options = options;
    const { url, connect, keepAlive } = options;
    this.#pool = new Pool(url.origin, {
      connect,
      pipelining: 1,
      keepAliveTimeout: keepAlive,
      keepAliveMaxTimeout: keepAlive,
      // Deadlines are the caller's; notification connections have no end of their own.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { tokens } = this.#options;
    const token = await tokens.token(signal);
    const first = await this.#send(request, token, signal);
    if (first.statusCode !== 401) return first;
    tokens.refuse(token);
    await drain(first, signal);
    const fresh = await tokens.token(signal);
    // A source that has no other to give knows why: asking again with the same one helps nobody.
    if (fresh === token) throw this.#refusal(first);
    const second = await this.#send(request, fresh, signal);
    if (second.statusCode !== 401) return second;
    tokens.refuse(fresh);
    await drain(second, signal);
    throw this.#refusal(second);
  }

  async destroy(error: Error): Promise<void> {
    await this.#pool.destroy(error);
  }

  #send({ method, path, headers, body }: HttpRequest, token: string, signal: AbortSignal) {
    // A header holds neither line ends nor controls; the token stays out of what undici would say of one that did.
    if (!/^[\x21-\x7E]+$/.test(token)) throw ewsError("ews-token-refused", `${this.#host}: the token is malformed`);
    return this.#pool.request({
      method,
      path,
      headers: { ...headers, authorization: `Bearer ${token}` },
      body,
      signal,
    });
  }

  #refusal(response: Dispatcher.ResponseData) {
    const reason = diagnosticsOf(response.headers["x-ms-diagnostics"]);
    const text = `${this.#host}: the token of the application was refused${reason && ` (${reason})`}`;
    return ewsError("ews-token-refused", text, { cause: new HttpStatusError(401) });
  }

  get #host(): string {
    return this.#options.url.host;
  }
}
