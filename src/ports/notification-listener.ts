/** What a calendar server sent to an address of ours. Anybody may have sent it: it never means more than "look again". */
export interface InboundNotification {
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** At most as many bytes as the listener takes. */
  readonly body: Uint8Array;
  /** What follows the `?` of the URL, as it came; only `https` takes any. */
  readonly query?: string;
}

/** What the sender is answered; a datagram has no answer. */
export interface NotificationAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** An address that calendar servers may send notifications to. */
export interface NotificationEndpoint {
  /** `http://…` (TCP), `httpu://…` (UDP) or `https://…`, as the sender is to use it; its path cannot be guessed. */
  readonly url: string;
  /** Aborts when nothing is heard at the URL any more because the port or the address was changed: open another. */
  readonly ended: AbortSignal;
  /** Takes the address back; safe to call twice. */
  close(): void;
}

/** What is to be heard. */
export interface NotificationRequest {
  /** `https`: a webhook, with our own certificate or behind a reverse proxy, as the configuration file says. */
  readonly transport: "tcp" | "udp" | "https";
  /** The port to hear on; undefined: the parameter exchange-notification-port. Not for `https`. */
  readonly port?: number | undefined;
  /** The last part of the path, where the URL must be the same after a restart: 16 to 64 of `A-Za-z0-9_-`. */
  readonly pathKey?: string | undefined;
  /** Hosts or CIDR blocks that notifications are taken from; empty: anybody who knows the path. */
  readonly sources: readonly string[];
  /** Answers at once: the sender's time is short, so work is queued and not done here. Must not throw. */
  readonly receive: (notification: InboundNotification) => NotificationAnswer;
}

/** The one place that listens for what calendar servers push; nothing is bound until something is asked for. */
export interface NotificationListener {
  /** True where the configuration file says how webhooks reach the gateway, so that `https` can be opened. */
  readonly hasWebhooks?: boolean;
  /**
   * Rejects with GatewayError (`notification-port-taken`, `notification-address-unknown`,
   * `notification-webhook-not-configured`, `notification-certificate-unusable`).
   */
  open(request: NotificationRequest, signal: AbortSignal): Promise<NotificationEndpoint>;
}
