import { createHash } from "node:crypto";
import { z } from "zod";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { type Instant, instant, later, minutes, plus } from "../../../src/lib/time.ts";
import type { PluginMemory } from "../../../src/ports/plugin-memory.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import type { GraphNotification } from "./decode-notifications.ts";
import type { GrantedSubscription, SubscriptionCalls } from "./subscription-calls.ts";

/** Who is told what becomes of a subscription. */
export interface SubscriptionOwner {
  notified(subscription: Subscription, event: GraphNotification["event"]): void;
}

/** One subscription at the service, to all changes in one mailbox's calendar. */
export interface Subscription {
  readonly mailbox: Mailbox;
  readonly id: string;
  /** SHA-256 of its clientState, which is remembered nowhere. */
  readonly stateDigest: string;
  readonly madeAt: Instant;
  expiresAt: Instant;
  /** When it is to be renewed. */
  renewAt: Instant;
  /** Undefined when nobody watches the mailbox. */
  owner: SubscriptionOwner | undefined;
}

/** What the book works with. */
export interface BookDeps {
  readonly calls: SubscriptionCalls;
  readonly memory: PluginMemory;
  readonly runtime: Pick<Runtime, "clock" | "random" | "uniqueId">;
}

/** Key of the URL in the memory; all others are ids. */
const URL_KEY = "webhook";
// Not all that were made within some minutes must be renewed within some minutes.
const JITTER = 0.1; // of the lifetime
const SOONEST_RENEWAL = minutes(5);
// One that was made just before the list was asked for may be missing there.
const LISTED_AFTER = minutes(5);

const REMEMBERED = z.tuple([z.string(), z.string(), z.number(), z.number(), z.number()]);

const digestOf = (clientState: string): string => createHash("sha256").update(clientState).digest("base64url");

/**
 * Keeps account of every subscription in memory that outlasts the process: they live for days at the service, so a
 * restart takes them up as they are.
 */
export class SubscriptionBook {
  readonly #deps: BookDeps;
  readonly #all = new Map<string, Subscription>();
  /** By the digest of the clientState: the time to find one says nothing of how much of a forged one was right. */
  readonly #byState = new Map<string, Subscription>();
  /** Those that are being made; their notifications may overtake the answer to the request. */
  readonly #early = new Map<string, boolean>();
  /** Those whose end is asked for: of no use to anybody. */
  readonly #ending = new Set<Subscription>();
  #url: string | undefined;

  constructor(deps: BookDeps) {
    this.#deps = deps;
    for (const [id, text] of deps.memory.load()) {
      if (id === URL_KEY) this.#url = text;
      else this.#recall(id, text);
    }
  }

