import { z } from "zod";
import { type Mailbox, parseMailbox } from "../../src/core/addresses.ts";
import { hours, type Instant, instant, type Milliseconds, milliseconds, plus, seconds } from "../../src/lib/time.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { CalendarFolders } from "./calendar-folders.ts";
import { type DavRequest, poll, renew, subscribe, unsubscribe } from "./dav-requests.ts";
import type { DavAnswer } from "./transport.ts";
import type { WebdavClient } from "./webdav-client.ts";
import { concernsMailbox, webdavError } from "./webdav-errors.ts";

/** One subscription at the server: to all changes in one calendar folder. */
export interface Subscription {
  readonly mailbox: Mailbox;
  readonly folder: string;
  readonly id: string;
  /** Where datagrams go to; undefined when changes are only told when asked. */
  readonly callback: string | undefined;
  /** When the server forgets it unless it is renewed. */
  expiresAt: Instant;
}

/** What the book works with. */
export interface BookDeps {
  readonly client: WebdavClient;
  readonly folders: CalendarFolders;
  readonly clock: Clock;
  readonly memory: PluginMemory;
}

/** What is found of earlier watches. */
export interface TakenOver {
  readonly usable: readonly Subscription[];
  readonly useless: readonly Subscription[];
}

type Encode = (folder: string, ids: readonly string[]) => DavRequest;

/** A status of HTTP for one subscription, and how long it lives on. */
interface Reply {
  readonly status: number;
  readonly lifetime: Milliseconds;
}

const LIFETIME = hours(1);
// What a server grants is believed up to this.
const LONGEST_LIFETIME = hours(24);
const LOST = 412; // Precondition Failed: the id is gone, or not of this address
// The callback of what a former process subscribed to: nobody hears there any more.
const FORMER = "";
const LONGEST_ID = 256;
const ID = /^[\x21-\x2b\x2d-\x7e]+$/; // no comma: that separates several

const REMEMBERED = z.strictObject({
  mailbox: z.string(),
  folder: z.string().regex(/^\/[\x21-\x7e]*$/),
  id: z.string().regex(ID).max(LONGEST_ID),
  expiresAt: z.number(),
  isPolled: z.boolean(),
});

/**
 * Keeps account of every subscription that the server may still have, in memory that outlasts the process, so that each
 * is used again or given back.
 */
export class SubscriptionBook {
  readonly #deps: BookDeps;
  /** By mailbox and id: ids are each back end's own, so two may be the same. */
  readonly #all = new Map<string, Subscription>();
  /** Whether the server takes ids of several folders in one request; not documented, so it is found out. */
  #takesBatches = true;

  constructor(deps: BookDeps) {
    this.#deps = deps;
    for (const [key, text] of deps.memory.load()) this.#recall(key, text);
  }

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** False once the server has refused ids of several folders in one request. */
  get takesBatches(): boolean {
    return this.#takesBatches;
  }

  /**
   * What there still is for a watch of these mailboxes by that callback, which is from now on that watch's alone; and
   * what nobody can use, such as those whose datagrams go to a former process.
   */
  takeOver(mailboxes: readonly Mailbox[], callback: string | undefined): TakenOver {
    const wanted = new Set(mailboxes);
    const now = this.#deps.clock.now();
    const usable = new Map<Mailbox, Subscription>();
    const useless: Subscription[] = [];
    for (const [key, each] of this.#all) {
      if (each.expiresAt <= now) this.forget(each);
      else if (each.callback === FORMER) useless.push(each);
      else if (!wanted.has(each.mailbox)) continue;
      else if (each.callback !== callback || usable.has(each.mailbox)) useless.push(each);
      else {
        const own = { ...each };
        usable.set(each.mailbox, own);
        this.#all.set(key, own);
      }
    }
    return { usable: [...usable.values()], useless };
  }

  /** True until it is given back, lost, or taken over by another watch. */
  has(subscription: Subscription): boolean {
    return this.#all.get(keyOf(subscription)) === subscription;
  }

