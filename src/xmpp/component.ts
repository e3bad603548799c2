import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { type Milliseconds, milliseconds } from "../lib/time.ts";
import { escapeXml } from "../lib/xml.ts";
import { after } from "../ports/after.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { Clock } from "../ports/runtime.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import { NS } from "./namespaces.ts";
import { type StanzaLimits, StanzaReader } from "./stanza-reader.ts";
import { WriteQueue } from "./write-queue.ts";
import { decodeStreamError, linkError } from "./xmpp-errors.ts";

/** Where and as whom to connect. */
export interface ComponentOptions {
  readonly host: string;
  readonly port: number;
  /** The component's own domain. */
  readonly domain: string;
  /** Shared with the server; never logged. */
  readonly secret: string;
  readonly limits: StanzaLimits;
  /** Bytes that may wait to be written. */
  readonly queuedBytes: number;
  /** How long connecting and the handshake may take together. */
  readonly connectTimeout: Milliseconds;
}

/** What the stream tells, in order; nothing after `onEnd`. */
export interface ComponentHandlers {
  /** The handshake was accepted. */
  readonly onOnline: () => void;
  readonly onStanza: (element: XmlElement) => void;
  readonly onDropped: (limit: keyof StanzaLimits) => void;
  /** Once, whatever ended the stream, whether it was online or not. */
  readonly onEnd: (error: GatewayError) => void;
}

/** All that matters was written before; a clean stop has 5 s in all, and needs 4 of them to take back what is shown. */
const CLOSE_TIME: Milliseconds = milliseconds(500);

/** One stream of the component protocol (XEP-0114), from connecting to its end; it never comes back by itself. */
export class ComponentStream {
  readonly #options: ComponentOptions;
  readonly #handlers: ComponentHandlers;
  readonly #clock: Clock;
  readonly #socket: Socket;
  readonly #queue: WriteQueue;
  readonly #reader: StanzaReader;
  readonly #cancelTimeout: () => void;
  #state: "opening" | "online" | "ended" = "opening";

  constructor(options: ComponentOptions, handlers: ComponentHandlers, clock: Clock) {
    this.#options = options;
    this.#handlers = handlers;
    this.#clock = clock;
    this.#reader = new StanzaReader(options.limits, {
      onOpen: (header) => this.#onHeader(header),
      onStanza: (element) => this.#onElement(element),
      onDropped: (limit) => handlers.onDropped(limit),
      onClose: () => this.fail(linkError("xmpp-offline", "the XMPP server closed the stream")),
    });
    this.#socket = connect({ host: options.host, port: options.port, noDelay: true });
    this.#queue = new WriteQueue(this.#socket, options.queuedBytes);
    this.#socket.on("connect", () => this.#onConnect());
    this.#socket.on("data", (chunk) => this.#onData(chunk));
    this.#socket.on("error", (error) => this.fail(unreachable(options, error, this.#state)));
    this.#socket.on("close", () => this.fail(linkError("xmpp-offline", "the XMPP server closed the connection")));
    this.#cancelTimeout = after(clock, options.connectTimeout, () => this.#onConnectTimeout());
  }

  /** Resolves when the text was handed to the operating system; rejects when the stream ends before. */
  write(text: string, signal?: AbortSignal): Promise<void> {
    if (this.#state !== "online") return Promise.reject(linkError("xmpp-offline", "the XMPP server is not connected"));
    return this.#queue.write(text, signal);
  }

  /** Writes the text in its turn; throws when the stream has ended or takes no more. Who waits hears of its end by `onEnd`. */
  push(text: string): void {
    if (this.#state !== "online") throw linkError("xmpp-offline", "the XMPP server is not connected");
    this.#queue.push(text);
  }

  /** Writes what waits, ends the stream (RFC 6120 4.4) and resolves when the connection is gone. */
  async close(): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once("close", () => resolve());
    });
    const cancel = after(this.#clock, CLOSE_TIME, () => this.#socket.destroy());
    if (this.#state === "online") this.#queue.end("</stream:stream>");
    else this.#socket.destroy();
    await gone;
    cancel();
  }

  /** Ends the stream at once for this reason. */
  fail(error: GatewayError): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#cancelTimeout();
    this.#queue.fail(error);
    this.#socket.destroy();
    this.#handlers.onEnd(error);
  }

  #onConnect(): void {
    const header = `<stream:stream xmlns="${NS.component}" xmlns:stream="${NS.stream}" to="${escapeXml(this.#options.domain)}">`;
    this.#socket.write(`<?xml version="1.0"?>${header}`);
  }

  #onData(chunk: Buffer): void {
    if (this.#state === "ended") return;
    try {
      this.#reader.write(chunk);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      this.fail(linkError("xmpp-bad-stream", `the XMPP server's stream cannot be read: ${what}`, error));
    }
  }

  #onHeader(header: XmlElement): void {
    const id = header.attributes["id"];
    if (header.name !== "stream" || header.namespace !== NS.stream || id === undefined) {
      this.fail(linkError("xmpp-bad-stream", "what answers on the component port is no XMPP server"));
      return;
    }
    // XEP-0114 section 3, step 3: lower-case hexadecimal SHA-1 of the stream's id and the secret.
    const digest = createHash("sha1").update(`${id}${this.#options.secret}`).digest("hex");
    this.#socket.write(`<handshake>${digest}</handshake>`);
  }

  #onElement(element: XmlElement): void {
    if (this.#state === "ended") return;
    if (element.name === "error" && element.namespace === NS.stream) this.fail(decodeStreamError(element));
    else if (this.#state === "online") this.#handlers.onStanza(element);
    else if (element.name === "handshake") this.#onAccepted();
  }

  #onAccepted(): void {
    this.#state = "online";
    this.#cancelTimeout();
    this.#handlers.onOnline();
  }

  #onConnectTimeout(): void {
    const { host, port } = this.#options;
    this.fail(linkError("xmpp-timeout", `${host} port ${port} did not complete the component handshake in time`));
  }
}

const unreachable = ({ host, port }: ComponentOptions, error: Error, state: string): GatewayError =>
  state === "opening"
    ? linkError("xmpp-unreachable", `cannot connect to ${host} port ${port}: ${error.message}`, error)
    : linkError("xmpp-offline", `the connection to ${host} broke: ${error.message}`, error);
