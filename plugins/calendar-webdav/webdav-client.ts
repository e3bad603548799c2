import type { Mailbox } from "../../src/core/addresses.ts";
import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { HttpStatusError } from "../shared-http/http-head.ts";
import { RequestHealth } from "../shared-http/request-health.ts";
import { Turns } from "../shared-http/turns.ts";
import { CredentialGuard } from "../shared-microsoft/credential-guard.ts";
import { askOptions, type DavRequest } from "./dav-requests.ts";
import type { AnswerTerms, DavAnswer, WebdavTransport } from "./transport.ts";
import { concernsMailbox, isWebdavError, webdavError } from "./webdav-errors.ts";

/** What a client is made of. */
export interface ClientOptions {
  /** The URL of all mailboxes. */
  readonly url: URL;
  readonly transport: WebdavTransport;
  readonly clock: Clock;
  /** Most requests at once, asked each time. */
  readonly threads: () => number;
}

/** How a request is sent: for an administrator's test at once and whatever was refused before, else in its turn. */
export type Urgency = "in-turn" | "at-once";

/** Sends requests, few at a time, spares the account, and keeps in mind how the server is. */
export class WebdavClient {
  readonly host: string;
  readonly url: URL;
  readonly #options: ClientOptions;
  readonly #guard: CredentialGuard;
  readonly #turns: Turns;
  readonly #condition: RequestHealth;

  constructor(options: ClientOptions) {
    this.url = options.url;
    this.host = options.url.host;
    this.#options = options;
    this.#condition = new RequestHealth(options.clock);
    this.#guard = new CredentialGuard((text, retryAfter) =>
      webdavError("webdav-unauthorized", `${this.host}: ${text}`, { retryAfter }),
    );
    // Until the password is proven one request is enough: ten at once would be ten refusals of one account.
    this.#turns = new Turns(() => (this.#guard.isProven ? options.threads() : 1));
  }

  /** How the account logs in, in words; undefined until the server has been asked. */
  get loginName(): string | undefined {
    return this.#options.transport.loginName;
  }

  /** The condition as the last requests showed it. */
  health(detail: string): Health {
    const { running, waiting } = this.#turns.load;
    const requests = `${this.#condition.requests} requests (${running} now, ${waiting} waiting)`;
    return this.#condition.health(`WebDAV, ${requests}, ${detail}`);
  }

  /** One exchange, in the name of a mailbox or of none. Throws GatewayError. */
  async exchange(
    request: DavRequest,
    { mailbox, takes = [], urgency = "in-turn" }: ExchangeTerms,
    signal: AbortSignal,
  ): Promise<DavAnswer> {
    const terms = { takes, subject: mailbox === undefined ? this.host : `${mailbox} at ${this.host}` };
    if (urgency === "at-once") return this.#send(request, terms, signal);
    const send = async (): Promise<DavAnswer> => {
      this.#guard.check(this.#options.clock.now());
      return this.#send(request, terms, signal);
    };
    return this.#turns.run(send, signal);
  }

  async #send(request: DavRequest, terms: AnswerTerms, signal: AbortSignal): Promise<DavAnswer> {
    const wasProven = this.#guard.isProven;
    try {
      const answer = await this.#options.transport.send(request, terms, signal);
      this.#record(undefined);
      return answer;
    } catch (error) {
      if (signal.aborted) throw error;
      const meant = wasProven && isRefused(error) ? await this.#meaningOf(error, terms, signal) : error;
      if (!signal.aborted) this.#record(concernsMailbox(meant) ? undefined : toGatewayError(meant));
      throw meant;
    }
  }

  /** IIS refuses a good account with 401 too, where it may not read the mailbox: so another address is asked. */
  async #meaningOf(error: GatewayError, { subject }: AnswerTerms, signal: AbortSignal): Promise<unknown> {
    try {
      const terms = { takes: [403, 404, 405], subject: this.host };
      await this.#options.transport.send(askOptions(this.url.pathname), terms, signal);
      return webdavError("webdav-no-access", `${subject}: the server answered HTTP 401`, { cause: error.cause });
    } catch {
      return error; // the first one says what is wrong
    }
  }

  #record(error: GatewayError | undefined): void {
    if (!error) this.#guard.accepted();
    else if (isRefused(error)) this.#guard.refused(this.#options.clock.now());
    this.#condition.record(error);
  }
}

/** What is said of one exchange. */
export interface ExchangeTerms {
  readonly mailbox?: Mailbox;
  /** Statuses beside 200, 204 and 207 that are answers and no errors. */
  readonly takes?: readonly number[];
  readonly urgency?: Urgency;
}

/** True when the server itself refused the account: the guard's own errors have no cause. */
const isRefused = (error: unknown): error is GatewayError =>
  isWebdavError(error, "webdav-unauthorized") && error.cause instanceof HttpStatusError;