  /** All there are. */
  get all(): readonly Subscription[] {
    return [...this.#all.values()];
  }

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** The URL that was last subscribed with. */
  get url(): string | undefined {
    return this.#url;
  }

  /** True after the calendar server was removed, and its memory with it. */
  get isForgotten(): boolean {
    return this.#url !== undefined && !this.#deps.memory.load().has(URL_KEY);
  }

  /** Subscriptions by another URL are of no use: returns them. */
  useUrl(url: string): readonly Subscription[] {
    if (this.#url === url) return [];
    this.#url = url;
    this.#deps.memory.put(URL_KEY, url);
    return this.all;
  }

  /** Tells the owner of the subscription; false when it is unknown, or the clientState is not its own. */
  take({ subscriptionId, clientState, event }: GraphNotification): boolean {
    const digest = digestOf(clientState);
    if (this.#early.has(digest)) {
      this.#early.set(digest, true);
      return true;
    }
    const subscription = this.#byState.get(digest);
    if (subscription?.id !== subscriptionId) return false;
    subscription.owner?.notified(subscription, event);
    return true;
  }

  /** What there is for the mailboxes is the owner's from now on; more than one for a mailbox is useless. */
  claim(
    mailboxes: readonly Mailbox[],
    owner: SubscriptionOwner,
  ): { readonly usable: ReadonlyMap<Mailbox, Subscription>; readonly useless: readonly Subscription[] } {
    const wanted = new Set(mailboxes);
    const now = this.#deps.runtime.clock.now();
    const usable = new Map<Mailbox, Subscription>();
    const useless: Subscription[] = [];
    for (const each of [...this.#all.values()]) {
      if (each.expiresAt <= now) this.forget(each);
      else if (!wanted.has(each.mailbox) || this.#ending.has(each)) continue;
      else if (usable.has(each.mailbox)) useless.push(each);
      else {
        each.owner = owner;
        usable.set(each.mailbox, each);
      }
    }
    return { usable, useless };
  }

  /** Those that nobody watches. */
  get idle(): readonly Subscription[] {
    return [...this.#all.values()].filter((each) => each.owner === undefined && !this.#ending.has(each));
  }

  /** A new one. Rejects with GatewayError. */
  async subscribe(
    mailbox: Mailbox,
    { url, owner }: { readonly url: string; readonly owner: SubscriptionOwner },
    signal: AbortSignal,
  ): Promise<Subscription> {
    const { calls, runtime } = this.#deps;
    const clientState = runtime.uniqueId();
    const stateDigest = digestOf(clientState);
    this.#early.set(stateDigest, false);
    try {
      const granted = await calls.create({ mailbox, url, clientState }, signal);
      const now = runtime.clock.now();
      const times = { madeAt: now, expiresAt: granted.expiresAt, renewAt: this.#renewalOf(granted.expiresAt) };
      const subscription: Subscription = { mailbox, id: granted.id, stateDigest, ...times, owner };
      this.#record(subscription);
      if (this.#early.get(stateDigest)) owner.notified(subscription, "changed");
      return subscription;
    } finally {
      this.#early.delete(stateDigest);
    }
  }

  /** Asks for more time. Rejects with GatewayError. */
  async renew(subscription: Subscription, signal: AbortSignal): Promise<void> {
    subscription.expiresAt = await this.#deps.calls.renew(subscription.id, signal);
    subscription.renewAt = this.#renewalOf(subscription.expiresAt);
    if (this.#all.get(subscription.id) === subscription) this.#record(subscription);
  }

  /** Ends it at the service; rejects when that is not confirmed, and it is remembered then. */
  async end(subscription: Subscription, signal: AbortSignal): Promise<void> {
    subscription.owner = undefined;
    this.#ending.add(subscription);
    try {
      await this.#deps.calls.delete(subscription.id, signal);
      this.forget(subscription);
    } finally {
      this.#ending.delete(subscription);
    }
  }

  /** The service does not have it any more. */
  forget({ id, stateDigest }: Subscription): void {
    this.#all.delete(id);
    this.#byState.delete(stateDigest);
    this.#deps.memory.delete(id);
  }

  /** Compares with what the service has: ours that are lost, and those with our URL that nobody knows of. */
  async compare(
    url: string,
    signal: AbortSignal,
  ): Promise<{ readonly lost: readonly Subscription[]; readonly unknown: readonly GrantedSubscription[] }> {
    const before = plus(this.#deps.runtime.clock.now(), -LISTED_AFTER);
    const listed = await this.#deps.calls.list(signal);
    const ids = new Set(listed.map(({ id }) => id));
    return {
      lost: [...this.#all.values()].filter(({ id, madeAt }) => madeAt <= before && !ids.has(id)),
      unknown: listed.filter((each) => each.url === url && !this.#all.has(each.id)),
    };
  }

  /** At half of the lifetime that was granted, or a little sooner. */
  #renewalOf(expiresAt: Instant): Instant {
    const { clock, random } = this.#deps.runtime;
    const now = clock.now();
    const share = 0.5 - JITTER * random();
    return later(plus(now, Math.round((expiresAt - now) * share)), plus(now, SOONEST_RENEWAL));
  }

  #record(subscription: Subscription): void {
    const { id, mailbox, stateDigest, madeAt, expiresAt, renewAt } = subscription;
    this.#all.set(id, subscription);
    this.#byState.set(stateDigest, subscription);
    const remembered: z.infer<typeof REMEMBERED> = [mailbox, stateDigest, madeAt, expiresAt, renewAt];
    this.#deps.memory.put(id, JSON.stringify(remembered));
  }

  #recall(id: string, text: string): void {
    try {
      const [mailbox, stateDigest, madeAt, expiresAt, renewAt] = REMEMBERED.parse(JSON.parse(text));
      const times = { madeAt: instant(madeAt), expiresAt: instant(expiresAt), renewAt: instant(renewAt) };
      const subscription = { id, mailbox: parseMailbox(mailbox), stateDigest, ...times, owner: undefined };
      this.#all.set(id, subscription);
      this.#byState.set(stateDigest, subscription);
    } catch {
      this.#deps.memory.delete(id); // of another version of the program
    }
  }
}
