import type { buildConnector, Dispatcher } from "undici";
import type { Milliseconds } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { type HttpChallenge, parseHttpChallenges } from "./http-challenges.ts";
import { drain, type HttpRequest, type NtlmScheme } from "./login-connection.ts";
import { LoginConnections } from "./login-connections.ts";
import { LoginError } from "./login-error.ts";
import { LoginGate } from "./login-gate.ts";

/** `auto` takes the strongest login that the server offers: NTLMv2 before Basic. */
export type LoginChoice = "auto" | "basic" | "ntlm" | "ntlm-v1";

/** Where and as whom. */
export interface AccountClientOptions {
  readonly url: URL;
  /** `DOMAIN\user` or `user@domain`. */
  readonly account: string;
  readonly password: string;
  readonly login: LoginChoice;
  /** True for servers that need not be the right ones: the password is sent to those only that ask for a login. */
  readonly onlyWhenAsked?: boolean;
  /** Resumes no TLS session: a resumed one does not tell the server's certificate, to which an NTLM login has to be bound. */
  readonly connect: buildConnector.connector;
  /** How long an idle connection is kept. */
  readonly keepAlive: Milliseconds;
  readonly clock: Clock;
}

type Scheme = "basic" | NtlmScheme;

const WANTED: Readonly<Record<LoginChoice, readonly Scheme[]>> = {
  auto: ["ntlm", "negotiate", "basic"],
  basic: ["basic"],
  ntlm: ["ntlm", "negotiate"],
  "ntlm-v1": ["ntlm", "negotiate"],
};

/** Statuses of a server that has looked at a request without a body, and so asks for no login. */
const ANSWERED: readonly number[] = [200, 400, 411, 415, 500];

/**
 * Sends HTTP requests to one server as one account. Rejects with LoginError where the server refuses, and with what
 * undici says where the connection fails. The caller sees to it that Basic is used over TLS, or loopback, only.
 */
export class AccountClient {
  readonly #options: AccountClientOptions;
  readonly #connections: LoginConnections;
  #scheme: Scheme | undefined;
  /** Was offered and led nowhere, as Negotiate does where it means Kerberos only: the others come first. */
  #unfit: Scheme | undefined;

  constructor(options: AccountClientOptions) {
    this.#options = options;
    this.#scheme = options.login === "basic" && !options.onlyWhenAsked ? "basic" : undefined;
    const { url, account, password, login, connect, keepAlive, clock } = options;
    this.#connections = new LoginConnections({
      origin: url.origin,
      connector: connect,
      keepAlive,
      identity: { account, password, version: login === "ntlm-v1" ? "v1" : "v2", target: `HTTP/${url.hostname}` },
      gate: new LoginGate(clock),
      clock,
    });
  }

  /** How the account logs in, in words; undefined until the server has been asked. */
  get loginName(): string | undefined {
    if (this.#scheme === undefined || this.#scheme === "basic") return this.#scheme && "Basic";
    const version = this.#options.login === "ntlm-v1" ? "NTLMv1" : "NTLMv2";
    return this.#connections.isBound ? `${version}, bound to the TLS channel` : version;
  }

  /** Resolves with the head of an answer; a refusal (401) is none. */
  async request(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    if (this.#scheme === undefined) {
      const found = await this.#discover(request, signal);
      if (typeof found !== "string") return found;
      this.#scheme = found;
    }
    const scheme = this.#scheme;
    try {
      return await (scheme === "basic"
        ? this.#requestBasic(request, signal)
        : this.#connections.request(request, scheme, signal));
    } catch (error) {
      if (error instanceof LoginError && error.failure === "not-offered") this.#forget(scheme);
      throw error;
    }
  }

  /** Ends all connections; requests that run are rejected with the error. */
  async destroy(error: Error): Promise<void> {
    await this.#connections.destroy(error);
  }

  /** The server is asked again with the next request: it was set up anew, perhaps. */
  #forget(scheme: Scheme): void {
    if (this.#options.login === "basic" || this.#scheme !== scheme) return;
    this.#scheme = undefined;
    this.#unfit = scheme;
  }

  /** Asks what the server offers by a request without credentials and body; an answer that does not tell is returned. */
  async #discover(request: HttpRequest, signal: AbortSignal): Promise<Scheme | Dispatcher.ResponseData> {
    const response = await this.#connections.request({ ...request, body: "" }, "none", signal);
    const { statusCode, headers } = response;
    const asksNone = this.#options.onlyWhenAsked !== true && ANSWERED.includes(statusCode);
    if (statusCode !== 401 && !asksNone) return response;
    await drain(response, signal);
    if (statusCode === 401) return this.#choose(parseHttpChallenges(headers["www-authenticate"]));
    return this.#options.login === "auto" ? "basic" : "ntlm";
  }

  #choose(offered: readonly HttpChallenge[]): Scheme {
    const possible = WANTED[this.#options.login].filter((name) => offered.some(({ scheme }) => scheme === name));
    const found = possible.find((name) => name !== this.#unfit) ?? possible[0];
    if (!found) throw notOffered(offered);
    return found;
  }

  async #requestBasic(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { account, password } = this.#options;
    const authorization = `Basic ${Buffer.from(`${account}:${password}`).toString("base64")}`; // RFC 7617
    const headers = { ...request.headers, authorization };
    const response = await this.#connections.request({ ...request, headers }, "none", signal);
    if (response.statusCode !== 401) return response;
    const offered = parseHttpChallenges(response.headers["www-authenticate"]);
    await drain(response, signal);
    const isRefusal = offered.length === 0 || offered.some(({ scheme }) => scheme === "basic");
    throw isRefusal ? new LoginError("refused") : notOffered(offered);
  }
}

const notOffered = (offered: readonly HttpChallenge[]): LoginError =>
  new LoginError("not-offered", [...new Set(offered.map(({ scheme }) => scheme))].join(", "));
