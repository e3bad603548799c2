import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { orAborted } from "../shared-http/or-aborted.ts";
import type { SipHop } from "./locate-servers.ts";
import { parseDatagram } from "./message-framer.ts";
import { SipSyntaxError } from "./sip-message.ts";
import type { SipTransport, SipTransportEvents } from "./sip-transport.ts";

/** A burst of answers must find room while the event loop is busy. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

/**
 * A connected UDP socket: only the server's datagrams arrive, and a server that is not there shows itself at once
 * (ECONNREFUSED), which ends the transport.
 */
export async function openDatagrams(
  { host, port }: SipHop,
  events: SipTransportEvents,
  signal: AbortSignal,
): Promise<SipTransport> {
  const { address, family } = await orAborted(lookup(host), signal);
  const socket = createSocket({ type: family === 6 ? "udp6" : "udp4" });
  try {
    const connected = once(socket, "connect", { signal });
    socket.connect(port, address);
    await connected;
  } catch (error) {
    socket.on("error", () => undefined).close();
    throw signal.aborted ? signal.reason : error;
  }
  return new DatagramTransport(socket, events);
}

class DatagramTransport implements SipTransport {
  readonly name = "udp";
  readonly localAddress: string;
  readonly localPort: number;
  readonly #socket: Socket;
  #isOpen = true;

  constructor(socket: Socket, events: SipTransportEvents) {
    const { address, family, port } = socket.address();
    this.localAddress = family === "IPv6" ? `[${address}]` : address;
    this.localPort = port;
    this.#socket = socket;
    growReceiveBuffer(socket);
    socket.on("message", (datagram) => this.#receive(datagram, events));
    socket.on("error", (error) => {
      if (!this.#isOpen) return;
      this.close();
      events.closed(error);
    });
  }

  send(message: string): void {
    if (this.#isOpen) this.#socket.send(message);
  }

  /** Datagrams have no connection to keep. */
  ping(): void {
    return;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.close();
  }

  #receive(datagram: Buffer, events: SipTransportEvents): void {
    try {
      const message = parseDatagram(datagram);
      if (message) events.message(message);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      events.garbage();
    }
  }
}

function growReceiveBuffer(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER);
  } catch {
    return; // the system allows less: retransmissions make up for what is lost
  }
}
