import type { Mailbox } from "../../src/core/addresses.ts";
import { type Instant, instant, plus, seconds } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "../shared-http/deadline.ts";
import { anchorHeaders } from "./anchor-mailbox.ts";
import type { EwsClient } from "./ews-client.ts";
import { ewsError, isEwsError } from "./ews-errors.ts";
import type { KeptSubscription, KeptSubscriptions } from "./notifications/kept-subscriptions.ts";
import {
  type Delivery,
  type EventSet,
  encodeSubscribe,
  encodeUnsubscribe,
  type MadeSubscription,
  madeSubscriptionDecoder,
  unsubscribeDecoder,
} from "./subscribe.ts";
import { type SubscribeOutcome, SubscribeRun } from "./subscribe-run.ts";
import type { EwsAnswer } from "./transport.ts";

interface Subscription {
  readonly mailbox: Mailbox;
  readonly since: Instant;
}

/** What a group works with. */
export interface GroupDeps {
  readonly client: EwsClient;
  readonly clock: Clock;
  readonly kept: KeptSubscriptions;
}

// Subscribes of one group at a time; the limiter, which all groups share, decides how many really run.
const LANES = 10;
// A subscription that is lost before this age is not worth making anew.
const YOUNG = seconds(10);
const LONGEST_FAREWELL = seconds(2);

/**
 * The subscriptions of up to 200 mailboxes that share a way of being notified, and the affinity that keeps them on one
 * server: anchor mailbox, X-PreferServerAffinity and the cookies of the anchor's Subscribe answer. Streaming takes up
 * again what an earlier run of the program left behind.
 */
export class SubscriptionGroup {
  readonly #deps: GroupDeps;
  readonly #delivery: Delivery;
  readonly #onMade: (made: MadeSubscription) => void;
  readonly #wanted: Set<Mailbox>;
  readonly #missing: Set<Mailbox>;
  readonly #byId = new Map<string, Subscription>();
  #anchor: Mailbox | undefined;
  #cookies = "";
  #events: EventSet = "items-and-free-busy";

  /** @param onMade told of each subscription at once, before notifications of it are read */
  constructor(
    deps: GroupDeps,
    mailboxes: readonly Mailbox[],
    delivery: Delivery,
    onMade: (made: MadeSubscription) => void = () => undefined,
  ) {
    this.#deps = deps;
    this.#delivery = delivery;
    this.#onMade = onMade;
    // The first name in alphabetical order is the anchor: the same one after every restart.
    this.#missing = new Set([...mailboxes].sort());
    this.#wanted = new Set(mailboxes);
    const kept = deps.kept.take(mailboxes, delivery.kind);
    for (const each of kept) this.#takeUp(each);
  }

  /** Ids of the subscriptions that stand. */
  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** Whose identity reads the notifications. */
  get anchor(): Mailbox | undefined {
    return this.#anchor;
  }

  /** How its notifications come. */
  get way(): Delivery["kind"] {
    return this.#delivery.kind;
  }

  /** How many mailboxes it is for. */
  get size(): number {
    return this.#byId.size + this.#missing.size;
  }

  /** The mailbox of a subscription. */
  mailboxOf(id: string): Mailbox | undefined {
    return this.#byId.get(id)?.mailbox;
  }