  /** All for these mailboxes. */
  findFor(mailboxes: readonly Mailbox[]): readonly Subscription[] {
    const wanted = new Set(mailboxes);
    return [...this.#all.values()].filter(({ mailbox }) => wanted.has(mailbox));
  }

  /** A new subscription. Throws GatewayError. */
  subscribe(mailbox: Mailbox, callback: string | undefined, signal: AbortSignal): Promise<Subscription> {
    const { client, folders, clock } = this.#deps;
    const exchange = async (folder: string): Promise<Subscription> => {
      const answer = await client.exchange(subscribe(folder, LIFETIME, callback), { mailbox }, signal);
      const id = answer.header("subscription-id")?.trim() ?? "";
      if (!ID.test(id) || id.length > LONGEST_ID) {
        throw webdavError("webdav-bad-answer", `${mailbox} at ${client.host}: no usable subscription id`);
      }
      return { mailbox, folder, id, callback, expiresAt: plus(clock.now(), lifetimeOf(answer)) };
    };
    return folders.use(mailbox, async (folder) => this.#record(await exchange(folder)), "in-turn", signal);
  }

  /** Renews; returns those that the server has lost. */
  async renew(subscriptions: readonly Subscription[], signal: AbortSignal): Promise<readonly Subscription[]> {
    const replies = await this.#ask((folder, ids) => renew(folder, ids, LIFETIME), subscriptions, signal);
    const now = this.#deps.clock.now();
    for (const [subscription, { status, lifetime }] of replies) {
      if (status === LOST) continue;
      subscription.expiresAt = plus(now, lifetime);
      this.#record(subscription);
    }
    return subscriptions.filter((each) => replies.get(each)?.status === LOST);
  }

  /** Asks what has changed since the last time, which also acknowledges it; and returns what the server has lost. */
  async poll(
    subscriptions: readonly Subscription[],
    signal: AbortSignal,
  ): Promise<{ readonly news: readonly Subscription[]; readonly lost: readonly Subscription[] }> {
    const replies = await this.#ask(poll, subscriptions, signal);
    const having = (wanted: number): readonly Subscription[] =>
      subscriptions.filter((each) => replies.get(each)?.status === wanted);
    return { news: having(200), lost: having(LOST) };
  }

  /**
   * Gives them back, except those that another watch has taken over; what the server did not confirm is remembered.
   * Never rejects.
   */
  async unsubscribe(subscriptions: readonly Subscription[], signal: AbortSignal): Promise<void> {
    const own = subscriptions.filter((each) => this.has(each));
    for (const each of own) this.#all.delete(keyOf(each));
    try {
      const replies = await this.#ask(unsubscribe, own, signal);
      for (const each of replies.keys()) this.#deps.memory.delete(keyOf(each));
    } catch {
      // They end by themselves at the end of their lifetime, or are given back by the next stop or start.
      for (const each of own) this.#all.set(keyOf(each), { ...each, callback: FORMER });
    }
  }

  /** Gives all back. Never rejects. */
  unsubscribeAll(signal: AbortSignal): Promise<void> {
    return this.unsubscribe([...this.#all.values()], signal);
  }

  /** The server has lost it. */
  forget(subscription: Subscription): void {
    this.#all.delete(keyOf(subscription));
    this.#deps.memory.delete(keyOf(subscription));
    this.#deps.folders.forget(subscription.mailbox);
  }

  /** Together where the server takes that; each alone for which that gave no answer or 412. */
  async #ask(
    encode: Encode,
    subscriptions: readonly Subscription[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<Subscription, Reply>> {
    const isDistinct = new Set(subscriptions.map(({ id }) => id)).size === subscriptions.length;
    const isBatch = subscriptions.length > 1 && isDistinct && this.#takesBatches;
    const replies = new Map(isBatch ? await this.#askTogether(encode, subscriptions, signal) : []);
    const rest = subscriptions.filter((each) => (replies.get(each)?.status ?? LOST) === LOST);
    const single = await Promise.all(rest.map((each) => this.#askAlone(encode, each, signal)));
    for (const [index, each] of rest.entries()) {
      const reply = single[index];
      if (!reply) continue;
      replies.set(each, reply);
      // It was not lost: the server minds that the request was for another folder than its own.
      if (isBatch && reply.status !== LOST) this.#takesBatches = false;
    }
    return replies;
  }

  async #askTogether(
    encode: Encode,
    subscriptions: readonly Subscription[],
    signal: AbortSignal,
  ): Promise<Iterable<readonly [Subscription, Reply]>> {
    const [first] = subscriptions;
    if (!first) return [];
    const request = encode(
      first.folder,
      subscriptions.map(({ id }) => id),
    );
    try {
      const answer = await this.#deps.client.exchange(request, { takes: [LOST] }, signal);
      return subscriptions.flatMap((each) => {
        const reply = replyOf(answer, each, "its own");
        return reply ? [[each, reply] as const] : [];
      });
    } catch (error) {
      if (concernsMailbox(error)) return []; // the first folder's trouble is not that of the others
      throw error;
    }
  }

  async #askAlone(encode: Encode, subscription: Subscription, signal: AbortSignal): Promise<Reply> {
    const { mailbox, folder, id } = subscription;
    try {
      const terms = { mailbox, takes: [LOST, 404] };
      const answer = await this.#deps.client.exchange(encode(folder, [id]), terms, signal);
      return replyOf(answer, subscription, "any") ?? { status: answer.status, lifetime: LIFETIME };
    } catch (error) {
      if (concernsMailbox(error)) return { status: LOST, lifetime: LIFETIME };
      throw error;
    }
  }

  #record(subscription: Subscription): Subscription {
    const { callback, ...rest } = subscription;
    const remembered: z.infer<typeof REMEMBERED> = { ...rest, isPolled: callback === undefined };
    this.#all.set(keyOf(subscription), subscription);
    this.#deps.memory.put(keyOf(subscription), JSON.stringify(remembered));
    return subscription;
  }

  #recall(key: string, text: string): void {
    try {
      const { mailbox, isPolled, expiresAt, ...rest } = REMEMBERED.parse(JSON.parse(text));
      const callback = isPolled ? undefined : FORMER;
      this.#all.set(key, { ...rest, mailbox: parseMailbox(mailbox), callback, expiresAt: instant(expiresAt) });
    } catch {
      this.#deps.memory.delete(key); // what another version wrote is not worth a failed start
    }
  }
}

const keyOf = ({ mailbox, id }: Subscription): string => `${mailbox} ${id}`;

/** What the answer says of a subscription: in the part that names it, or of all at once. */
function replyOf(answer: DavAnswer, { id }: Subscription, wanted: "its own" | "any"): Reply | undefined {
  const lifetime = lifetimeOf(answer);
  if (answer.status === 404) return { status: LOST, lifetime };
  if (answer.status !== 207) return { status: answer.status, lifetime };
  const { responses } = answer;
  const own = responses.find(({ subscriptionIds }) => subscriptionIds.includes(id));
  const found = own ?? (wanted === "any" ? responses[0] : undefined);
  if (!found) return undefined;
  // Whatever is refused for it, a new subscription is the remedy.
  return { status: found.status >= 200 && found.status < 300 ? found.status : LOST, lifetime };
}

/** Subscription-Lifetime of the answer, in seconds; the server may grant less than was asked for. */
function lifetimeOf(answer: DavAnswer): Milliseconds {
  const text = answer.header("subscription-lifetime")?.trim() ?? "";
  const granted = seconds(/^\d{1,9}$/.test(text) ? Number(text) : 0);
  return granted === 0 ? LIFETIME : milliseconds(Math.min(granted, LONGEST_LIFETIME));
}
