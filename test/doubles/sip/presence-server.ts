import type {
  IncomingSipRequest,
  SipHeader,
  SipReply,
  SipRequest,
  SipResponse,
  SipServer,
} from "../../../plugins/shared-sip/sip-server.ts";
import { Channel } from "../../../src/lib/channel.ts";
import { type Instant, plus } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import type { Clock } from "../../../src/ports/runtime.ts";

type Handler = (request: IncomingSipRequest) => SipReply | undefined;

const headerOf = (headers: readonly SipHeader[], wanted: string): string | undefined =>
  headers.find(([name]) => name.toLowerCase() === wanted.toLowerCase())?.[1];

const tagOf = (value: string | undefined): string | undefined => /;tag=([^;]+)/.exec(value ?? "")?.[1];

/** An answer as the wire has it. */
export const response = (status: number, headers: readonly SipHeader[] = []): SipResponse => ({
  status,
  reason: "",
  header: (name) => headerOf(headers, name),
  headers: (name) => headers.filter(([each]) => each.toLowerCase() === name.toLowerCase()).map(([, value]) => value),
  body: "",
});

/** A NOTIFY as the wire has it. */
export function notify(fields: {
  readonly callId: string;
  readonly cseq: number;
  readonly fromTag: string;
  readonly toTag?: string | undefined;
  readonly headers: readonly SipHeader[];
  readonly body?: string;
}): IncomingSipRequest {
  const { callId, cseq, fromTag, toTag, headers, body = "" } = fields;
  const { header, headers: all } = response(0, headers);
  return { method: "NOTIFY", uri: "sip:gateway@127.0.0.1", callId, cseq, fromTag, toTag, header, headers: all, body };
}

interface Watch {
  readonly aor: string;
  readonly event: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string | undefined;
  readonly connection: Connection;
  cseq: number;
  expiresAt: Instant;
}

/** One plugin's connection. */
class Connection implements SipServer {
  readonly contact = "<sip:gateway@127.0.0.1:40000;transport=tcp>";
  readonly handlers = new Set<Handler>();
  readonly #server: PresenceServer;
  readonly #watchers = new Set<Channel<{ readonly run: string | undefined }>>();
  #run: string | undefined;

  constructor(server: PresenceServer) {
    this.#server = server;
  }

  get run(): string | undefined {
    return this.#run;
  }

