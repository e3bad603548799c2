import { createSocket, type Socket } from "node:dgram";
import type { ExchangeClock } from "../exchange/clock.ts";
import type { DavMailbox } from "./dav-mailbox.ts";

/** One subscription at the server. */
export interface DavSubscription {
  readonly id: string;
  readonly mailbox: DavMailbox;
  readonly callback: URL | undefined;
  /** Something changed since the last POLL. */
  hasNews: boolean;
  expiresAt: number;
}

/** Subscriptions, and the datagrams that tell of changes. */
export class DavSubscriptions {
  readonly all = new Map<string, DavSubscription>();
  /** Datagrams that were sent, lost ones too. */
  sent = 0;
  /** How many copies of each datagram arrive: 0 loses them, 2 doubles them. */
  copies = 1;
  /** Seconds; more is cut down to it. */
  longestLifetime = 3600;
  readonly #clock: ExchangeClock;
  readonly #socket: Socket = createSocket("udp4");
  #count = 14;

  constructor(clock: ExchangeClock) {
    this.#clock = clock;
    this.#socket.unref();
  }

  add(mailbox: DavMailbox, lifetime: number, callback: string | undefined): DavSubscription {
    this.#count += 1;
    const subscription = {
      id: String(this.#count),
      mailbox,
      callback: callback === undefined ? undefined : new URL(callback),
      hasNews: false,
      expiresAt: 0,
    };
    this.all.set(subscription.id, subscription);
    this.renew(subscription, lifetime);
    return subscription;
  }

  /** Returns the seconds that are granted. */
  renew(subscription: DavSubscription, lifetime: number): number {
    const granted = Math.min(lifetime, this.longestLifetime);
    subscription.expiresAt = this.#clock.now() + granted * 1000;
    return granted;
  }

  /** The live one of that id. */
  find(id: string): DavSubscription | undefined {
    const found = this.all.get(id);
    if (!found || found.expiresAt > this.#clock.now()) return found;
    this.all.delete(id);
    return undefined;
  }

  /** The mailbox changed: told once, and then not again before the next POLL. */
  tell(mailbox: DavMailbox): void {
    for (const id of [...this.all.keys()]) {
      const subscription = this.find(id);
      if (subscription?.mailbox !== mailbox || subscription.hasNews) continue;
      subscription.hasNews = true;
      if (subscription.callback) this.send(subscription.callback, `Subscription-id: ${id}\r\n`);
    }
  }

  /** Datagrams without an id to everybody, as when the store shuts down. */
  tellAll(): void {
    const callbacks = new Set([...this.all.values()].flatMap(({ callback }) => (callback ? [callback.href] : [])));
    for (const callback of callbacks) this.send(new URL(callback), "");
  }

  send(callback: URL, headers: string): void {
    this.sent += 1;
    const datagram = `NOTIFY ${callback.href} HTTP/1.1\r\n${headers}\r\n`;
    for (let copy = 0; copy < this.copies; copy++) {
      this.#socket.send(datagram, Number(callback.port), callback.hostname);
    }
  }

  close(): void {
    this.#socket.close();
  }
}
