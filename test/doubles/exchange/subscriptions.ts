import { randomBytes } from "node:crypto";
import type { Mailbox, MailboxChange } from "./mailbox.ts";
import { eventsOfChange, type NotificationEvent } from "./notification.ts";

/** A subscription to the calendar of one mailbox, however it delivers. */
export interface Subscription {
  readonly id: string;
  /** The account that made it: nobody else may use it. */
  readonly owner: string;
  readonly mailbox: Mailbox;
  readonly eventTypes: ReadonlySet<string>;
  deliver(events: readonly NotificationEvent[]): void;
  /** Stops delivery; a listening connection is told `code`. */
  end(code: string): void;
  /** Whether nobody has fetched from it for too long. */
  isExpired(now: number): boolean;
}

/** The subscriptions of the server, found by id and by mailbox. */
export class Subscriptions {
  readonly #byId = new Map<string, Subscription>();
  readonly #byMailbox = new Map<Mailbox, Set<Subscription>>();
  readonly #releases = new Map<Subscription, () => void>();
  readonly #now: () => number;
  #events = 1;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#byId.size;
  }

  /** How many events there have been: where a new subscription begins. */
  get lastEvent(): number {
    return this.#events;
  }

  /** Keeps a subscription; `release` gives its budget back when it ends. */
  add(subscription: Subscription, release: () => void): void {
    this.#byId.set(subscription.id, subscription);
    const others = this.#byMailbox.get(subscription.mailbox) ?? new Set();
    this.#byMailbox.set(subscription.mailbox, others.add(subscription));
    this.#releases.set(subscription, release);
  }

  /** The living subscription of that id if the account owns it. */
  find(id: string, owner: string): Subscription | undefined {
    const found = this.#byId.get(id);
    if (found?.isExpired(this.#now())) this.end(found, "ErrorExpiredSubscription");
    return found?.owner === owner && this.#byId.has(id) ? found : undefined;
  }

  /** Ends one subscription. */
  end(subscription: Subscription, code: string): void {
    if (!this.#byId.delete(subscription.id)) return;
    this.#byMailbox.get(subscription.mailbox)?.delete(subscription);
    this.#releases.get(subscription)?.();
    this.#releases.delete(subscription);
    subscription.end(code);
  }

  /** Ends the subscriptions to a mailbox that nobody has served for too long, so that they use up no budget. */
  endExpiredOf(mailbox: Mailbox): void {
    const now = this.#now();
    const all = [...(this.#byMailbox.get(mailbox) ?? [])];
    for (const subscription of all) if (subscription.isExpired(now)) this.end(subscription, "ErrorExpiredSubscription");
  }

  /** Ends all subscriptions to a mailbox, as a move or a failover does. */
  endAllOf(mailbox: Mailbox, code: string): void {
    for (const subscription of [...(this.#byMailbox.get(mailbox) ?? [])]) this.end(subscription, code);
  }

  /** Ends every subscription, as a restart does. */
  clear(): void {
    for (const subscription of [...this.#byId.values()]) this.end(subscription, "ErrorSubscriptionNotFound");
  }

  /** Hands a change of an item to whoever subscribed to its mailbox. */
  notify(change: MailboxChange): void {
    this.endExpiredOf(change.mailbox);
    for (const subscription of [...(this.#byMailbox.get(change.mailbox) ?? [])]) {
      const events = eventsOfChange(change, subscription.eventTypes, this.#events + 1, this.#now());
      this.#events += events.length;
      if (events.length > 0) subscription.deliver(events);
    }
  }
}

/** An id that cannot be guessed; like Exchange's it looks like base64. */
export function newSubscriptionId(): string {
  return `JgBl${randomBytes(33).toString("base64")}`;
}
