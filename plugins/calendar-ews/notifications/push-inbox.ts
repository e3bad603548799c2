import type { Mailbox } from "../../../src/core/addresses.ts";
import { Channel } from "../../../src/lib/channel.ts";
import type { InboundNotification, NotificationAnswer } from "../../../src/ports/notification-listener.ts";
import type { MadeSubscription } from "../subscribe.ts";
import {
  decodeSendNotification,
  encodeNotificationResult,
  type WatermarkedNotification,
} from "./decode-notifications.ts";

/** What the watch is told: queued, so that the server is answered at once. */
export type PushSign =
  | { readonly kind: "heard" }
  | { readonly kind: "tick" }
  | { readonly kind: "ended" }
  | { readonly kind: "changed"; readonly mailbox: Mailbox };

interface Heard {
  watermark: string;
  isHeard: boolean;
  quietTicks: number;
}

// Notifications that overtake the answer to their own Subscribe: one for each of 200 mailboxes at most.
const MOST_EARLY = 400;

/** Takes what a server pushes for one group of subscriptions. Anybody may have sent it: all it does is "look again". */
export class PushInbox {
  /** True while subscriptions are being made: a notification may come before its subscription's id is known. */
  isExpecting = false;
  readonly #host: string;
  readonly #mailboxOf: (id: string) => Mailbox | undefined;
  readonly #heard = new Map<string, Heard>();
  readonly #early = new Set<string>();
  readonly #waiting = new Set<string>();
  readonly #signs = new Channel<PushSign>();

  constructor(host: string, mailboxOf: (id: string) => Mailbox | undefined) {
    this.#host = host;
    this.#mailboxOf = mailboxOf;
  }

  /** For the listener; never throws. */
  readonly receive = ({ body }: InboundNotification): NotificationAnswer => {
    let notifications: readonly WatermarkedNotification[];
    try {
      notifications = decodeSendNotification(this.#host, body);
    } catch {
      return { status: 400, contentType: "text/plain", body: "" }; // whoever sent it is no Exchange: nobody to tell
    }
    const isKnown = notifications.map((each) => this.#take(each)).some(Boolean);
    const text = encodeNotificationResult(isKnown || notifications.length === 0 ? "OK" : "Unsubscribe");
    return { status: 200, contentType: "text/xml; charset=utf-8", body: text };
  };

  /** A subscription was made; its first StatusEvent may have come already. */
  made({ id, watermark }: MadeSubscription): void {
    const isHeard = this.#early.delete(id);
    this.#heard.set(id, { watermark, isHeard, quietTicks: 0 });
    // What came early was not looked at: it may have been a change.
    if (isHeard) this.#markChanged(id);
  }

  /** The subscription is over. */
  delete(id: string): void {
    this.#heard.delete(id);
  }

  /** Some time has passed: the subscriptions that were never heard of for `first` ticks, or not again for `again`. */
  tick({ first, again }: { readonly first: number; readonly again: number }): readonly string[] {
    const overdue: string[] = [];
    for (const [id, heard] of this.#heard) {
      heard.quietTicks += 1;
      if (heard.quietTicks > (heard.isHeard ? again : first)) overdue.push(id);
    }
    return overdue;
  }

  /** Adds a sign; one of a kind waits at a time. */
  tell(kind: "heard" | "tick" | "ended"): void {
    this.#push(kind, { kind });
  }

  /** The signs in order, until the signal aborts. */
  async *read(signal: AbortSignal): AsyncGenerator<PushSign, void> {
    for await (const sign of this.#signs.read(signal)) {
      this.#waiting.delete(sign.kind === "changed" ? `changed ${sign.mailbox}` : sign.kind);
      yield sign;
    }
  }

  #push(key: string, sign: PushSign): void {
    if (this.#waiting.has(key)) return;
    this.#waiting.add(key);
    this.#signs.push(sign);
  }

  /** False for a subscription that is none of ours (any more): the server is told to end it. */
  #take({ subscriptionId: id, previousWatermark, watermark, hasChange }: WatermarkedNotification): boolean {
    const heard = this.#heard.get(id);
    if (!heard) {
      if (!this.isExpecting) return false;
      if (this.#early.size < MOST_EARLY) this.#early.add(id);
      return true;
    }
    heard.isHeard = true;
    heard.quietTicks = 0;
    this.tell("heard");
    const isRepeated = watermark === heard.watermark && previousWatermark !== heard.watermark;
    if (isRepeated) return true; // our answer was lost, and it was sent again
    const isGap = previousWatermark !== heard.watermark;
    if (watermark !== "") heard.watermark = watermark;
    if (hasChange || isGap) this.#markChanged(id);
    return true;
  }

  #markChanged(id: string): void {
    const mailbox = this.#mailboxOf(id);
    if (mailbox) this.#push(`changed ${mailbox}`, { kind: "changed", mailbox });
  }
}
