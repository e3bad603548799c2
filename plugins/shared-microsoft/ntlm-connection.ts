import { TLSSocket } from "node:tls";
import { type buildConnector, Client, type Dispatcher } from "undici";
import type { Milliseconds } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { channelBindingOf } from "./channel-binding.ts";
import { parseHttpChallenges } from "./http-challenges.ts";
import { LoginError } from "./login-error.ts";
import type { LoginGate } from "./login-gate.ts";
import { answerChallenge, type NtlmIdentity } from "./ntlm/answer-challenge.ts";
import { parseChallenge } from "./ntlm/challenge.ts";
import { encodeNegotiate } from "./ntlm/messages.ts";

/** One HTTP request; the body is text. */
export interface HttpRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What all connections to one server share. */
export interface NtlmConnectionOptions {
  readonly origin: string;
  readonly connector: buildConnector.connector;
  readonly keepAlive: Milliseconds;
  /** Windows offers NTLM under both names; the messages are the same. */
  readonly scheme: "ntlm" | "negotiate";
  readonly identity: NtlmIdentity;
  readonly gate: LoginGate;
  readonly clock: Clock;
}

/** The connection is gone, and nothing of the request was sent. */
export class ConnectionGone extends Error {
  override readonly name = "ConnectionGone";
}

/** Settings of undici for a client whose deadlines are its caller's. */
export const patientClient = (keepAlive: Milliseconds) => ({
  pipelining: 1,
  keepAliveTimeout: keepAlive,
  keepAliveMaxTimeout: keepAlive,
  headersTimeout: 0,
  bodyTimeout: 0,
});

/** Reads a refusal to its end, so that its connection can be used on; gives up on long ones. */
export const drain = (response: Dispatcher.ResponseData, signal: AbortSignal): Promise<void> =>
  response.body.dump({ limit: 128 * 1024, signal });

/**
 * One TCP connection that is logged in by NTLM, which authenticates connections, not requests. It never connects a
 * second time: what is sent on it after the login is sent as the account or not at all.
 */
export class NtlmConnection {
  readonly #options: NtlmConnectionOptions;
  readonly #client: Client;
  #channelBinding: Buffer | undefined;
  #hasConnected = false;
  #isLoggedIn = false;
  #isClosed = false;

  constructor(options: NtlmConnectionOptions) {
    this.#options = options;
    this.#client = new Client(options.origin, {
      ...patientClient(options.keepAlive),
      connect: (target, callback) => this.#connectOnce(target, callback),
    });
    this.#client.on("disconnect", () => {
      this.#isClosed = true;
    });
  }

  /** False once the connection is closed; it never comes back. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** True when the logins of this connection are bound to its TLS channel. */
  get isBound(): boolean {
    return this.#channelBinding !== undefined;
  }

  /**
   * Sends the request, after a login if need be. Resolves with the head of an answer that is no refusal. Rejects with
   * LoginError, with ConnectionGone when nothing was sent, or with what undici says.
   */
  async request(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    if (this.#isLoggedIn) {
      const response = await this.#send(request, undefined, signal);
      if (response.statusCode !== 401) return this.#noteHead(response);
      // The server forgot the login: once more, on the same connection.
      this.#isLoggedIn = false;
      await drain(response, signal);
    }
    return this.#options.gate.run(() => this.#logIn(request, signal), signal);
  }

  /** Closes the connection; a request that runs is rejected with the error. */
  async destroy(error: Error | null): Promise<void> {
    this.#isClosed = true;
    await this.#client.destroy(error);
  }

  #connectOnce(target: buildConnector.Options, callback: buildConnector.Callback): void {
    if (this.#hasConnected) {
      callback(new ConnectionGone("the connection was closed"), null);
      return;
    }
    this.#hasConnected = true;
    this.#options.connector(target, (...[error, socket]) => {
      if (error) {
        callback(error, null);
        return;
      }
      const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
      this.#channelBinding = certificate && channelBindingOf(certificate.raw);
      callback(null, socket);
    });
  }

  async #logIn(request: HttpRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { identity, clock } = this.#options;
    const negotiate = encodeNegotiate();
    // The body would be thrown away: this leg is refused in any case.
    const first = await this.#send({ ...request, body: "" }, negotiate, signal);
    if (first.statusCode !== 401) return first;
    const token = await this.#readToken(first, signal);
    const challenge = parseChallenge(Buffer.from(token, "base64"));
    const moment = { channelBinding: this.#channelBinding, now: clock.now() };
    const answer = answerChallenge(identity, negotiate, challenge, moment);
    const second = await this.#send(request, answer, signal).catch(asInterrupted);
    if (second.statusCode !== 401) {
      this.#isLoggedIn = true;
      return this.#noteHead(second);
    }
    await drain(second, signal);
    throw new LoginError("refused", challenge.timestamp === undefined ? skewOf(second, clock) : "");
  }

  async #readToken(response: Dispatcher.ResponseData, signal: AbortSignal): Promise<string> {
    const offered = parseHttpChallenges(response.headers["www-authenticate"]);
    await drain(response, signal).catch(asInterrupted);
    const token = offered.find(({ scheme }) => scheme === this.#options.scheme)?.token;
    if (token === undefined) throw new LoginError("not-offered", offered.map(({ scheme }) => scheme).join(", "));
    return token;
  }

  #send(request: HttpRequest, message: Buffer | undefined, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { method, path, headers, body } = request;
    const name = this.#options.scheme === "ntlm" ? "NTLM" : "Negotiate";
    const authorization = message && { authorization: `${name} ${message.toString("base64")}` };
    return this.#client.request({ method, path, headers: { ...headers, ...authorization }, body, signal });
  }

  /** IIS with authPersistSingleRequest wants a login for each request, and says so. */
  #noteHead(response: Dispatcher.ResponseData): Dispatcher.ResponseData {
    const persistence = response.headers["persistent-auth"];
    if (typeof persistence === "string" && persistence.trim().toLowerCase() === "false") this.#isLoggedIn = false;
    return response;
  }
}

const CLOSED = ["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"];

/** A connection that ends within a login ends the login. */
function asInterrupted(error: unknown): never {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (error instanceof ConnectionGone || CLOSED.includes(code)) throw new LoginError("interrupted", "", error);
  throw error;
}

const NOTABLE_SKEW = 300_000;

/** A server that tells no time in its challenge compares the client's with its own: worth saying beside a refusal. */
function skewOf({ headers }: Dispatcher.ResponseData, clock: Clock): string {
  const skew = Date.parse(String(headers["date"])) - clock.now();
  if (!(Math.abs(skew) >= NOTABLE_SKEW)) return ""; // not when there is no date either
  return `its clock is ${Math.round(Math.abs(skew) / 60_000)} minutes ${skew > 0 ? "ahead of" : "behind"} the gateway's`;
}
