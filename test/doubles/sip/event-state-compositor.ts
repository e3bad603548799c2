import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from "node:tls";
import { listenOnLoopback } from "../listen-on-loopback.ts";
import { type DigestDemand, DigestGuard } from "./digest-guard.ts";
import { headerOf, readSipText, responseTo, type SipText } from "./sip-text.ts";

/** One PUBLISH as it came. */
export interface SeenPublish {
  readonly aor: string;
  readonly etag: string | undefined;
  readonly expires: number;
  readonly body: string;
  readonly message: SipText;
}

/** What the server says instead of accepting; `raw` goes out as it is. */
export type ScriptedAnswer =
  | { readonly line: string; readonly headers?: readonly (readonly [string, string])[] }
  | { readonly raw: readonly string[] };

/** How the double is started. */
export interface CompositorOptions {
  readonly transport: "tcp" | "udp" | "tls";
  readonly tls?: TlsOptions;
  readonly port?: number;
  readonly digest?: DigestDemand;
  /** AORs that are answered 404. */
  readonly unknown?: readonly string[];
}

/**
 * An event state compositor (RFC 3903) that keeps publications in memory and does what it is told to. Its entity tags
 * begin with the user's name, so that an answer at the wrong user's publication shows.
 */
export class EventStateCompositor {
  /** Documents by AOR and entity tag. */
  readonly publications = new Map<string, Map<string, string>>();
  readonly seen: SeenPublish[] = [];
  /** Everything else that came: requests, and responses to its own. */
  readonly others: SipText[] = [];
  /** Publications of one AOR that were under way at a time: more than one is against RFC 3903 4. */
  mostAtOnce = 0;
  /** An entity tag that was used for another AOR's publication. */
  wrongTags = 0;
  /** Decides on a PUBLISH; undefined: as it should be. */
  script: ((publish: SeenPublish, count: number) => ScriptedAnswer | undefined) | undefined;
  /** Changes what goes out: none, one or several texts. */
  mangle: ((text: string) => readonly string[]) | undefined;
  isHanging = false;
  answersPings = true;
  /** What it grants, in seconds; as asked when undefined. */
  granted: number | undefined;
  connections = 0;
  /** Names in the certificates that clients showed. */
  readonly shownNames: string[] = [];
  readonly #options: CompositorOptions;
  readonly #guard: DigestGuard | undefined;
  readonly #sockets = new Set<Socket>();
  #close: () => Promise<void> = async () => undefined;
  #push: (text: string) => void = () => undefined;
  #tags = 0;
  #port = 0;
  #runs = 0;
  readonly #underWay = new Map<string, number>();

  private constructor(options: CompositorOptions) {
    this.#options = options;
    this.#guard = options.digest && new DigestGuard(options.digest);
  }

  static async start(options: CompositorOptions): Promise<EventStateCompositor> {
    const compositor = new EventStateCompositor(options);
    await compositor.listen(options.port ?? 0);
    return compositor;
  }

  get port(): number {
    return this.#port;
  }

  get challenges(): number {
    return this.#guard?.challenges ?? 0;
  }

  /** What is published of the AOR, in the order of publication. */
  shown(aor: string): readonly string[] {
    return [...(this.publications.get(aor)?.values() ?? [])];
  }

