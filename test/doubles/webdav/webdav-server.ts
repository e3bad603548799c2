import type { Server, Socket } from "node:net";
import { escapeXml } from "../../../src/lib/xml.ts";
import { type Authenticator, basicAuthenticator } from "../exchange/authentication.ts";
import type { ExchangeClock } from "../exchange/clock.ts";
import type { Account } from "../exchange/site.ts";
import { listenOnLoopback } from "../listen-on-loopback.ts";
import { DavMailbox, type Refusal } from "./dav-mailbox.ts";
import { type DavSubscription, DavSubscriptions } from "./dav-subscriptions.ts";
import { FormsAuthentication } from "./forms-authentication.ts";
import { createHttpServer, type TlsIdentity, type WireAnswer, type WireRequest } from "./http-wire.ts";
import { answerSearch } from "./search.ts";

/** How the server is set up. */
export interface WebdavServerOptions {
  readonly accounts: readonly Account[];
  readonly clock: ExchangeClock;
  /** Default: Basic. */
  readonly authenticator?: Authenticator;
  /** Forms-based authentication instead, as that version has it. */
  readonly forms?: 2003 | 2007;
  /** Whether ids of other folders are taken (default), or are 412 as is also told of Exchange. */
  readonly takesBatches?: boolean;
  /** Default: none, so that the URL begins with http. */
  readonly tls?: TlsIdentity;
}

/** An answer that goes wrong: another one, or a right one that comes late. */
export type WebdavFault = WireAnswer | { readonly untilReleased: Promise<void> };

interface PlannedFault {
  readonly method: string | undefined;
  readonly fault: WebdavFault;
  left: number;
}

const NAMESPACES =
  'xmlns:a="DAV:" xmlns:b="urn:uuid:c2f41010-65b3-11d1-a29f-00aa00c14882/" xmlns:c="xml:" xmlns:d="urn:schemas:calendar:" xmlns:e="urn:schemas:httpmail:"';

const multistatus = (content: string, headers: Readonly<Record<string, string>> = {}): WireAnswer => ({
  status: 207,
  headers: { "Content-Type": "text/xml", ...headers },
  body: `<?xml version="1.0"?><a:multistatus ${NAMESPACES}>${content}</a:multistatus>`,
});

/** An Exchange server of 2003 or 2007 as WebDAV clients see it, on loopback. */
export class WebdavServer {
  readonly subscriptions: DavSubscriptions;
  readonly forms: FormsAuthentication | undefined;
  /** `PROPFIND /exchange/alice@example.com/` and so on. */
  readonly requests: string[] = [];
  connections = 0;
  /** Requests that wait for an answer, for ever perhaps. */
  unanswered = 0;
  readonly #options: WebdavServerOptions;
  readonly #authenticator: Authenticator;
  readonly #mailboxes = new Map<string, DavMailbox>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #faults: PlannedFault[] = [];

  #port = 0;

  constructor(options: WebdavServerOptions) {
    this.#options = options;
    this.#authenticator = options.authenticator ?? basicAuthenticator(options.accounts);
    this.subscriptions = new DavSubscriptions(options.clock);
    if (options.forms) this.forms = new FormsAuthentication(options.accounts, options.forms, options.clock);
    this.#server = createHttpServer((request) => this.#answer(request), options.tls);
    this.#server.on("connection", (socket: Socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  get url(): string {
    const origin = this.#options.tls ? "https://localhost" : "http://127.0.0.1";
    return `${origin}:${this.#port}/exchange/`;
  }

  async start(): Promise<void> {
    this.#port = await listenOnLoopback(this.#server);
  }

  stop(): void {
    if (!this.#server.listening) return;
    this.subscriptions.close();
    this.#server.close();
    this.dropConnections();
  }

  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  addMailbox(smtp: string, folder = "Calendar"): DavMailbox {
    const mailbox = new DavMailbox(smtp, folder, (changed) => this.subscriptions.tell(changed));
    this.#mailboxes.set(smtp, mailbox);
    return mailbox;
  }

  removeMailbox(smtp: string): void {
    this.#mailboxes.delete(smtp);
  }

  findMailbox(smtp: string): DavMailbox | undefined {
    return this.#mailboxes.get(smtp);
  }

  /** The next requests, of one method when it is named, are answered so. */
  plan(fault: WebdavFault, { method, times = 1 }: { readonly method?: string; readonly times?: number } = {}): void {
    this.#faults.push({ fault, method, left: times });
  }

  /** Requests of that method so far. */
  count(method: string): number {
    return this.requests.filter((each) => each.startsWith(`${method} `)).length;
  }

  async #answer(request: WireRequest): Promise<WireAnswer> {
    const denied = this.#denial(request);
    if (denied) return denied;
    this.requests.push(`${request.method} ${request.path}`);
    const fault = this.#takeFault(request.method);
    if (fault === undefined) return this.#perform(request);
    this.unanswered += 1;
    if (fault === "never") return fault;
    if ("untilReleased" in fault) await fault.untilReleased;
    this.unanswered -= 1;
    return "untilReleased" in fault ? this.#perform(request) : fault;
  }

