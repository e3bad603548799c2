import type { Mailbox } from "../../../src/core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../../../src/lib/backoff.ts";
import { Channel } from "../../../src/lib/channel.ts";
import { hours, milliseconds, minutes, plus, seconds } from "../../../src/lib/time.ts";
import { after } from "../../../src/ports/after.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../../../src/ports/errors.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import type { Turns } from "../../shared-http/turns.ts";
import type { GraphNotification } from "./decode-notifications.ts";
import { Silence } from "./silence.ts";
import type { Subscription, SubscriptionBook, SubscriptionOwner } from "./subscription-book.ts";
import { generalTrouble, problemOf } from "./subscription-problems.ts";
import { isListenerTrouble, type WatchTrouble } from "./watch-trouble.ts";

/** What all watches of one source share. */
export interface WatchDeps {
  readonly host: string;
  readonly runtime: Runtime;
  readonly book: SubscriptionBook;
  readonly trouble: WatchTrouble;
  /** How many subscriptions are made at a time. */
  readonly mostRequests: number;
  /** One group at a time is filled, so that each is whole as soon as can be. */
  readonly fills: Turns;
  /** Where notifications are heard; rejects with GatewayError `notification-…`. */
  readonly openUrl: (signal: AbortSignal) => Promise<string>;
  /** Ends what nobody needs; nobody waits for that. */
  readonly discard: (subscriptions: readonly Subscription[]) => void;
}

const RETRY_RENEWAL: BackoffPolicy = { first: minutes(1), longest: hours(1) };
// The wall clock may be set: it is looked at this often.
const LONGEST_SLEEP = hours(1);
const BETWEEN_ATTEMPTS = seconds(2);
const MOST_ATTEMPTS = 3;

/** Watches one group of mailboxes by a subscription each. */
export class GroupWatch implements SubscriptionOwner {
  readonly #deps: WatchDeps;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #wanted: Set<Mailbox>;
  readonly #standing = new Map<Mailbox, Subscription>();
  readonly #changes = new Channel<CalendarChange>();
  /** Told as changed, and not taken yet. */
  readonly #told = new Set<Mailbox>();
  /** Renewals that failed in a row. */
  readonly #failures = new Map<Subscription, number>();
  readonly #silence: Silence;
  #url = "";
  #isUp = false;
  #isFilling = false;
  #isRenewing = false;
  #cancelRenewal: () => void = () => undefined;

  constructor(deps: WatchDeps, mailboxes: readonly Mailbox[], signal: AbortSignal) {
    this.#deps = deps;
    this.#wanted = new Set(mailboxes);
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
    this.#silence = new Silence(deps.runtime.clock, (subscription) => this.#replace(subscription));
  }

  /** How many mailboxes have a subscription, and how many are to have one. */
  get count(): { readonly standing: number; readonly all: number } {
    return { standing: this.#standing.size, all: this.#wanted.size };
  }

  /** What becomes of the mailboxes, until the service fails (rejects) or the signal aborts (rejects). */
  async *run(): AsyncGenerator<CalendarChange, void> {
    void this.#begin(); // never rejects
    try {
      for await (const change of this.#changes.read(this.#signal)) {
        if (change.kind === "changed") this.#told.delete(change.mailbox);
        yield change;
      }
    } finally {
      this.#end();
    }
  }

  /** The mailboxes are not wanted any more. */
  giveUp(mailboxes: readonly Mailbox[]): void {
    for (const mailbox of mailboxes) {
      this.#wanted.delete(mailbox);
      this.#dismiss(mailbox);
    }
  }

  /** The mailbox changed, and nothing was told of it. */
  changeUnnoticed(mailbox: Mailbox): void {
    const subscription = this.#standing.get(mailbox);
    if (subscription) this.#silence.suspect(subscription);
  }

  /** For the book. */
  notified(subscription: Subscription, event: GraphNotification["event"]): void {
    this.#silence.heard(subscription);
    switch (event) {
      case "changed":
      case "missed": // "full resync": each mailbox is always read whole
        this.#tellChanged(subscription.mailbox);
        return;
      case "removed":
        this.#lost(subscription);
        return;
      case "reauthorize":
        subscription.renewAt = this.#deps.runtime.clock.now();
        this.#armRenewal();
        return;
    }
  }

  async #begin(): Promise<void> {
    try {
      this.#url = await this.#open();
      const { usable, useless } = this.#deps.book.claim([...this.#wanted], this);
      this.#deps.discard(useless);
      for (const [mailbox, subscription] of usable) this.#standing.set(mailbox, subscription);
      this.#armRenewal();
      await this.#fill();
    } catch (error) {
      this.#changes.fail(error);
    }
  }

  #end(): void {
    this.#stop.abort(new Error("the watch is over"));
    this.#cancelRenewal();
    this.#silence.end();
    for (const subscription of this.#standing.values()) if (subscription.owner === this) subscription.owner = undefined;
  }

