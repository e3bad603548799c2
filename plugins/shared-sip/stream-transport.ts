import { isIP, type Socket } from "node:net";
import { seconds } from "../../src/lib/time.ts";
import type { TlsTerms, Trust } from "../../src/ports/trust.ts";
import { openSocket, tlsOptionsOf } from "../shared-http/open-socket.ts";
import type { SipHop } from "./locate-servers.ts";
import { MessageFramer } from "./message-framer.ts";
import { SipSyntaxError } from "./sip-message.ts";
import type { SipTransport, SipTransportEvents } from "./sip-transport.ts";

/** Whom to trust, and who the gateway is; for TLS. */
export interface StreamSecurity {
  readonly trust: Trust;
  readonly terms: TlsTerms;
}

/** A server that has gone without a word is noticed by the system after some minutes. */
const KEEP_ALIVE = seconds(30);

/** A TCP or TLS connection. Rejects with the system's error, or the signal's reason. */
export async function openStream(
  name: "tcp" | "tls",
  { hop, security: { trust, terms } }: { readonly hop: SipHop; readonly security: StreamSecurity },
  events: SipTransportEvents,
  signal: AbortSignal,
): Promise<SipTransport> {
  const socket = await openSocket(hop, name === "tls" ? tlsOptionsOf(hop.name, trust, terms) : undefined, signal);
  return new StreamTransport(name, socket, events);
}

class StreamTransport implements SipTransport {
  readonly name: "tcp" | "tls";
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: Socket;
  readonly #framer: MessageFramer;
  readonly #events: SipTransportEvents;
  #isOpen = true;
  #outgoing = "";

  constructor(name: "tcp" | "tls", socket: Socket, events: SipTransportEvents) {
    this.name = name;
    const { localAddress = "127.0.0.1", localPort = 0 } = socket;
    this.localAddress = isIP(localAddress) === 6 ? `[${localAddress}]` : localAddress;
    this.localPort = localPort;
    this.#socket = socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE);
    this.#events = events;
    this.#framer = new MessageFramer(() => events.pong());
    let cause: unknown;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => {
      cause = error;
    });
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#end(cause));
  }

  send(message: string): void {
    if (!this.#isOpen) return;
    // What is sent in one callback, with all that follows from it, goes out by one system call.
    if (this.#outgoing === "") process.nextTick(() => this.#flush());
    this.#outgoing += message;
  }

  ping(): void {
    this.send("\r\n\r\n");
  }

  close(): void {
    this.#isOpen = false;
    this.#socket.destroy();
  }

  #flush(): void {
    const text = this.#outgoing;
    this.#outgoing = "";
    if (this.#isOpen) this.#socket.write(text);
  }

  #receive(chunk: Buffer): void {
    if (!this.#isOpen) return;
    try {
      for (const message of this.#framer.push(chunk)) {
        this.#events.message(message);
        if (!this.#isOpen) return;
      }
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      this.#events.garbage();
      this.#socket.destroy(); // where the next message begins is not known
    }
  }

  #end(cause: unknown): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#events.closed(cause);
  }
}
