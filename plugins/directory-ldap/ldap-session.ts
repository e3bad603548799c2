import type { Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Client, Control, Entry, Filter } from "ldapts";
import { seconds } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { openSocket } from "../shared-http/open-socket.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import { AnswerGuard } from "./answer-guard.ts";
import type { LdapServer } from "./ldap-connection.ts";
import { filterError, LOGIN, ldapError, toLdapError } from "./ldap-errors.ts";

const CONNECT_LIMIT = seconds(15);
/** For one page. */
const ANSWER_LIMIT = seconds(60);
/** MS-ADTS 3.1.1.3.4.1.17: no references to other domains, which are not asked. */
const DOMAIN_SCOPE = "1.2.840.113556.1.4.1339";

/** How to log in, and how to speak. */
export interface LdapAccess {
  readonly server: LdapServer;
  readonly bindDn: string | undefined;
  readonly password: string | undefined;
  readonly pageSize: number;
  /** Active Directory: references to other domains are not wanted. */
  readonly isDomainScoped: boolean;
}

/** What is searched for. */
export interface LdapQuery {
  readonly base: string;
  readonly scope: "base" | "sub";
  readonly filter: string;
  readonly attributes: readonly string[];
  /** Those of the attributes whose values are no text. */
  readonly binary?: readonly string[];
}

interface SessionParts {
  readonly client: Client;
  readonly controls: readonly Control[];
  readonly parseFilter: (text: string) => Filter;
  readonly answer: AnswerGuard;
  readonly clock: Clock;
}

/** One logged-in connection. It is never opened anew: what a lost login may not read must not seem to be gone. */
export class LdapSession {
  readonly #access: LdapAccess;
  readonly #client: Client;
  readonly #controls: readonly Control[];
  readonly #parseFilter: (text: string) => Filter;
  readonly #answer: AnswerGuard;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  private constructor(
    access: LdapAccess,
    { client, controls, parseFilter, answer, clock }: SessionParts,
    signal: AbortSignal,
  ) {
    this.#access = access;
    this.#client = client;
    this.#controls = controls;
    this.#parseFilter = parseFilter;
    this.#answer = answer;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Connects and logs in; `tls` makes the options when they are needed. The session ends with the signal. */
  static async open(
    access: LdapAccess,
    { tls, clock }: { readonly tls: () => ConnectionOptions; readonly clock: Clock },
    signal: AbortSignal,
  ): Promise<LdapSession> {
    const { server } = access;
    const deadline = new Deadline(clock, signal);
    deadline.set(CONNECT_LIMIT, () => ldapError("ldap-timeout", `${server.host}: the login took too long`));
    const answer = new AnswerGuard(server.host);
    try {
      const ldapts = await import("ldapts");
      const socket = await openSocket(server, server.tls === "ldaps" ? tls() : undefined, deadline.signal);
      answer.use(socket);
      const client = new ldapts.Client({
        url: "ldap://directory", // only its form counts: the connection is there
        createConnection: onceOnly(socket),
        createSecureConnection: (options: ConnectionOptions | number) =>
          answer.use(connectTls(typeof options === "number" ? { port: options } : options)),
      });
      await orAborted(login(client, access, tls), deadline.signal);
      const controls = access.isDomainScoped ? [new ldapts.Control(DOMAIN_SCOPE)] : [];
      const session = new LdapSession(
        access,
        { client, controls, parseFilter: (text) => ldapts.FilterParser.parseString(text), answer, clock },
        signal,
      );
      signal.addEventListener("abort", () => session.close(), { once: true });
      return session;
    } catch (error) {
      answer.end();
      signal.throwIfAborted();
      throw answer.problem ?? toLdapError(server.host, LOGIN, error);
    } finally {
      deadline.end();
    }
  }

  /** The server's, as errors begin with it. */
  get host(): string {
    return this.#access.server.host;
  }

  /** The entries page by page (RFC 2696). Rejects with GatewayError unless all pages came and nothing was left to others. */
  async *pages(query: LdapQuery): AsyncGenerator<readonly Entry[]> {
    const { base, scope, filter, attributes, binary = [] } = query;
    const { host } = this.#access.server;
    const options = { scope, attributes: [...attributes], explicitBufferAttributes: [...binary] };
    try {
      const paged = { ...options, filter: this.#readFilter(filter), paged: { pageSize: this.#access.pageSize } };
      const pages = this.#client.searchPaginated(base, paged, [...this.#controls]);
      for (;;) {
        const page = await this.#answered(pages.next());
        if (page.done) break;
        refuseReferences(host, page.value.searchReferences);
        if (page.value.searchEntries.length === 0 && this.#answer.hasMore)
          throw ldapError("ldap-incomplete", `${host}: the listing broke off at a page without entries`);
        yield page.value.searchEntries;
      }
    } catch (error) {
      this.#signal.throwIfAborted();
      throw this.#answer.problem ?? toLdapError(host, "the search", error);
    }
  }

  #readFilter(text: string): Filter {
    try {
      return this.#parseFilter(text);
    } catch (error) {
      throw filterError(this.#access.server.host, text, error);
    }
  }

  /** The one entry of this name, `""` for the server's own (RFC 4512 5.1). Rejects with `ldap-no-base` when there is none. */
  async entry(name: string, attributes: readonly string[]): Promise<Entry> {
    const { host } = this.#access.server;
    try {
      const options = { scope: "base" as const, attributes: [...attributes] };
      const { searchEntries, searchReferences } = await this.#answered(this.#client.search(name, options));
      refuseReferences(host, searchReferences);
      const [entry] = searchEntries;
      if (!entry)
        throw ldapError("ldap-no-base", `${host}: there is no ${name || "entry of the server"}, or it may not be read`);
      return entry;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw this.#answer.problem ?? toLdapError(host, `the search for ${name || "the server's entry"}`, error);
    }
  }

  /** One answer of the server, within its limits. */
  async #answered<Result>(result: Promise<Result>): Promise<Result> {
    const deadline = new Deadline(this.#clock, this.#signal);
    const { host } = this.#access.server;
    deadline.set(ANSWER_LIMIT, () => ldapError("ldap-timeout", `${host}: no answer within ${ANSWER_LIMIT / 1000} s`));
    this.#answer.begin();
    try {
      return await orAborted(result, deadline.signal);
    } finally {
      deadline.end();
    }
  }

  /** Safe twice. */
  close(): void {
    this.#answer.end();
  }
}

/** A second connection would not be logged in. */
function onceOnly(socket: Socket): () => Socket {
  let isUsed = false;
  return () => {
    if (isUsed) throw new Error("Connection lost");
    isUsed = true;
    return socket;
  };
}

async function login(client: Client, access: LdapAccess, tls: () => ConnectionOptions): Promise<void> {
  if (access.server.tls === "start-tls") await startTls(client, access.server.host, tls());
  if (access.bindDn !== undefined && access.password !== undefined) await client.bind(access.bindDn, access.password);
}

/** RFC 4511 4.14.2: a server that answers with an error goes on without TLS, and we do not. */
async function startTls(client: Client, host: string, options: ConnectionOptions): Promise<void> {
  try {
    await client.startTLS(options);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && typeof error.code === "number")) throw error;
    throw ldapError(
      "ldap-tls",
      `${host}: the server does not offer StartTLS; use ldaps://${host} if it has that`,
      error,
    );
  }
}

function refuseReferences(host: string, [first]: readonly string[]): void {
  if (first === undefined) return;
  const other = URL.canParse(first) ? new URL(first).host : "another server";
  throw ldapError("ldap-referral", `${host}: part of what is below the base is on ${other}`);
}
