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

/** Windows offers NTLM under both names; the messages are the same. */
export type NtlmScheme = "ntlm" | "negotiate";

/** What all connections to one server share. */
export interface ConnectionOptions {
  readonly origin: string;
  readonly connector: buildConnector.connector;
  readonly keepAlive: Milliseconds;
  readonly identity: NtlmIdentity;
  readonly gate: LoginGate;
  readonly clock: Clock;
}

/** The connection is gone, and nothing of the request was sent. */
export class ConnectionGone extends Error {
  override readonly name = "ConnectionGone";
  readonly code = "EPIPE";
}

const GONE = "the connection was closed";

/** Reads a refusal to its end, so that its connection can be used on; gives up on long ones. */
export const drain = (response: Dispatcher.ResponseData, signal: AbortSignal): Promise<void> =>
  response.body.dump({ limit: 128 * 1024, signal });

/**
 * One TCP connection, on which one request runs at a time. NTLM authenticates connections, not requests; so it never
 * connects a second time: what is sent on it after the login is sent as the account or not at all.
 */
export class LoginConnection {
  readonly #options: ConnectionOptions;
  readonly #client: Client;
  #channelBinding: Buffer | undefined;
  #hasConnected = false;
  #isLoggedIn = false;

  /** @param onClosed called when the connection was closed, by whomever; it never comes back */
  constructor(options: ConnectionOptions, onClosed: (connection: LoginConnection) => void) {
    this.#options = options;
    this.#client = new Client(options.origin, {
      pipelining: 1,
      keepAliveTimeout: options.keepAlive,
      keepAliveMaxTimeout: options.keepAlive,
      // Deadlines are the caller's; notification connections have no end of their own.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (target, callback) => this.#connectOnce(target, callback),
    });
    this.#client.on("disconnect", () => onClosed(this));
  }

  /** True when the logins of this connection are bound to its TLS channel. */
  get isBound(): boolean {
    return this.#channelBinding !== undefined;
  }

  /**
   * Sends the request, after a login if need be, or without one (`none`). Resolves with the head of an answer, which
   * after a login is no refusal. Rejects with LoginError, with ConnectionGone when nothing was sent, or with what undici
   * says.
   */
  async request(
    request: HttpRequest,
    scheme: NtlmScheme | "none",
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    if (scheme === "none") return this.#send(request, {}, signal);
    if (this.#isLoggedIn) {
      const response = await this.#send(request, {}, signal);
      if (response.statusCode !== 401) return this.#noteHead(response);
      // The server forgot the login: once more, on the same connection.
      this.#isLoggedIn = false;
      await drain(response, signal);
    }
    return this.#options.gate.run(() => this.#logIn(request, scheme, signal), signal);
  }

  /** Closes the connection; a request that runs is rejected with the error. */
  destroy(error: Error): Promise<void> {
    return this.#client.destroy(error);
  }

  #connectOnce(target: buildConnector.Options, callback: buildConnector.Callback): void {
    if (this.#hasConnected) {
      callback(new ConnectionGone(GONE), null);
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

  async #logIn(request: HttpRequest, scheme: NtlmScheme, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { identity, clock } = this.#options;
    const negotiate = encodeNegotiate();
    // The body would be thrown away: this leg is refused in any case.
    const first = await this.#send({ ...request, body: "" }, credentials(scheme, negotiate), signal);
    if (first.statusCode !== 401) return first;
    const token = await readToken(first, scheme, signal);
    const challenge = parseChallenge(Buffer.from(token, "base64"));
    const moment = { channelBinding: this.#channelBinding, now: clock.now() };
    const answer = answerChallenge(identity, negotiate, challenge, moment);
    const second = await this.#send(request, credentials(scheme, answer), signal).catch(asInterrupted);
    if (second.statusCode !== 401) {
      this.#isLoggedIn = true;
      this.#options.gate.accepted();
      return this.#noteHead(second);
    }
    await drain(second, signal);
    throw new LoginError("refused", challenge.timestamp === undefined ? skewOf(second, clock) : "");
  }

  async #send(
    { method, path, headers, body }: HttpRequest,
    more: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    if (this.#client.destroyed) throw new ConnectionGone(GONE);
    // reset: else undici gives up a connection after a body whose method it does not know, such as SEARCH.
    return this.#client.request({ method, path, headers: { ...headers, ...more }, body, signal, reset: false });
  }

  /** IIS with authPersistSingleRequest wants a login for each request, and says so. */
  #noteHead(response: Dispatcher.ResponseData): Dispatcher.ResponseData {
    const persistence = response.headers["persistent-auth"];
    if (typeof persistence === "string" && persistence.trim().toLowerCase() === "false") this.#isLoggedIn = false;
    return response;
  }
}

const credentials = (scheme: NtlmScheme, message: Buffer) => ({
  authorization: `${scheme === "ntlm" ? "NTLM" : "Negotiate"} ${message.toString("base64")}`,
});

/** The server's challenge, once the answer that brought it has been read. */
async function readToken(response: Dispatcher.ResponseData, wanted: NtlmScheme, signal: AbortSignal): Promise<string> {
  const offered = parseHttpChallenges(response.headers["www-authenticate"]);
  await drain(response, signal).catch(asInterrupted);
  const token = offered.find(({ scheme }) => scheme === wanted)?.token;
  if (token === undefined) throw new LoginError("not-offered", offered.map(({ scheme }) => scheme).join(", "));
  return token;
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
