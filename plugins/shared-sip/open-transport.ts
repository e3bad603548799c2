import { openDatagrams } from "./datagram-transport.ts";
import type { SipHop, SipTransportName } from "./locate-servers.ts";
import type { SipTransport, SipTransportEvents } from "./sip-transport.ts";
import { openStream, type StreamSecurity } from "./stream-transport.ts";

/** Connects. Rejects with the system's error, or the signal's reason. */
export const openTransport = (
  name: SipTransportName,
  { hop, security }: { readonly hop: SipHop; readonly security: StreamSecurity },
  events: SipTransportEvents,
  signal: AbortSignal,
): Promise<SipTransport> =>
  name === "udp" ? openDatagrams(hop, events, signal) : openStream(name, { hop, security }, events, signal);
