import type { GatewayError } from "../../src/ports/errors.ts";
import type {
  NotificationAnswer,
  NotificationEndpoint,
  NotificationListener,
  NotificationRequest,
} from "../../src/ports/notification-listener.ts";
import type { PostAnswer } from "./microsoft/notification-delivery.ts";

/** Webhooks without sockets: what the cloud posts is handed on at once. */
export class DirectWebhooks implements NotificationListener {
  hasWebhooks = true;
  base = "https://gw.example.com/graph";
  /** False: nothing reaches the webhooks. */
  isReachable = true;
  refusal: GatewayError | undefined;
  readonly #open = new Map<string, NotificationRequest["receive"]>();
  #count = 0;

  async open(request: NotificationRequest, signal: AbortSignal): Promise<NotificationEndpoint> {
    signal.throwIfAborted();
    if (this.refusal) throw this.refusal;
    const url = `${this.base}/n/${request.pathKey ?? `key-${++this.#count}`}`;
    this.#open.set(url, request.receive);
    return { url, ended: new AbortController().signal, close: () => this.#open.delete(url) };
  }

  get urls(): readonly string[] {
    return [...this.#open.keys()];
  }

  send(url: string, body: string): NotificationAnswer | undefined {
    const [path = "", query] = url.split("?");
    const receive = this.isReachable ? this.#open.get(path) : undefined;
    return receive?.({ headers: new Map(), body: Buffer.from(body), ...(query !== undefined && { query }) });
  }

  readonly post = async (url: string, body: string): Promise<PostAnswer> => {
    const answer = this.send(url, body);
    return answer ? { ...answer, took: 0 } : { status: 0, contentType: "", body: "", took: 0 };
  };
}
