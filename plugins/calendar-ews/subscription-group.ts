import type { Mailbox } from "../../src/core/addresses.ts";
import { type Instant, plus, seconds } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { Deadline } from "./deadline.ts";
import type { EwsClient } from "./ews-client.ts";
import { concernsMailbox, type EwsErrorCode, ewsError, isEwsError } from "./ews-errors.ts";
import {
  type EventSet,
  encodeSubscribe,
  encodeUnsubscribe,
  subscribeDecoder,
  unsubscribeDecoder,
} from "./subscribe.ts";
import type { EwsAnswer } from "./transport.ts";

/** A mailbox that cannot be watched now. */
interface FailedMailbox {
  readonly mailbox: Mailbox;
  readonly error: GatewayError;
}

interface Subscription {
  readonly mailbox: Mailbox;
  readonly since: Instant;
}

/** What an attempt to subscribe all that lack a subscription came to. */
export interface SubscribeOutcome {
  readonly subscribed: readonly Mailbox[];
  readonly failed: readonly FailedMailbox[];
}

// Subscribes of one group at a time; the limiter, which all groups share, decides how many really run.
const LANES = 10;
// These may be one mailbox's trouble (a slow database, EWS switched off for the user); so many in a row are the server's.
const UNCLEAR: readonly EwsErrorCode[] = [
  "ews-timeout",
  "ews-bad-answer",
  "ews-fault",
  "ews-throttled",
  "ews-forbidden",
  "ews-request-refused",
];
const UNCLEAR_IN_A_ROW = 5;
// A busy server's refusals of one Subscribe before the mailbox counts as failed.
const BUSY_ATTEMPTS = 3;
// A subscription that is lost before this age is not worth making anew.
const YOUNG = seconds(10);
const LONGEST_FAREWELL = seconds(2);

/**
 * The subscriptions of up to 200 mailboxes that share one notification connection, and the affinity that keeps them on
 * one server: anchor mailbox, X-PreferServerAffinity and the cookies of the anchor's Subscribe answer.
 */
export class SubscriptionGroup {
  readonly #client: EwsClient;
  readonly #clock: Clock;
  readonly #missing: Set<Mailbox>;
  readonly #byId = new Map<string, Subscription>();
  #anchor: Mailbox | undefined;
  #cookies = "";
  #events: EventSet = "items-and-free-busy";

  constructor(client: EwsClient, clock: Clock, mailboxes: readonly Mailbox[]) {
    this.#client = client;
    this.#clock = clock;
    // The first name in alphabetical order is the anchor: the same one after every restart.
    this.#missing = new Set([...mailboxes].sort());
  }

  /** Ids of the subscriptions that stand. */
  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** Whose identity reads the notifications. */
  get anchor(): Mailbox | undefined {
    return this.#anchor;
  }

  /** The mailbox of a subscription. */
  mailboxOf(id: string): Mailbox | undefined {
    return this.#byId.get(id)?.mailbox;
  }

