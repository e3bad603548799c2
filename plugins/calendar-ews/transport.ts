import type { Dispatcher } from "undici";
import { type Milliseconds, minutes } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { headOf } from "../shared-http/http-head.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import type { HttpRequest } from "../shared-microsoft/login-connection.ts";
import { connectionError, headError } from "./connection-errors.ts";
import { ewsError } from "./ews-errors.ts";
import { forbiddenError, LONGEST_REFUSAL } from "./forbidden.ts";
import type { HttpClient } from "./login/ews-login.ts";
import { type AnswerDecoder, answerDecoder, messagesOnly } from "./soap-answer.ts";

/** One request: the SOAP envelope, and HTTP headers for affinity. */
export interface EwsRequest {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer and what came beside it. */
export interface EwsAnswer<Content> {
  readonly content: Content;
  readonly serverVersion: string | undefined;
  /** `name=value; name=value` of all cookies set. */
  readonly cookies: string;
}

/** Where and as whom. */
export interface TransportOptions {
  readonly url: URL;
  readonly client: HttpClient;
  /** True where an application calls (OAuth). */
  readonly isApplication: boolean;
  readonly clock: Clock;
  /** How long a request may take, asked each time. */
  readonly timeout: () => Milliseconds;
}

// Exchange sends a sign of life about every minute over a notification connection (interval not documented).
const LONGEST_SILENCE = minutes(3);
// A refusal's page is read to its end so that the connection can be used again, if it is not longer than this.
const MAX_DUMP = 64 * 1024;

/** Sends requests over keep-alive connections as the account, one request a connection. Throws GatewayError. */
export class EwsTransport {
  readonly #options: TransportOptions;
  readonly #client: HttpClient;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#client = options.client;
  }

  /** How the account logs in, in words; undefined until the server has been asked. */
  get loginName(): string | undefined {
    return this.#client.loginName;
  }

  /** One request and its whole answer, within the time that a request may take. */
  async post<Content>(
    request: EwsRequest,
    decoder: AnswerDecoder<Content>,
    signal: AbortSignal,
  ): Promise<EwsAnswer<Content>> {
    const deadline = this.#startDeadline(signal);
    try {
      const response = await this.#send(request, deadline.signal);
      for await (const chunk of chunks(response)) decoder.write(chunk);
      const content = decoder.end();
      return { content, serverVersion: decoder.serverVersion, cookies: readCookies(response) };
    } catch (error) {
      throw this.#translate(error, deadline.signal);
    } finally {
      deadline.end();
    }
  }

  /** One request and its endless answer; ends with the server's, rejects when the connection is lost or silent. */
  async *stream(request: EwsRequest, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const deadline = this.#startDeadline(signal);
    try {
      const response = await this.#send(request, deadline.signal);
      if (response.statusCode !== 200) await this.#readFault(response);
      const isSilent = (): GatewayError =>
        ewsError("ews-stream-silent", `${this.#host}: nothing was heard for 3 minutes on a notification connection`);
      deadline.set(LONGEST_SILENCE, isSilent);
      for await (const chunk of chunks(response)) {
        deadline.set(LONGEST_SILENCE, isSilent);
        yield chunk;
      }
    } catch (error) {
      throw this.#translate(error, deadline.signal);
    } finally {
      deadline.end();
    }
  }

  /** Ends all connections; requests that run are rejected. */
  close(): Promise<void> {
    return this.#client.destroy(ewsError("ews-stopped", `${this.#host}: the connection was stopped`));
  }

  get #host(): string {
    return this.#options.url.host;
  }

  #startDeadline(signal: AbortSignal): Deadline {
    const deadline = new Deadline(this.#options.clock, signal);
    const length = this.#options.timeout();
    deadline.set(length, () => ewsError("ews-timeout", `${this.#host}: no answer within ${length / 1000} s`));
    return deadline;
  }

  async #send({ body, headers }: EwsRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { url } = this.#options;
    const request: HttpRequest = {
      method: "POST",
      path: url.pathname + url.search,
      headers: {
        ...headers,
        "content-type": "text/xml; charset=utf-8",
        accept: "text/xml",
        "user-agent": "presence-gateway",
      },
      body,
    };
    // undici hears of an abort only once it is connected, and a connection may take its time.
    const response = await orAborted(this.#client.request(request, signal), signal);
    const error = headError(headOf(response), this.#host);
    if (!error) return response;
    if (response.statusCode === 403) throw await this.#readRefusal(response);
    await response.body.dump({ limit: MAX_DUMP, signal });
    throw error;
  }

  async #readRefusal(response: Dispatcher.ResponseData): Promise<GatewayError> {
    let body = "";
    for await (const chunk of chunks(response)) {
      body += Buffer.from(chunk).toString("latin1"); // what is looked for is ASCII
      if (body.length >= LONGEST_REFUSAL) break;
    }
    const answer = { diagnostics: response.headers["x-ms-diagnostics"], body };
    return forbiddenError(answer, this.#host, this.#options);
  }

  async #readFault(response: Dispatcher.ResponseData): Promise<never> {
    const decoder = answerDecoder(
      this.#host,
      messagesOnly(() => undefined),
      () => undefined,
    );
    for await (const chunk of chunks(response)) decoder.write(chunk);
    decoder.end();
    throw ewsError("ews-fault", `${this.#host}: the server answered HTTP ${response.statusCode}`);
  }

  #translate(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    return error instanceof GatewayError ? error : connectionError(error, this.#host);
  }
}

/** The bytes of a body; undici types them loosely. */
async function* chunks(response: Dispatcher.ResponseData): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of response.body) if (chunk instanceof Uint8Array) yield chunk;
}

// Affinity cookies are some 100 bytes; a server that sends more than this has them left out.
const MAX_COOKIES = 4096;

function readCookies({ headers }: Dispatcher.ResponseData): string {
  const values = headers["set-cookie"] ?? [];
  const pairs = (typeof values === "string" ? [values] : values).map((value) => value.split(";", 1)[0]?.trim() ?? "");
  const cookies = pairs.filter((pair) => /^[^\s=,;]+=[\x21-\x7E]*$/.test(pair)).join("; ");
  return cookies.length > MAX_COOKIES ? "" : cookies;
}
