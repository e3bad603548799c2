import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type {
  InboundNotification,
  NotificationAnswer,
  NotificationEndpoint,
  NotificationListener,
} from "../../src/ports/notification-listener.ts";

/** How changes are heard of: by datagrams (`udp`), by asking (`poll`), or the first where it can be (`auto`). */
export type NotificationChoice = "auto" | "udp" | "poll";

/** Told the ids that a datagram names; none when the server speaks of all. */
export type NotifyHandler = (ids: readonly string[]) => void;

// A datagram has no answer.
const TAKEN: NotificationAnswer = { status: 200, contentType: "text/plain", body: "" };

/** The one address that the server sends its NOTIFY datagrams to; opened when first asked for, and again when it ended. */
export class CallbackAddress {
  readonly #listener: NotificationListener;
  readonly #choice: NotificationChoice;
  readonly #lifetime: AbortSignal;
  readonly #handlers = new Set<NotifyHandler>();
  #endpoint: NotificationEndpoint | undefined;
  #opening: Promise<NotificationEndpoint> | undefined;
  #problem: GatewayError | undefined;

  /** @param lifetime aborts when the address is not needed any more */
  constructor(listener: NotificationListener, choice: NotificationChoice, lifetime: AbortSignal) {
    this.#listener = listener;
    this.#choice = choice;
    this.#lifetime = lifetime;
  }

  /** How changes are heard of now, in words. */
  get words(): string {
    if (this.#choice === "poll") return "asked for changes (notifications=poll)";
    if (this.#problem) return `asked for changes, because no datagrams can be heard: ${this.#problem.message}`;
    return "notified by UDP";
  }

  /** Calls the handler for every datagram; the returned function ends that. */
  hear(handler: NotifyHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** The address; undefined when changes are to be asked for. Rejects with GatewayError where `udp` was asked for. */
  async find(signal: AbortSignal): Promise<NotificationEndpoint | undefined> {
    signal.throwIfAborted();
    if (this.#choice === "poll") return undefined;
    try {
      if (this.#endpoint?.ended.aborted) this.#endpoint = undefined;
      this.#endpoint ??= await this.#open();
      this.#problem = undefined;
      return this.#endpoint;
    } catch (error) {
      signal.throwIfAborted();
      this.#problem = toGatewayError(error);
      if (this.#choice === "udp") throw this.#problem;
      return undefined;
    }
  }

  /** Takes the address back. */
  close(): void {
    this.#endpoint?.close();
    this.#endpoint = undefined;
  }

  async #open(): Promise<NotificationEndpoint> {
    const receive = (notification: InboundNotification): NotificationAnswer => this.#receive(notification);
    this.#opening ??= this.#listener.open({ transport: "udp", sources: [], receive }, this.#lifetime);
    try {
      return await this.#opening;
    } finally {
      this.#opening = undefined;
    }
  }

  #receive({ headers }: InboundNotification): NotificationAnswer {
    const ids = (headers.get("subscription-id") ?? "").split(",").map((id) => id.trim());
    const named = ids.filter((id) => id !== "");
    for (const handler of this.#handlers) handler(named);
    return TAKEN;
  }
}