  async #open(): Promise<string> {
    const { openUrl, trouble } = this.#deps;
    for (;;) {
      await trouble.wait(this.#signal);
      try {
        return await openUrl(this.#signal);
      } catch (error) {
        if (!isListenerTrouble(error)) throw error;
        trouble.block(error);
      }
    }
  }

  get #missing(): readonly Mailbox[] {
    return [...this.#wanted].filter((mailbox) => !this.#standing.has(mailbox));
  }

  /** Subscribes until each mailbox has a subscription or is known to get none. */
  async #fill(): Promise<void> {
    if (this.#isFilling) return;
    this.#isFilling = true;
    while (this.#missing.length > 0) {
      await this.#deps.trouble.wait(this.#signal);
      await this.#deps.fills.run(() => this.#subscribeMissing(), this.#signal);
    }
    this.#isFilling = false;
    this.#armRenewal();
    if (this.#isUp || this.#wanted.size === 0) return;
    this.#isUp = true;
    this.#changes.push({ kind: "all" });
  }

  async #subscribeMissing(): Promise<void> {
    const queue = this.#missing.values();
    const work = async (): Promise<void> => {
      for (const mailbox of queue) await this.#subscribe(mailbox);
    };
    await Promise.all(Array.from({ length: this.#deps.mostRequests }, work));
  }

  /** Rejects when it is the service that fails. */
  async #subscribe(mailbox: Mailbox): Promise<void> {
    const { host, book, trouble, runtime } = this.#deps;
    const given = { url: this.#url, owner: this };
    for (let attempt = 1; this.#wanted.has(mailbox) && !trouble.isBlocking; attempt++) {
      try {
        this.#add(await book.subscribe(mailbox, given, this.#signal));
        return;
      } catch (error) {
        // Where others can be subscribed to, it is this one that cannot.
        const general = generalTrouble(error, host, book.size > 0);
        if (!general || (attempt >= MOST_ATTEMPTS && book.size > 0)) {
          this.#fail(mailbox, toGatewayError(error));
          return;
        }
        trouble.strike(general);
      }
      if (!trouble.isBlocking) await runtime.clock.sleep(BETWEEN_ATTEMPTS, this.#signal);
    }
  }

  #add(subscription: Subscription): void {
    const { mailbox } = subscription;
    this.#deps.trouble.worked();
    this.#standing.set(mailbox, subscription);
    if (!this.#wanted.has(mailbox)) this.#dismiss(mailbox);
    else if (this.#isUp) this.#tellChanged(mailbox); // there was a gap
  }

  #dismiss(mailbox: Mailbox): void {
    const subscription = this.#standing.get(mailbox);
    this.#standing.delete(mailbox);
    if (subscription) this.#deps.discard([subscription]);
  }

  #tellChanged(mailbox: Mailbox): void {
    if (this.#told.has(mailbox)) return;
    this.#told.add(mailbox);
    this.#changes.push({ kind: "changed", mailbox });
  }

  /** The mailbox cannot be watched; the others go on. */
  #fail(mailbox: Mailbox, error: GatewayError): void {
    this.#wanted.delete(mailbox);
    this.#dismiss(mailbox);
    this.#changes.push({ kind: "failed", mailbox, error });
    if (this.#wanted.size === 0) this.#changes.fail(error);
  }

  /** It stands at the service and tells nothing: another is made. */
  #replace({ mailbox, id }: Subscription): void {
    const { host, runtime } = this.#deps;
    if (this.#standing.get(mailbox)?.id !== id) return;
    runtime.log.warn("graph.subscription-silent", { host, mailbox });
    this.#dismiss(mailbox);
    this.#fill().catch((error: unknown) => this.#changes.fail(error));
  }

  /** The service does not have it any more: another is made. */
  #lost(subscription: Subscription): void {
    this.#deps.book.forget(subscription);
    this.#failures.delete(subscription);
    if (this.#standing.get(subscription.mailbox) !== subscription) return;
    this.#standing.delete(subscription.mailbox);
    this.#fill().catch((error: unknown) => this.#changes.fail(error));
  }

  #armRenewal(): void {
    this.#cancelRenewal();
    const { clock } = this.#deps.runtime;
    let first = Number.POSITIVE_INFINITY;
    for (const { renewAt } of this.#standing.values()) first = Math.min(first, renewAt);
    if (first === Number.POSITIVE_INFINITY || this.#isRenewing || this.#signal.aborted) return;
    const rest = milliseconds(Math.min(Math.max(first - clock.now(), 0), LONGEST_SLEEP));
    // Never rejects.
    this.#cancelRenewal = after(clock, rest, () => void this.#renewDue());
  }

  async #renewDue(): Promise<void> {
    this.#isRenewing = true;
    const now = this.#deps.runtime.clock.now();
    const due = [...this.#standing.values()].filter(({ renewAt }) => renewAt <= now);
    await Promise.all(due.map((each) => this.#renew(each)));
    this.#isRenewing = false;
    this.#armRenewal();
  }

  /** Never rejects. */
  async #renew(subscription: Subscription): Promise<void> {
    try {
      await this.#deps.book.renew(subscription, this.#signal);
      this.#failures.delete(subscription);
    } catch (error) {
      if (!this.#signal.aborted && this.#standing.get(subscription.mailbox) === subscription)
        this.#notRenewed(subscription, error);
    }
  }

  #notRenewed(subscription: Subscription, error: unknown): void {
    const { clock, random } = this.#deps.runtime;
    const problem = problemOf(error);
    if (problem === "not-found" || subscription.expiresAt <= clock.now()) {
      this.#lost(subscription);
      return;
    }
    const failure = toGatewayError(error);
    if (problem === "mailbox" || problem === "forbidden") {
      this.#fail(subscription.mailbox, failure);
      return;
    }
    // It lives on meanwhile: there is half of its lifetime left for this.
    const failures = (this.#failures.get(subscription) ?? 0) + 1;
    this.#failures.set(subscription, failures);
    const delay = Math.max(backoffDelay(RETRY_RENEWAL, failures, random()), failure.retryAfter ?? 0);
    subscription.renewAt = plus(clock.now(), delay);
  }
}
