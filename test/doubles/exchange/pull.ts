import type { Mailbox } from "./mailbox.ts";
import { encodeNotification, type NotificationEvent } from "./notification.ts";
import { textAt } from "./request-xml.ts";
import type { Answer, Call } from "./site.ts";
import { EwsFault, encodeMessage, encodeResponse } from "./soap.ts";
import { newSubscriptionId, type Subscription, type Subscriptions } from "./subscriptions.ts";

/** A subscription whose events the client fetches by GetEvents before `timeout` (ms) has passed since the last fetch. */
export class PullSubscription implements Subscription {
  readonly id = newSubscriptionId();
  readonly owner: string;
  readonly mailbox: Mailbox;
  readonly eventTypes: ReadonlySet<string>;
  readonly #timeout: number;
  #waiting: readonly NotificationEvent[] = [];
  #fetchedAt: number;

  constructor(details: Pick<PullSubscription, "owner" | "mailbox" | "eventTypes">, timeout: number, now: number) {
    this.owner = details.owner;
    this.mailbox = details.mailbox;
    this.eventTypes = details.eventTypes;
    this.#timeout = timeout;
    this.#fetchedAt = now;
  }

  deliver(events: readonly NotificationEvent[]): void {
    this.#waiting = [...this.#waiting, ...events];
  }

  end(): void {
    this.#waiting = [];
  }

  isExpired(now: number): boolean {
    return now - this.#fetchedAt > this.#timeout;
  }

  /** The events after a watermark; those before it are confirmed and forgotten. */
  fetch(watermark: number, now: number): readonly NotificationEvent[] {
    this.#fetchedAt = now;
    this.#waiting = this.#waiting.filter((event) => event.number > watermark);
    return this.#waiting;
  }
}

/** GetEvents: the events of a pull subscription after the watermark of the last answer. */
export function getEvents(call: Call, subscriptions: Subscriptions, now: number): Answer {
  const message = encodeMessage("GetEvents", () => {
    const found = subscriptions.find(textAt(call.body, "SubscriptionId") ?? "", call.account.user);
    if (!(found instanceof PullSubscription)) {
      throw new EwsFault("ErrorSubscriptionNotFound", "The subscription was not found.");
    }
    const watermark = decodeWatermark(textAt(call.body, "Watermark") ?? "");
    return encodeNotification(found.id, watermark, found.fetch(watermark, now));
  });
  return { body: encodeResponse("GetEvents", message) };
}

function decodeWatermark(text: string): number {
  const number = /^AQAAAOb(\d+)$/.exec(Buffer.from(text, "base64").toString())?.[1];
  if (number === undefined)
    throw new EwsFault("ErrorInvalidWatermark", "The watermark used for the notification is invalid.");
  return Number(number);
}
