/** What a calendar server sent to an address of ours. Anybody may have sent it: it never means more than "look again". */
export interface InboundNotification {
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** At most as many bytes as the listener takes. */
  readonly body: Uint8Array;
}

/** What the sender is answered; a datagram has no answer. */
export interface NotificationAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** An address that calendar servers may send notifications to. */
export interface NotificationEndpoint {
  /** `http://…` (TCP) or `httpu://…` (UDP); its path cannot be guessed. */
  readonly url: string;
  /** Aborts when nothing is heard at the URL any more because the port or the address was changed: open another. */
  readonly ended: AbortSignal;
  /** Takes the address back; safe to call twice. */
  close(): void;
}

/** What is to be heard. */
export interface NotificationRequest {
  readonly transport: "tcp" | "udp";
  /** The port to hear on; undefined: the parameter exchange-notification-port. */
  readonly port?: number | undefined;
  /** Hosts or CIDR blocks that notifications are taken from; empty: anybody who knows the path. */
  readonly sources: readonly string[];
  /** Answers at once: the sender's time is short, so work is queued and not done here. Must not throw. */
  readonly receive: (notification: InboundNotification) => NotificationAnswer;
}

/** The one place that listens for what calendar servers push; nothing is bound until something is asked for. */
export interface NotificationListener {
  /** Rejects with GatewayError (`notification-port-taken`, `notification-address-unknown`). */
  open(request: NotificationRequest, signal: AbortSignal): Promise<NotificationEndpoint>;
}