  /** Listens again, at the same port unless told otherwise. */
  async listen(port = this.#port): Promise<void> {
    if (this.#options.transport === "udp") await this.#listenForDatagrams(port);
    else await this.#listenForStreams(port);
  }

  /** Goes away; what is kept stays unless it is lost. */
  async stop(): Promise<void> {
    this.#runs++;
    this.#underWay.clear();
    for (const socket of this.#sockets) socket.destroy();
    await this.#close();
    this.#close = async () => undefined;
  }

  /** Goes away and comes back without memory. */
  async restartEmpty(): Promise<void> {
    await this.stop();
    this.publications.clear();
    await this.listen();
  }

  /** Sends something to whoever is connected, or has sent last. */
  push(text: string): void {
    this.#push(text);
  }

  async #listenForStreams(port: number): Promise<void> {
    const serve = (socket: Socket): void => this.#serve(socket);
    const server: Server = this.#options.tls ? createTlsServer(this.#options.tls, serve) : createServer(serve);
    server.on("tlsClientError", () => undefined); // clients that do not trust it hang up
    this.#port = await listenOnLoopback(server, port);
    this.#close = () => new Promise((resolve) => server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.connections++;
    if (socket instanceof TLSSocket) this.shownNames.push(String(socket.getPeerCertificate().subject?.CN));
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const send = (text: string): void => void socket.write(text);
    this.#push = send;
    let rest = "";
    socket.on("data", (chunk: Buffer) => {
      rest += chunk.toString("latin1");
      for (;;) {
        if (rest.startsWith("\r\n\r\n") && this.answersPings) send("\r\n"); // RFC 5626 3.5.1
        rest = rest.replace(/^(?:\r\n)+/, "");
        const read = readSipText(rest);
        if (!read) return;
        rest = rest.slice(read.end);
        this.#take(read.message, send);
      }
    });
  }

  async #listenForDatagrams(port: number): Promise<void> {
    const socket = createSocket("udp4");
    socket.bind(port, "127.0.0.1");
    await once(socket, "listening");
    this.#port = socket.address().port;
    socket.on("error", () => undefined);
    socket.on("message", (datagram: Buffer, from: RemoteInfo) => {
      const read = readSipText(datagram.toString("latin1"));
      const send = (text: string): void => socket.send(text, from.port, from.address);
      this.#push = send;
      if (read) this.#take(read.message, send);
    });
    this.#close = () => new Promise((resolve) => socket.close(() => resolve()));
  }

  #take(message: SipText, send: (text: string) => void): void {
    if (!message.start.startsWith("PUBLISH ")) {
      this.others.push(message);
      return;
    }
    const publish: SeenPublish = {
      aor: message.start.split(" ")[1] ?? "",
      etag: headerOf(message, "SIP-If-Match"),
      expires: Number(headerOf(message, "Expires")),
      body: message.body,
      message,
    };
    const atOnce = (this.#underWay.get(publish.aor) ?? 0) + 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, atOnce);
    this.#underWay.set(publish.aor, atOnce);
    this.seen.push(publish);
    if (this.isHanging) return;
    // Later, so that a second publication of the same AOR would be seen to overtake.
    const run = this.#runs;
    setImmediate(() => {
      if (run !== this.#runs) return; // it died before it came to this
      this.#underWay.set(publish.aor, (this.#underWay.get(publish.aor) ?? 1) - 1);
      for (const text of this.#answer(publish)) for (const each of this.mangle?.(text) ?? [text]) send(each);
    });
  }

  #answer(publish: SeenPublish): readonly string[] {
    const challenge = this.#guard?.check(publish.message);
    if (challenge) return [responseTo(publish.message, "401 Unauthorized", challenge)];
    const scripted = this.script?.(publish, this.seen.length);
    if (scripted)
      return "raw" in scripted ? scripted.raw : [responseTo(publish.message, scripted.line, scripted.headers ?? [])];
    if (this.#options.unknown?.includes(publish.aor)) return [responseTo(publish.message, "404 Not Found", [])];
    return [this.accept(publish)];
  }

  /** RFC 3903 6: what the server should say, and does to its memory. */
  accept({ aor, etag, expires, body, message }: SeenPublish): string {
    const kept = this.publications.get(aor) ?? new Map<string, string>();
    this.publications.set(aor, kept);
    const name = userOf(aor);
    if (etag?.startsWith(`${name}.`) === false) this.wrongTags++;
    const before = etag === undefined ? undefined : kept.get(etag);
    if (etag !== undefined && before === undefined) return responseTo(message, "412 Conditional Request Failed", []);
    if (etag === undefined && body === "") return responseTo(message, "400 Invalid request", []);
    if (etag !== undefined) kept.delete(etag);
    const fresh = `${name}.${++this.#tags}`;
    if (expires > 0) kept.set(fresh, body === "" ? (before ?? "") : body);
    return responseTo(message, "200 OK", [
      ["SIP-ETag", fresh],
      ["Expires", String(expires === 0 ? 0 : (this.granted ?? expires))],
    ]);
  }
}

const userOf = (aor: string): string => /^sips?:([^@]+)@/.exec(aor)?.[1] ?? "";