  /** Forgets subscriptions that the server lost, so that the next `subscribe` makes them anew. */
  forget(ids: readonly string[]): void {
    const now = this.#deps.clock.now();
    const lost = ids.flatMap((id) => this.#byId.get(id) ?? []);
    for (const id of ids) {
      this.#byId.delete(id);
      this.#deps.kept.forget(id);
    }
    if (lost.length === 0) return; // they were given up before
    for (const { mailbox } of lost) this.#missing.add(mailbox);
    // The server that had them all may be gone, so the affinity is made anew too.
    if (this.#byId.size === 0) this.#resetAffinity();
    // Else a server that forgets at once would be asked again at once, for ever: that is for the engine to pace.
    if (lost.some(({ since }) => now >= plus(since, YOUNG))) return;
    throw ewsError("ews-subscription-lost", `${this.#host}: subscriptions just made are not known any more`);
  }

  /** The mailbox is not watched any more. */
  drop(id: string): void {
    this.#byId.delete(id);
    this.#deps.kept.forget(id);
  }

  /** The mailbox is not wanted any more: its subscription is ended, and nobody waits for that. */
  giveUp(mailbox: Mailbox): void {
    if (!this.#wanted.delete(mailbox)) return;
    this.#missing.delete(mailbox);
    for (const [id, subscription] of this.#byId) {
      if (subscription.mailbox === mailbox) this.#giveUpSubscription(id);
    }
  }

  /** Headers that lead every request of the group to the same server. */
  affinity(anchor: Mailbox): Readonly<Record<string, string>> {
    return affinityHeaders(anchor, this.#cookies);
  }

  /** Subscribes every mailbox that has no subscription, each tried once; rejects when it is the server that fails. */
  async subscribe(signal: AbortSignal): Promise<SubscribeOutcome> {
    const mailboxes = [...this.#missing];
    this.#missing.clear();
    const run = new SubscribeRun(mailboxes, (mailbox) => this.#subscribeOne(mailbox, signal));
    // The anchor's answer has the cookie that the others need, so it goes alone.
    while (!this.#anchor && run.hasMore) await run.next();
    // All lanes end before a failure is told: a subscription made meanwhile must be known, to be given up.
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, () => run.all()));
    for (const lane of lanes) if (lane.status === "rejected") throw lane.reason;
    return run;
  }

  /** Tells the server that the subscriptions are not needed any more: at most two seconds, and never a failure. */
  async unsubscribe(): Promise<void> {
    const deadline = new Deadline(this.#deps.clock);
    deadline.set(LONGEST_FAREWELL, () => ewsError("ews-timeout", `${this.#host}: too slow to unsubscribe`));
    const rest = this.ids.flatMap((id) => this.#keptOf(id) ?? []);
    this.#byId.clear();
    const lane = async (): Promise<void> => {
      for (let next = rest.pop(); next; next = rest.pop())
        if (!(await this.#unsubscribeOne(next, deadline.signal))) return;
    };
    // What is not said in time is said later; on the server it expires by itself, half an hour after the last connection.
    await Promise.allSettled(Array.from({ length: LANES }, lane));
    for (const kept of rest) this.#deps.kept.release(kept);
    deadline.end();
  }

  /** Leaves the subscriptions to the next group of the mailboxes. */
  leave(): void {
    for (const id of this.ids) {
      const kept = this.#keptOf(id);
      if (kept) this.#deps.kept.leave(kept);
    }
    this.#byId.clear();
  }

  get #host(): string {
    return this.#deps.client.host;
  }

  #resetAffinity(): void {
    this.#anchor = undefined;
    this.#cookies = "";
  }

  #takeUp({ id, mailbox, anchor, cookies }: KeptSubscription): void {
    // It may be gone, which is no sign of a server that forgets at once.
    this.#byId.set(id, { mailbox, since: instant(0) });
    this.#missing.delete(mailbox);
    this.#anchor = anchor;
    this.#cookies = cookies;
  }

  #keptOf(id: string): KeptSubscription | undefined {
    const mailbox = this.mailboxOf(id);
    const { kind } = this.#delivery;
    return mailbox && { id, kind, mailbox, anchor: this.#anchor ?? mailbox, cookies: this.#cookies };
  }

  async #subscribeOne(mailbox: Mailbox, signal: AbortSignal): Promise<void> {
    const anchor = this.#anchor ?? mailbox;
    const { content: made, cookies } = await this.#callSubscribe(mailbox, anchor, signal);
    // Two mailboxes cannot share one: the notifications of one of them would be taken for the other's.
    if (this.#byId.has(made.id))
      throw ewsError("ews-bad-answer", `${mailbox} at ${this.#host}: another mailbox's id came`);
    if (!this.#anchor) {
      this.#anchor = anchor;
      this.#cookies = cookies;
    }
    this.#byId.set(made.id, { mailbox, since: this.#deps.clock.now() });
    const kept = this.#keptOf(made.id);
    if (kept) this.#deps.kept.put(kept);
    if (this.#wanted.has(mailbox)) this.#onMade(made);
    else this.#giveUpSubscription(made.id); // given up while it was being made
  }

  async #callSubscribe(mailbox: Mailbox, anchor: Mailbox, signal: AbortSignal): Promise<EwsAnswer<MadeSubscription>> {
    const events = this.#events;
    const headers = this.affinity(anchor);
    const call = (set: EventSet): Promise<EwsAnswer<MadeSubscription>> =>
      this.#deps.client.call(
        {
          encode: (version) => ({ body: encodeSubscribe(mailbox, set, version, this.#delivery), headers }),
          decoder: () => madeSubscriptionDecoder(this.#host, mailbox),
          isSubscribe: true,
        },
        "watching",
        signal,
      );
    try {
      return await call(events);
    } catch (error) {
      if (events === "items" || !isEwsError(error, "ews-request-refused")) throw error;
      // COMPAT(servers that are not Exchange): FreeBusyChangedEvent may be unknown, items' events never are.
      const answer = await call("items");
      this.#events = "items";
      return answer;
    }
  }

  #giveUpSubscription(id: string): void {
    const kept = this.#keptOf(id);
    this.#byId.delete(id);
    // Never rejects; with the server gone the request ends by its own time limit.
    if (kept) void this.#unsubscribeOne(kept, new AbortController().signal);
  }

  /** False when the server is not to be asked more. */
  async #unsubscribeOne(kept: KeptSubscription, signal: AbortSignal): Promise<boolean> {
    try {
      await unsubscribeKept(this.#deps.client, kept, signal);
      this.#deps.kept.forget(kept.id);
      return true;
    } catch {
      this.#deps.kept.release(kept); // its end is remembered as due
      return false;
    }
  }
}

function affinityHeaders(anchor: Mailbox, cookies: string): Readonly<Record<string, string>> {
  return {
    "x-preferserveraffinity": "true",
    ...anchorHeaders(anchor),
    ...(cookies === "" ? {} : { cookie: cookies }),
  };
}

/** Ends a subscription at the server that has it; one that is gone already is as good. */
export async function unsubscribeKept(client: EwsClient, kept: KeptSubscription, signal: AbortSignal): Promise<void> {
  const headers = affinityHeaders(kept.anchor, kept.cookies);
  await client.call(
    {
      encode: (version) => ({ body: encodeUnsubscribe(kept.id, kept.mailbox, version), headers }),
      decoder: () => unsubscribeDecoder(client.host),
    },
    "watching",
    signal,
  );
}