  #denial(request: WireRequest): WireAnswer | undefined {
    if (this.forms) return this.forms.answer(request);
    const result = this.#authenticator.authenticate(request.head);
    if ("account" in result) return undefined;
    return { status: 401, headers: { ...result.headers, "WWW-Authenticate": result.challenges } };
  }

  #takeFault(method: string): WebdavFault | undefined {
    const planned = this.#faults.find((each) => each.method === undefined || each.method === method);
    if (!planned) return undefined;
    planned.left -= 1;
    if (planned.left <= 0) this.#faults = this.#faults.filter((each) => each !== planned);
    return planned.fault;
  }

  #perform(request: WireRequest): WireAnswer {
    if (request.method === "OPTIONS") {
      const headers = { "MS-Author-Via": "DAV", DASL: "<DAV:sql>", DAV: "1, 2", Allow: "OPTIONS, PROPFIND, SEARCH" };
      return { status: 200, headers };
    }
    const [, smtp = "", folder = ""] =
      /^\/exchange\/([^/]+)\/?([^/]*)\/?$/.exec(decodeURIComponent(request.path)) ?? [];
    const mailbox = this.#mailboxes.get(smtp);
    if (!mailbox) return { status: 404 };
    const refusal = folder === "" ? mailbox.refusals.root : mailbox.refusals.calendar;
    if (refusal !== undefined) return refused(refusal);
    if (folder === "") return request.method === "PROPFIND" ? tellCalendar(mailbox) : { status: 405 };
    if (folder !== mailbox.folder) return { status: 404 };
    return this.#performInFolder(request, mailbox);
  }

  #performInFolder({ head, method, body }: WireRequest, mailbox: DavMailbox): WireAnswer {
    const { headers } = head;
    const text = (name: string): string => String(headers[name] ?? "");
    const ids = text("subscription-id")
      .split(",")
      .map((id) => id.trim())
      .filter((id) => id !== "");
    switch (method) {
      case "PROPFIND":
        return multistatus(part(mailbox, "<a:status>HTTP/1.1 200 OK</a:status>"));
      case "SEARCH":
        return multistatus(answerSearch(mailbox, body, headers["range"]));
      case "SUBSCRIBE":
        return ids.length > 0
          ? this.#renew(mailbox, ids, Number(text("subscription-lifetime")))
          : this.#subscribe(mailbox, text);
      case "POLL":
        return this.#forAll(mailbox, ids, (subscription) => {
          const { hasNews } = subscription;
          subscription.hasNews = false;
          return hasNews ? "200 OK" : "204 No Content";
        });
      case "UNSUBSCRIBE":
        return this.#forAll(mailbox, ids, ({ id }) => {
          this.subscriptions.all.delete(id);
          return "200 OK";
        });
      default:
        return { status: 501 };
    }
  }

  #subscribe(mailbox: DavMailbox, text: (name: string) => string): WireAnswer {
    const callback = text("call-back") || undefined;
    const isUnderstood = text("notification-type") === "update" && text("depth") === "1";
    if (!isUnderstood || (callback !== undefined && !/^httpu:\/\/[^/]+:\d+\//.test(callback))) return { status: 400 };
    const lifetime = Math.min(Number(text("subscription-lifetime")), this.subscriptions.longestLifetime);
    const { id } = this.subscriptions.add(mailbox, lifetime, callback);
    return { status: 200, headers: { "Subscription-Id": id, "Subscription-Lifetime": String(lifetime) } };
  }

  #renew(mailbox: DavMailbox, ids: readonly string[], lifetime: number): WireAnswer {
    let granted = lifetime;
    const answer = this.#forAll(mailbox, ids, (subscription) => {
      granted = this.subscriptions.renew(subscription, lifetime);
      return "200 OK";
    });
    return answer === "never" || "raw" in answer
      ? answer
      : { ...answer, headers: { ...answer.headers, "Subscription-Lifetime": String(granted) } };
  }

  /** One part for each id; 412 for all when an id is dead, or of another folder where that is not taken. */
  #forAll(mailbox: DavMailbox, ids: readonly string[], act: (subscription: DavSubscription) => string): WireAnswer {
    const found = ids.map((id) => this.subscriptions.find(id));
    const isForeign = (each: DavSubscription | undefined): boolean =>
      each !== undefined && each.mailbox !== mailbox && this.#options.takesBatches === false;
    const [only] = found;
    if (ids.length === 0 || found.some(isForeign) || (ids.length === 1 && !only)) return { status: 412 };
    const parts = ids.map((id, index) => {
      const subscription = found[index];
      const status = subscription ? act(subscription) : "412 Precondition Failed";
      const list = `<a:subscriptionID><li>${escapeXml(id)}</li></a:subscriptionID>`;
      return part(subscription?.mailbox ?? mailbox, `<a:status>HTTP/1.1 ${status}</a:status>${list}`);
    });
    return multistatus(parts.join(""));
  }
}

const refused = (status: Refusal): WireAnswer =>
  status === 401 ? { status, headers: { "WWW-Authenticate": 'Basic realm="mail"' } } : { status };

const addressOf = ({ smtp, folder }: DavMailbox): string =>
  `https://mail.example.com/exchange/${smtp.split("@")[0]}@${smtp.split("@")[1]}/${encodeURIComponent(folder)}`;

const part = (mailbox: DavMailbox, content: string): string =>
  `<a:response><a:href>${escapeXml(addressOf(mailbox))}</a:href>${content}</a:response>`;

const tellCalendar = (mailbox: DavMailbox): WireAnswer => {
  const has = mailbox.tellsCalendar;
  const value = has ? `<e:calendar>${escapeXml(addressOf(mailbox))}</e:calendar>` : "<e:calendar/>";
  const status = has ? "200 OK" : "404 Resource Not Found";
  return multistatus(
    part(mailbox, `<a:propstat><a:status>HTTP/1.1 ${status}</a:status><a:prop>${value}</a:prop></a:propstat>`),
  );
};

/** Starts one; `stop` it. */
export async function startWebdavServer(options: WebdavServerOptions): Promise<WebdavServer> {
  const server = new WebdavServer(options);
  await server.start();
  return server;
}