  start(): void {
    this.#server.connections.add(this);
    if (this.#server.isUp) this.turn(this.#server.newRun());
  }

  async stop(): Promise<void> {
    this.#server.connections.delete(this);
  }

  turn(run: string | undefined): void {
    this.#run = run;
    for (const watcher of this.#watchers) watcher.push({ run });
  }

  onRequest(handler: Handler): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  async *watchRun(signal: AbortSignal): AsyncIterable<string | undefined> {
    const channel = new Channel<{ readonly run: string | undefined }>();
    this.#watchers.add(channel);
    for await (const { run } of channel.read(signal)) yield run;
  }

  async request(request: SipRequest, signal: AbortSignal): Promise<SipResponse> {
    signal.throwIfAborted();
    await Promise.resolve();
    if (this.#run === undefined) throw new GatewayError("no connection", { type: "wait", code: "sip-unreachable" });
    return this.#server.take(request, this);
  }
}

/**
 * A presence server in process, as Kamailio is one: publications with entity tags, the union of all tuples and persons,
 * a NOTIFY to every watcher after every PUBLISH, and calls (RFC 4235).
 */
export class PresenceServer {
  readonly connections = new Set<Connection>();
  /** By AOR and entity tag; the newest last. */
  readonly publications = new Map<string, Map<string, string>>();
  readonly #calls = new Map<string, string>();
  readonly #watches = new Map<string, Watch>();
  /** Every request that came. */
  readonly requests: SipRequest[] = [];
  /** Every answer to a NOTIFY. */
  readonly replies: (SipReply | undefined)[] = [];
  /** Gives the answer to a request instead of the server. */
  answer: (request: SipRequest) => SipResponse | undefined = () => undefined;
  /** Whether the first NOTIFY comes before the answer to SUBSCRIBE, after it, or never. */
  firstNotify: "before" | "after" | "never" = "after";
  grants = 3600;
  isUp = true;
  #count = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A connection of its own for one plugin. */
  connect(): Connection {
    return new Connection(this);
  }

  newRun(): string {
    return `run-${++this.#count}`;
  }

  /** All connections break. */
  goAway({ forgetting = false } = {}): void {
    this.isUp = false;
    if (forgetting) this.publications.clear();
    this.#watches.clear();
    for (const connection of this.connections) connection.turn(undefined);
  }

  /** It begins anew, and those who are connected by UDP cannot tell. */
  forget(): void {
    this.publications.clear();
    this.#watches.clear();
  }

  comeBack(): void {
    this.isUp = true;
    for (const connection of this.connections) connection.turn(this.newRun());
  }

  /** As a phone would: one tuple and one person of this id. */
  publishPhone(aor: string, id: string, { basic = "open", show = "", activities = "", note = "" } = {}): void {
    const shown = show && `<show xmlns="jabber:client">${show}</show>`;
    const noted = note && `<note>${note}</note>`;
    this.publish(
      aor,
      `phone-${id}`,
      `<tuple id="${id}"><status><basic>${basic}</basic>${shown}</status>${noted}</tuple>` +
        `<dm:person id="p-${id}"><rpid:activities>${activities}</rpid:activities></dm:person>`,
    );
  }

  publish(aor: string, tag: string, content: string): void {
    const ofAor = this.publications.get(aor) ?? new Map<string, string>();
    this.publications.set(aor, ofAor);
    ofAor.delete(tag);
    ofAor.set(tag, content);
    this.#notifyAll(aor, "presence");
  }

  unpublish(aor: string, tag: string): void {
    this.publications.get(aor)?.delete(tag);
    this.#notifyAll(aor, "presence");
  }

  setCalls(aor: string, state: string | undefined): void {
    const dialog = state === undefined ? "" : `<dialog id="c1"><state>${state}</state></dialog>`;
    this.#calls.set(aor, dialog);
    this.#notifyAll(aor, "dialog");
  }

  /** What a watcher of this user sees now; empty when nothing is published. */
  documentOf(aor: string): string {
    const contents = [...(this.publications.get(aor)?.values() ?? [])];
    if (contents.length === 0) return "";
    const named = ["tuple", "dm:person"].flatMap((name) => contents.flatMap((each) => elementsNamed(each, name)));
    return (
      '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"' +
      ` xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="${aor}">${named.join("")}</presence>`
    );
  }

  /** Subscriptions that stand. */
  get watches(): readonly { readonly aor: string; readonly event: string }[] {
    return [...this.#watches.values()].filter(({ expiresAt }) => expiresAt > this.#clock.now());
  }

  /** Ends all subscriptions of this user. */
  terminate(aor: string, state: string): void {
    for (const watch of [...this.#watches.values()].filter((each) => each.aor === aor)) {
      this.#watches.delete(watch.callId);
      this.#notify(watch, state);
    }
  }

  /** Sends any NOTIFY to whoever hears; the answer. */
  deliver(request: IncomingSipRequest): SipReply | undefined {
    for (const { handlers } of this.connections) {
      for (const handler of handlers) {
        const reply = handler(request);
        if (reply) return reply;
      }
    }
    return undefined;
  }

  take(request: SipRequest, connection: Connection): SipResponse {
    this.requests.push(request);
    const scripted = this.answer(request);
    if (scripted) return scripted;
    return request.method === "SUBSCRIBE" ? this.#subscribe(request, connection) : this.#takePublication(request);
  }

  #subscribe({ headers }: SipRequest, connection: Connection): SipResponse {
    const callId = headerOf(headers, "Call-ID") ?? "";
    const to = headerOf(headers, "To") ?? "";
    const known = this.#watches.get(callId);
    if (tagOf(to) !== undefined && !known) return response(481);
    const expires = Math.min(Number(headerOf(headers, "Expires")), this.grants);
    const watch: Watch = known ?? {
      aor: /<([^>]+)>/.exec(to)?.[1] ?? "",
      event: headerOf(headers, "Event") ?? "",
      callId,
      localTag: `server-${++this.#count}`,
      remoteTag: tagOf(headerOf(headers, "From")),
      connection,
      cseq: 0,
      expiresAt: this.#clock.now(),
    };
    watch.expiresAt = plus(this.#clock.now(), expires * 1000);
    if (expires === 0) this.#watches.delete(callId);
    else this.#watches.set(callId, watch);
    const state = expires === 0 ? "terminated;reason=timeout" : `active;expires=${expires}`;
    if (this.firstNotify === "before") this.#notify(watch, state);
    if (this.firstNotify === "after") queueMicrotask(() => setImmediate(() => this.#notify(watch, state)));
    return response(200, [
      ["To", `<${watch.aor}>;tag=${watch.localTag}`],
      ["Expires", String(expires)],
      ["Contact", "<sip:127.0.0.1:5060;transport=tcp>"],
    ]);
  }

  #takePublication({ target, headers, body = "" }: SipRequest): SipResponse {
    const tag = headerOf(headers, "SIP-If-Match");
    if (tag !== undefined && !this.publications.get(target)?.has(tag)) return response(412);
    const expires = headerOf(headers, "Expires") ?? "3600";
    const old = tag === undefined ? "" : (this.publications.get(target)?.get(tag) ?? "");
    if (tag !== undefined) this.publications.get(target)?.delete(tag);
    const next = `gw-${++this.#count}`;
    if (expires === "0") this.#notifyAll(target, "presence");
    else this.publish(target, next, body === "" ? old : (/<presence [^>]*>(.*)<\/presence>/s.exec(body)?.[1] ?? ""));
    return response(200, [
      ["SIP-ETag", next],
      ["Expires", expires],
    ]);
  }

  #notifyAll(aor: string, event: string): void {
    for (const watch of this.#watches.values())
      if (watch.aor === aor && watch.event === event) this.#notify(watch, "active");
  }

  #notify(watch: Watch, state: string): void {
    if (!this.isUp) return;
    const { aor, event, callId, localTag, remoteTag } = watch;
    const body = event === "presence" ? this.documentOf(aor) : this.#dialogsOf(aor);
    const type = event === "presence" ? "application/pidf+xml" : "application/dialog-info+xml";
    const request = notify({
      callId,
      cseq: ++watch.cseq,
      fromTag: localTag,
      toTag: remoteTag,
      headers: [
        ["Event", event],
        ["Subscription-State", state],
        ["Contact", "<sip:127.0.0.1:5060;transport=tcp>"],
        ...(body === "" ? [] : ([["Content-Type", type]] as const)),
      ],
      body,
    });
    for (const handler of watch.connection.handlers) this.replies.push(handler(request));
  }

  #dialogsOf(aor: string): string {
    const dialogs = this.#calls.get(aor);
    if (dialogs === undefined) return "";
    return `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="${aor}">${dialogs}</dialog-info>`;
  }
}

/** Of a document without its root, the elements of this name with their content; of one id the last. */
function elementsNamed(content: string, name: string): readonly string[] {
  return content.match(new RegExp(`<${name} .*?</${name}>`, "gs")) ?? [];
}
