import { createHash, randomBytes } from "node:crypto";
import type { ConnectionOptions } from "node:tls";
import { openDatagrams, openStream, type SipWire } from "./sip-wire.ts";

/** A message as it came, cut into its parts; texts are UTF-8. */
export interface SipMessage {
  readonly startLine: string;
  /** 0 for a request. */
  readonly status: number;
  header(name: string): string | undefined;
  readonly body: string;
}

/** A publication as a phone, or somebody worse, sends it; what is given is sent as it is. */
export interface RawPublication {
  readonly aor: string;
  readonly body?: string | Buffer;
  readonly contentType?: string;
  readonly event?: string;
  /** `o` is the compact form. */
  readonly eventHeader?: "Event" | "o";
  readonly etag?: string;
  readonly expires?: number;
  /** More header lines. */
  readonly headers?: readonly string[];
}

/** Somebody who watches one presentity. */
export interface SipWatcher {
  /** Bodies of the NOTIFY requests so far, the first may be empty. */
  readonly documents: readonly string[];
  /** Resolves when the latest document fits. */
  waitFor(fits: (document: string) => boolean, what: string, limit?: number): Promise<string>;
  end(): void;
}

/** A small SIP client that believes nothing and checks nothing: the other side of the tests. */
export interface SipClient {
  publish(publication: RawPublication): Promise<SipMessage>;
  watch(aor: string): Promise<SipWatcher>;
  close(): void;
}

export interface SipClientOptions {
  readonly port: number;
  readonly transport?: "udp" | "tcp" | "tls";
  readonly tls?: ConnectionOptions;
  /** Answers one challenge of each request (MD5, RFC 2617). */
  readonly login?: { readonly user: string; readonly password: string };
  /** Who it says it is; the publication's own address when absent. */
  readonly from?: string;
}

const ANSWER_LIMIT = 5_000;

/** Connects to a server on 127.0.0.1. */
export async function openSipClient(options: SipClientOptions): Promise<SipClient> {
  const client = new RawSipClient(options);
  await client.open();
  return client;
}

class RawSipClient implements SipClient {
  readonly #options: SipClientOptions;
  readonly #answers = new Map<string, (message: SipMessage) => void>();
  readonly #watchers = new Map<string, (message: SipMessage) => void>();
  #wire: SipWire | undefined;
  #sent = 0;

  constructor(options: SipClientOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { port, transport = "udp", tls } = this.#options;
    const take = (text: string): void => this.#take(text);
    this.#wire = transport === "udp" ? await openDatagrams(port, take) : await openStream(port, take, tls);
  }

