import { type Instant, instant, minutes } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { drain, type HttpRequest } from "../shared-microsoft/login-connection.ts";
import type { LoginConnections } from "../shared-microsoft/login-connections.ts";
import { LoginError } from "../shared-microsoft/login-error.ts";
import { LoginGate } from "../shared-microsoft/login-gate.ts";

/** The head of an answer, and its body to be read. */
export type HttpAnswer = Awaited<ReturnType<LoginConnections["request"]>>;

/** Where and as whom. */
export interface FormsLoginOptions {
  /** The URL of all mailboxes, which the login page sends back to. */
  readonly url: URL;
  readonly account: string;
  readonly password: string;
  readonly connections: LoginConnections;
  readonly clock: Clock;
}

/** Exchange's own status for a session that has ended, and for what a session may not do. */
export const LOGIN_TIMEOUT = 440;

// A session that was refused so soon after its login has not timed out: it may not do what it was asked to.
const FRESH = minutes(1);
// Exchange's cookies are some 1000 bytes together.
const MAX_COOKIES = 8192;

/** Forms-based authentication of Exchange 2003 and 2007: a session in cookies, made by posting the login page's form. */
export class FormsLogin {
  readonly #options: FormsLoginOptions;
  readonly #gate: LoginGate;
  readonly #cookies = new Map<string, string>();
  #session = 0;
  #signedInAt: Instant = instant(Number.NEGATIVE_INFINITY);

  constructor(options: FormsLoginOptions) {
    this.#options = options;
    this.#gate = new LoginGate(options.clock);
  }

  /** Resolves with the head of an answer; signs in first, or once more when the session has ended. Rejects with LoginError. */
  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    if (this.#session === 0) await this.#signInAfter(0, signal);
    const session = this.#session;
    const response = await this.#send(request, signal);
    if (!wantsLogin(response) || this.#isFresh(session)) return response;
    await drain(response, signal);
    await this.#signInAfter(session, signal);
    return this.#send(request, signal);
  }

  #isFresh(session: number): boolean {
    const age = this.#options.clock.now() - this.#signedInAt;
    return session === this.#session && age >= 0 && age < FRESH;
  }

  /** Signs in, unless another request has done so since that session. */
  #signInAfter(session: number, signal: AbortSignal): Promise<void> {
    return this.#gate.run(async () => {
      if (this.#session === session) await this.#signIn(signal);
    }, signal);
  }

  async #signIn(signal: AbortSignal): Promise<void> {
    const { url, account, password, clock } = this.#options;
    this.#cookies.clear();
    const form = new URLSearchParams({
      destination: url.href,
      flags: "4", // a private computer, whose session lasts a day instead of a quarter of an hour
      forcedownlevel: "0",
      trusted: "4",
      username: account,
      password,
      isUtf8: "1",
    });
    const response = await this.#send(
      {
        method: "POST",
        path: await this.#findForm(signal),
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: form.toString(),
      },
      signal,
    );
    await drain(response, signal);
    // A refused login leads back to its page, with reason=2 or 4; the session's cookies prove one that was taken.
    if (!this.#hasSession || wantsLogin(response)) throw new LoginError("refused");
    this.#session += 1;
    this.#signedInAt = clock.now();
    this.#gate.accepted();
  }

  get #hasSession(): boolean {
    return [...this.#cookies.keys()].some((name) => /^(cadata|sessionid$|UserContext$)/i.test(name));
  }

  /** The form's address lies beside the page that the server sends clients to: in /exchweb/bin/auth (2003), /owa/auth (2007). */
  async #findForm(signal: AbortSignal): Promise<string> {
    const { url } = this.#options;
    const response = await this.#send({ method: "GET", path: url.pathname, headers: {}, body: "" }, signal);
    await drain(response, signal);
    const page = loginPage(response, url);
    if (!page && response.statusCode !== LOGIN_TIMEOUT) throw new LoginError("not-offered", "no login page");
    // The password is sent to no other server, wherever the page is said to be.
    return new URL("owaauth.dll", page ?? new URL("/exchweb/bin/auth/", url)).pathname;
  }

  async #send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { connections } = this.#options;
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = cookie === "" ? request.headers : { ...request.headers, cookie };
    const response = await connections.request({ ...request, headers }, "none", signal);
    this.#keepCookies(response);
    return response;
  }

  #keepCookies({ headers }: HttpAnswer): void {
    const values = headers["set-cookie"] ?? [];
    for (const value of typeof values === "string" ? [values] : values) {
      const pair = /^\s*([^\s=,;]+)=([\x21-\x3A\x3C-\x7E]*)/.exec(value);
      if (pair?.[1]) this.#cookies.set(pair[1], pair[2] ?? "");
    }
    const length = [...this.#cookies].reduce((sum, [name, value]) => sum + name.length + value.length, 0);
    if (length > MAX_COOKIES) this.#cookies.clear();
  }
}

/** The address of the login page that the answer leads to; undefined when it leads to none. */
function loginPage({ statusCode, headers }: HttpAnswer, url: URL): URL | undefined {
  const location = headers["location"];
  if (statusCode !== 302 || typeof location !== "string" || !URL.canParse(location, url.href)) return undefined;
  const page = new URL(location, url);
  return /\/auth\/(owa)?logon\.asp/i.test(page.pathname) ? page : undefined;
}

/** True for an answer that only says that a login is needed: 440, or the way to the login page. */
export const wantsLogin = (response: HttpAnswer): boolean =>
  response.statusCode === LOGIN_TIMEOUT || loginPage(response, new URL("http://localhost/")) !== undefined;
