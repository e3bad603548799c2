import { type Milliseconds, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { HttpStatusError, headerOf } from "../shared-http/http-head.ts";
import { retryAfterOf } from "../shared-http/retry-after.ts";
import { AccountClient, type AccountClientOptions, type LoginChoice } from "../shared-microsoft/account-client.ts";
import { exchangeProblem } from "../shared-microsoft/exchange-problem.ts";
import { drain, type HttpRequest } from "../shared-microsoft/login-connection.ts";
import { LoginConnections } from "../shared-microsoft/login-connections.ts";
import { LoginGate } from "../shared-microsoft/login-gate.ts";
import type { DavRequest } from "./dav-requests.ts";
import { FormsLogin, type HttpAnswer, LOGIN_TIMEOUT, wantsLogin } from "./forms-login.ts";
import { type DavResponse, multistatusDecoder } from "./multistatus.ts";
import { webdavError } from "./webdav-errors.ts";

/** `forms`: by the login page of Outlook Web Access. `auto` takes it where the server sends clients to that page. */
export type WebdavLogin = LoginChoice | "forms";

/** Where and as whom. */
export interface TransportOptions extends Omit<AccountClientOptions, "login" | "keepAlive"> {
  readonly login: WebdavLogin;
  /** How long a request may take, asked each time. */
  readonly timeout: () => Milliseconds;
}

/** How an answer is taken. */
export interface AnswerTerms {
  /** Statuses beside 200, 204 and 207 that are answers and no errors. */
  readonly takes: readonly number[];
  /** Whom errors name: the host, or a mailbox at the host. */
  readonly subject: string;
}

/** An answer that is no refusal. */
export interface DavAnswer {
  /** 200, 204 or 207, or one that the caller said it takes. */
  readonly status: number;
  readonly responses: readonly DavResponse[];
  /** The header's value; the name in lower case. */
  header(name: string): string | undefined;
}

// Longer than the gateway's bursts, shorter than what IIS 6 closes idle connections after (two minutes).
const KEEP_ALIVE = seconds(20);

/** Sends requests as the account, each within its time, and reads the answers. Throws GatewayError. */
export class WebdavTransport {
  readonly #options: TransportOptions;
  readonly #account: AccountClient | undefined;
  readonly #connections: LoginConnections;
  #forms: FormsLogin | undefined;

  constructor(options: TransportOptions) {
    const { url, account, password, login, connect, clock } = options;
    this.#options = options;
    if (login !== "forms") this.#account = new AccountClient({ ...options, login, keepAlive: KEEP_ALIVE });
    this.#connections = new LoginConnections({
      origin: url.origin,
      connector: connect,
      keepAlive: KEEP_ALIVE,
      identity: { account, password, version: "v2", target: `HTTP/${url.hostname}` },
      gate: new LoginGate(clock),
      clock,
    });
    if (login === "forms") this.#forms = this.#createForms();
  }

  /** How the account logs in, in words; undefined until the server has been asked. */
  get loginName(): string | undefined {
    return this.#forms ? "forms" : this.#account?.loginName;
  }

  /** One request and its answer. */
  async send(request: DavRequest, terms: AnswerTerms, signal: AbortSignal): Promise<DavAnswer> {
    const { clock, timeout } = this.#options;
    const deadline = new Deadline(clock, signal);
    const length = timeout();
    deadline.set(length, () => webdavError("webdav-timeout", `${this.#host}: no answer within ${length / 1000} s`));
    try {
      const response = await this.#login(withAgent(request), deadline.signal);
      return await this.#read(response, request, terms, deadline.signal);
    } catch (error) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      throw error instanceof GatewayError ? error : connectionError(error, this.#host);
    } finally {
      deadline.end();
    }
  }

  /** Ends all connections; requests that run are rejected. */
  async close(): Promise<void> {
    const error = webdavError("webdav-stopped", `${this.#host}: the connection was stopped`);
    await Promise.all([this.#account?.destroy(error), this.#connections.destroy(error)]);
  }

  get #host(): string {
    return this.#options.url.host;
  }

  #createForms(): FormsLogin {
    return new FormsLogin({ ...this.#options, connections: this.#connections });
  }

  async #login(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    if (!this.#forms && this.#account) {
      const response = await this.#account.request(request, signal);
      if (this.#options.login !== "auto" || !wantsLogin(response)) return response;
      await drain(response, signal);
    }
    this.#forms ??= this.#createForms();
    return this.#forms.request(request, signal);
  }

  async #read(
    response: HttpAnswer,
    { properties }: DavRequest,
    { takes, subject }: AnswerTerms,
    signal: AbortSignal,
  ): Promise<DavAnswer> {
    const { statusCode: status } = response;
    const header = (name: string): string | undefined => headerOf(response, name);
    if (status === 207) {
      const decoder = multistatusDecoder(this.#host, properties);
      for await (const chunk of response.body) if (chunk instanceof Uint8Array) decoder.write(chunk);
      return { status, responses: decoder.end(), header };
    }
    await drain(response, signal);
    if (status !== 200 && status !== 204 && !takes.includes(status)) throw this.#statusError(response, subject);
    return { status, responses: [], header };
  }

  #statusError(response: HttpAnswer, subject: string): GatewayError {
    const { statusCode: status } = response;
    const more = { cause: new HttpStatusError(status), ...retryAfterOf(headerOf(response, "retry-after")) };
    const text = `${subject}: the server answered HTTP ${status}`;
    // After a login these are about what the account may do.
    const isDenied = status === 403 || status === 401 || (status === LOGIN_TIMEOUT && this.#forms !== undefined);
    if (isDenied) return webdavError("webdav-no-access", text, more);
    if (wantsLogin(response)) return webdavError("webdav-login-not-offered", `${subject}: a login page`, more);
    if (status === 404) return webdavError("webdav-mailbox-not-found", text, more);
    const isElsewhere = (status >= 300 && status < 400) || status === 405 || status === 501;
    if (isElsewhere) return webdavError("webdav-wrong-url", text, more);
    if (status >= 500 || status === 429) return webdavError("webdav-unavailable", text, more);
    return webdavError("webdav-request-refused", text, more);
  }
}

const withAgent = ({ method, path, headers, body }: DavRequest): HttpRequest => ({
  method,
  path,
  headers: { ...headers, "user-agent": "presence-gateway" },
  body,
});

/** Translates an error of the connection to the host, or of the login on it. */
export function connectionError(error: unknown, host: string): GatewayError {
  const { kind, text, cause } = exchangeProblem(error);
  return webdavError(CODES[kind], `${host}: ${text}`, { cause });
}

const CODES = {
  tls: "webdav-tls",
  protocol: "webdav-bad-answer",
  network: "webdav-unavailable",
  "proxy-unavailable": "webdav-proxy-unavailable",
  "proxy-unauthorized": "webdav-proxy-unauthorized",
  "proxy-refused": "webdav-proxy-refused",
  "login-refused": "webdav-unauthorized",
  "login-not-offered": "webdav-login-not-offered",
  "login-interrupted": "webdav-login-interrupted",
  "login-bad-challenge": "webdav-bad-answer",
} as const;