  /** Forgets subscriptions that the server lost, so that the next `subscribe` makes them anew. */
  forget(ids: readonly string[]): void {
    const now = this.#clock.now();
    const lost = ids.flatMap((id) => this.#byId.get(id) ?? []);
    for (const id of ids) this.#byId.delete(id);
    for (const { mailbox } of lost) this.#missing.add(mailbox);
    // Else a server that forgets at once would be asked again at once, for ever: that is for the engine to pace.
    if (lost.some(({ since }) => now >= plus(since, YOUNG))) return;
    throw ewsError("ews-subscription-lost", `${this.#client.host}: subscriptions just made are not known any more`);
  }

  /** Headers that lead every request of the group to the same server. */
  affinity(anchor: Mailbox): Readonly<Record<string, string>> {
    return {
      "x-preferserveraffinity": "true",
      // A header is ASCII; an internationalised address is routed by impersonation and cookie alone.
      ...(/^[!-~]+$/.test(anchor) ? { "x-anchormailbox": anchor } : {}),
      ...(this.#cookies === "" ? {} : { cookie: this.#cookies }),
    };
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
    const deadline = new Deadline(this.#clock);
    deadline.set(LONGEST_FAREWELL, () => ewsError("ews-timeout", `${this.#client.host}: too slow to unsubscribe`));
    const rest = [...this.#byId];
    this.#byId.clear();
    const lane = async (): Promise<void> => {
      for (let next = rest.pop(); next; next = rest.pop())
        await this.#unsubscribeOne(next[0], next[1].mailbox, deadline.signal);
    };
    // What is not said in time expires on the server by itself, half an hour after the last connection.
    await Promise.allSettled(Array.from({ length: LANES }, lane));
    deadline.end();
  }

  async #subscribeOne(mailbox: Mailbox, signal: AbortSignal): Promise<void> {
    const anchor = this.#anchor ?? mailbox;
    const answer = await this.#callSubscribe(mailbox, anchor, signal);
    this.#byId.set(answer.content, { mailbox, since: this.#clock.now() });
    if (this.#anchor) return;
    this.#anchor = anchor;
    this.#cookies = answer.cookies;
  }

  async #callSubscribe(mailbox: Mailbox, anchor: Mailbox, signal: AbortSignal): Promise<EwsAnswer<string>> {
    const events = this.#events;
    const call = (set: EventSet): Promise<EwsAnswer<string>> =>
      this.#client.call(
        {
          encode: (version) => ({ body: encodeSubscribe(mailbox, set, version), headers: this.affinity(anchor) }),
          decoder: () => subscribeDecoder(this.#client.host, mailbox),
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

  async #unsubscribeOne(id: string, mailbox: Mailbox, signal: AbortSignal): Promise<void> {
    const headers = this.affinity(this.#anchor ?? mailbox);
    await this.#client.call(
      {
        encode: (version) => ({ body: encodeUnsubscribe(id, mailbox, version), headers }),
        decoder: () => unsubscribeDecoder(this.#client.host),
      },
      "watching",
      signal,
    );
  }
}

/** One pass over mailboxes: sorts outcomes, puts busy ones back, and stops at what concerns the whole server. */
class SubscribeRun implements SubscribeOutcome {
  readonly subscribed: Mailbox[] = [];
  readonly failed: FailedMailbox[] = [];
  readonly #rest: Mailbox[];
  readonly #attempts = new Map<Mailbox, number>();
  readonly #subscribe: (mailbox: Mailbox) => Promise<void>;
  #unclearInARow = 0;

  constructor(mailboxes: Mailbox[], subscribe: (mailbox: Mailbox) => Promise<void>) {
    this.#rest = mailboxes;
    this.#subscribe = subscribe;
  }

  get hasMore(): boolean {
    return this.#rest.length > 0;
  }

  async all(): Promise<void> {
    while (this.hasMore) await this.next();
  }

  async next(): Promise<void> {
    const mailbox = this.#rest.shift();
    if (mailbox === undefined) return;
    try {
      await this.#subscribe(mailbox);
      this.#unclearInARow = 0;
      this.subscribed.push(mailbox);
    } catch (error) {
      this.#handle(mailbox, error);
    }
  }

  #handle(mailbox: Mailbox, error: unknown): void {
    const attempts = (this.#attempts.get(mailbox) ?? 0) + 1;
    this.#attempts.set(mailbox, attempts);
    if (isEwsError(error, "ews-throttled") && attempts < BUSY_ATTEMPTS) {
      this.#rest.push(mailbox); // the limiter holds it back for as long as the server asked
      return;
    }
    const isUnclear = isEwsError(error, ...UNCLEAR);
    if (isUnclear) this.#unclearInARow += 1;
    if (concernsMailbox(error)) this.#unclearInARow = 0;
    if (concernsMailbox(error) || (isUnclear && this.#unclearInARow < UNCLEAR_IN_A_ROW)) {
      this.failed.push({ mailbox, error });
      return;
    }
    this.#rest.length = 0; // the other lanes stop too
    throw error;
  }
}
