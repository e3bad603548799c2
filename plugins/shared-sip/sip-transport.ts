import type { SipTransportName } from "./locate-servers.ts";
import type { SipMessage } from "./sip-message.ts";

/** One connection, or connected UDP socket, to one server. */
export interface SipTransport {
  readonly name: SipTransportName;
  /** Of our end, as it stands in Via and Contact; IPv6 in brackets. */
  readonly localAddress: string;
  readonly localPort: number;
  /** Sends a message; what cannot be sent shows itself by `closed`. */
  send(message: string): void;
  /** Asks for a sign of life (RFC 5626 3.5.1), where the transport has such a thing. */
  ping(): void;
  close(): void;
}

/** What a transport tells. */
export interface SipTransportEvents {
  /** A message came in. What it throws is a defect. */
  message(message: SipMessage): void;
  /** Something came in that is no message, on a transport that lives on. */
  garbage(): void;
  /** A sign of life that carries nothing. */
  pong(): void;
  /** Called once, when the connection has ended by itself. */
  closed(cause: unknown): void;
}