  publish(publication: RawPublication): Promise<SipMessage> {
    const {
      aor,
      body = "",
      contentType,
      event = "presence",
      eventHeader = "Event",
      etag,
      expires = 600,
      headers = [],
    } = publication;
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
    return this.#request("PUBLISH", aor, bytes, [
      `${eventHeader}: ${event}`,
      `Expires: ${expires}`,
      ...(etag === undefined ? [] : [`SIP-If-Match: ${etag}`]),
      ...(bytes.length > 0 ? [`Content-Type: ${contentType ?? "application/pidf+xml"}`] : []),
      ...headers,
    ]);
  }

  async watch(aor: string): Promise<SipWatcher> {
    const documents: string[] = [];
    const hearers = new Set<() => void>();
    const callId = `watch-${randomBytes(8).toString("hex")}`;
    this.#watchers.set(callId, ({ body }) => {
      documents.push(body);
      for (const hear of hearers) hear();
    });
    const lines = ["Event: presence", "Accept: application/pidf+xml", "Expires: 3600", this.#contact];
    const { status, startLine } = await this.#request("SUBSCRIBE", aor, Buffer.alloc(0), lines, callId);
    if (status >= 300) throw new Error(`SUBSCRIBE ${aor}: ${startLine}`);
    return {
      documents,
      waitFor: (fits, what, limit = 10_000) =>
        new Promise((resolve, reject) => {
          const look = (): void => {
            const latest = documents.at(-1);
            if (latest === undefined || !fits(latest)) return;
            finish();
            resolve(latest);
          };
          const finish = (): void => {
            clearTimeout(timer);
            hearers.delete(look);
          };
          const timer = setTimeout(() => {
            finish();
            reject(new Error(`${aor} was not seen ${what}; last of ${documents.length}:\n${documents.at(-1)}`));
          }, limit);
          hearers.add(look);
          look();
        }),
      end: () => this.#watchers.delete(callId),
    };
  }

  close(): void {
    this.#wire?.close();
  }

  get #contact(): string {
    const { transport = "udp" } = this.#options;
    return `Contact: <sip:client@127.0.0.1:${this.#wire?.localPort};transport=${transport}>`;
  }

  async #request(
    method: string,
    aor: string,
    body: Buffer,
    lines: readonly string[],
    callId = `call-${randomBytes(8).toString("hex")}`,
  ): Promise<SipMessage> {
    const first = await this.#send(method, aor, body, [`Call-ID: ${callId}`, ...lines]);
    const { login } = this.#options;
    if (first.status !== 401 || !login) return first;
    const credentials = answerChallenge(first.header("www-authenticate") ?? "", { ...login, method, uri: aor });
    return this.#send(method, aor, body, [`Call-ID: ${callId}`, `Authorization: ${credentials}`, ...lines]);
  }

  #send(method: string, aor: string, body: Buffer, lines: readonly string[]): Promise<SipMessage> {
    const wire = this.#wire;
    if (!wire) throw new Error("the client is not open");
    const branch = `z9hG4bK${randomBytes(12).toString("hex")}`;
    const head = [
      `${method} ${aor} SIP/2.0`,
      `Via: SIP/2.0/${wire.transport} 127.0.0.1:${wire.localPort};rport;branch=${branch}`,
      "Max-Forwards: 70",
      `From: <${this.#options.from ?? aor}>;tag=${randomBytes(6).toString("hex")}`,
      `To: <${aor}>`,
      `CSeq: ${++this.#sent} ${method}`,
      ...lines,
      `Content-Length: ${body.length}`,
    ];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#answers.delete(branch);
        reject(new Error(`${method} ${aor}: no answer`));
      }, ANSWER_LIMIT);
      this.#answers.set(branch, (message) => {
        if (message.status < 200) return;
        clearTimeout(timer);
        this.#answers.delete(branch);
        resolve(message);
      });
      // The body may hold any bytes, so the wire takes a character for a byte.
      wire.send(`${Buffer.from(head.join("\r\n")).toString("latin1")}\r\n\r\n${body.toString("latin1")}`);
    });
  }

  #take(text: string): void {
    const message = cutMessage(text);
    if (message.status > 0) {
      const branch = /branch=([^;\s]+)/.exec(message.header("via") ?? "")?.[1] ?? "";
      this.#answers.get(branch)?.(message);
      return;
    }
    const isNotify = message.startLine.startsWith("NOTIFY ");
    const watcher = this.#watchers.get(message.header("call-id") ?? "");
    const reply = isNotify && watcher ? "200 OK" : "481 Subscription Does Not Exist";
    this.#wire?.send(composeReply(text, reply));
    if (isNotify) watcher?.(message);
  }
}

function cutMessage(text: string): SipMessage {
  const cut = text.indexOf("\r\n\r\n");
  const [startLine = "", ...lines] = text.slice(0, cut).split("\r\n");
  const headers = lines.map((line) => /^([^:\s]+)\s*:\s*(.*)$/.exec(line) ?? []);
  const compact: Readonly<Record<string, string>> = { v: "via", i: "call-id", f: "from", t: "to", l: "content-length" };
  const find = (name: string): string | undefined =>
    headers.find(([, each = ""]) => (compact[each.toLowerCase()] ?? each.toLowerCase()) === name)?.[2];
  return {
    startLine,
    status: Number(/^SIP\/2\.0 (\d{3})/.exec(startLine)?.[1] ?? 0),
    header: find,
    body: Buffer.from(text.slice(cut + 4), "latin1").toString(),
  };
}

/** RFC 3261 8.2.6.2: what names the transaction and the dialog comes back as it was. */
const composeReply = (request: string, status: string): string =>
  [
    `SIP/2.0 ${status}`,
    ...request
      .slice(0, request.indexOf("\r\n\r\n"))
      .split("\r\n")
      .filter((line) => /^(via|v|from|f|to|t|call-id|i|cseq)\s*:/i.test(line)),
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n");

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

function answerChallenge(
  challenge: string,
  { user, password, method, uri }: { readonly user: string; password: string; method: string; uri: string },
): string {
  const read = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1] ?? "";
  const [realm, nonce, cnonce] = [read("realm"), read("nonce"), randomBytes(4).toString("hex")];
  const [secret, request] = [md5(`${user}:${realm}:${password}`), md5(`${method}:${uri}`)];
  const hasQop = /qop=/.test(challenge);
  const middle = hasQop ? `${nonce}:00000001:${cnonce}:auth` : nonce;
  const qop = hasQop ? `, qop=auth, nc=00000001, cnonce="${cnonce}"` : "";
  return `Digest username="${user}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${md5(`${secret}:${middle}:${request}`)}", algorithm=MD5${qop}`;
}
