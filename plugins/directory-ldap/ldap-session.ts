import type { Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { Client, Control, Entry } from "ldapts";
import { seconds } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { openSocket } from "../shared-http/open-socket.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import { AnswerGuard } from "./answer-guard.ts";
import type { LdapServer } from "./ldap-connection.ts";
import { ldapError, toLdapError } from "./ldap-errors.ts";

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
  readonly answer: AnswerGuard;
  readonly clock: Clock;
}

/** One logged-in connection. It is never opened anew: what a lost login may not read must not seem to be gone. */
export class LdapSession {
  readonly #access: LdapAccess;
  readonly #client: Client;
  readonly #controls: readonly Control[];
  readonly #answer: AnswerGuard;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  private constructor(access: LdapAccess, { client, controls, answer, clock }: SessionParts, signal: AbortSignal) {
    this.#access = access;
    this.#client = client;
    this.#controls = controls;
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
      const session = new LdapSession(access, { client, controls, answer, clock }, signal);
      signal.addEventListener("abort", () => session.close(), { once: true });
      return session;
    } catch (error) {
      answer.end();
      signal.throwIfAborted();
      throw answer.problem ?? toLdapError(server.host, "the login", error);
    } finally {
      deadline.end();
    }
  }

  /** The entries page by page (RFC 2696). Rejects with GatewayError unless all pages came and nothing was left to others. */
  async *pages(query: LdapQuery): AsyncGenerator<readonly Entry[]> {
    const { base, scope, filter, attributes, binary = [] } = query;
    const options = { scope, filter, attributes: [...attributes], explicitBufferAttributes: [...binary] };
    const paged = { ...options, paged: { pageSize: this.#access.pageSize } };
    const { host } = this.#access.server;
    try {
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
  if (access.server.tls === "start-tls") await client.startTLS(tls());
  if (access.bindDn !== undefined && access.password !== undefined) await client.bind(access.bindDn, access.password);
}

function refuseReferences(host: string, [first]: readonly string[]): void {
  if (first === undefined) return;
  const other = URL.canParse(first) ? new URL(first).host : "another server";
  throw ldapError("ldap-referral", `${host}: part of what is below the base is on ${other}`);
}
