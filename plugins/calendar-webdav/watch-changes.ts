import type { Mailbox } from "../../src/core/addresses.ts";
import { Channel } from "../../src/lib/channel.ts";
import { hours, type Milliseconds, milliseconds, minutes, seconds } from "../../src/lib/time.ts";
import { after } from "../../src/ports/after.ts";
import type { CalendarChange } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { CallbackAddress } from "./callback-address.ts";
import type { Subscription, SubscriptionBook } from "./subscription-book.ts";
import { concernsMailbox } from "./webdav-errors.ts";

/** Most mailboxes of one watch: as many ids as one POLL asks for. */
export const MAX_WATCHED = 100;

/** What the watch needs. */
export interface WatchDeps {
  readonly clock: Clock;
  readonly book: SubscriptionBook;
  readonly address: CallbackAddress;
  /** Takes over the farewell to subscriptions that are watched no more, which must not hold up the watch. */
  readonly release: (subscriptions: readonly Subscription[]) => void;
}

// Datagrams get lost: each change is seen after this at the latest. Dearer where every folder is asked alone.
const SAFETY_NET = { together: minutes(5), alone: minutes(15) };
// Without datagrams this is how late changes are seen.
const POLL_ONLY = { together: minutes(1), alone: minutes(5) };
// A server that grants less than this is not renewed more often.
const SHORTEST_RENEWAL = seconds(30);
// Anybody may send a datagram that speaks of all.
const ALL_INTERVAL = minutes(1);
// Whether datagrams can be heard meanwhile is tried so often.
const POLL_LIFETIME = hours(1);

/** What a watch waits for. */
type Cause = "notified" | "all-notified" | "poll-due" | "renewal-due" | "lifetime-over";

/** Watches one group of mailboxes until the server fails (rejects), the address ends (returns), or the signal aborts. */
export async function* watchChanges(
  deps: WatchDeps,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const endpoint = await deps.address.find(signal);
  const watch = new Watch(deps, endpoint?.url, signal);
  const end = (): void => watch.wake("lifetime-over");
  endpoint?.ended.addEventListener("abort", end, { once: true });
  let isOver = true;
  try {
    yield* watch.run(mailboxes);
    isOver = false;
  } catch (error) {
    // After a failure of the server the subscriptions may still stand: the next watch takes them over.
    isOver = signal.aborted;
    throw error;
  } finally {
    endpoint?.ended.removeEventListener("abort", end);
    watch.end();
    if (isOver) deps.release(watch.subscriptions);
  }
}

/** One group of subscriptions, and what wakes it. */
class Watch {
  readonly #deps: WatchDeps;
  readonly #callback: string | undefined;
  readonly #signal: AbortSignal;
  readonly #wakes = new Channel<Cause>();
  readonly #waiting = new Set<Cause>();
  readonly #timers = new Map<Cause, () => void>();
  readonly #notified = new Set<Subscription>();
  #isAllPending = false;
  readonly #unhear: () => void;
  #subscriptions: readonly Subscription[] = [];

  constructor(deps: WatchDeps, callback: string | undefined, signal: AbortSignal) {
    this.#deps = deps;
    this.#callback = callback;
    this.#signal = signal;
    this.#unhear = deps.address.hear((ids) => this.#take(ids));
  }

  get subscriptions(): readonly Subscription[] {
    return this.#subscriptions;
  }

  /** Makes it look at the cause; twice the same before it looked is once. */
  wake(cause: Cause): void {
    if (this.#waiting.has(cause)) return;
    this.#waiting.add(cause);
    this.#wakes.push(cause);
  }

  end(): void {
    this.#unhear();
    for (const cancel of this.#timers.values()) cancel();
  }

  async *run(mailboxes: readonly Mailbox[]): AsyncGenerator<CalendarChange, void> {
    yield* this.#report(await this.#takeUp(mailboxes));
    yield { kind: "all" };
    this.#arm("poll-due", this.#pollInterval);
    this.#armRenewal();
    if (this.#callback === undefined) this.#arm("lifetime-over", POLL_LIFETIME);
    for await (const cause of this.#wakes.read(this.#signal)) {
      this.#waiting.delete(cause);
      this.#dropUnwatched();
      if (cause === "lifetime-over") return;
      yield* this.#handle(cause);
    }
  }

  /** Some may have been given back meanwhile, because their mailboxes are not to be watched any more. */
  #dropUnwatched(): void {
    const { book } = this.#deps;
    this.#subscriptions = this.#subscriptions.filter((each) => book.has(each));
    for (const each of this.#notified) if (!book.has(each)) this.#notified.delete(each);
  }

  #take(ids: readonly string[]): void {
    if (ids.length === 0) this.#takeAll();
    for (const each of this.#subscriptions) {
      if (!ids.includes(each.id)) continue;
      this.#notified.add(each);
      this.wake("notified");
    }
  }

  #takeAll(): void {
    if (this.#timers.has("all-notified")) this.#isAllPending = true;
    else this.wake("all-notified");
  }

  async *#handle(cause: Exclude<Cause, "lifetime-over">): AsyncGenerator<CalendarChange, void> {
    switch (cause) {
      case "notified":
        yield* this.#acknowledge();
        return;
      case "poll-due":
        yield* this.#poll();
        this.#arm(cause, this.#pollInterval);
        return;
      case "renewal-due":
        yield* this.#renew();
        this.#armRenewal();
        return;
      case "all-notified":
        // For example the store shuts down: what it had may be gone.
        this.#rest();
        yield* this.#renew();
        yield { kind: "all" };
        return;
    }
  }

  /** First the acknowledgement, then the news: a change after it is told by a datagram of its own. */
  async *#acknowledge(): AsyncGenerator<CalendarChange, void> {
    const notified = [...this.#notified];
    this.#notified.clear();
    try {
      const { lost } = await this.#deps.book.poll(notified, this.#signal);
      yield* changed(notified);
      yield* this.#report(await this.#replace(lost));
    } catch (error) {
      this.#signal.throwIfAborted();
      yield* changed(notified);
      throw error;
    }
  }

  async *#poll(): AsyncGenerator<CalendarChange, void> {
    const { news, lost } = await this.#deps.book.poll(this.#subscriptions, this.#signal);
    yield { kind: "alive" };
    yield* changed(news);
    yield* this.#report(await this.#replace(lost));
    yield* changed(lost);
  }

  async *#renew(): AsyncGenerator<CalendarChange, void> {
    const lost = await this.#deps.book.renew(this.#subscriptions, this.#signal);
    yield* this.#report(await this.#replace(lost));
    yield* changed(lost);
  }

  /** Uses what is still there from an earlier watch, and subscribes to the rest; returns what cannot be watched. */
  async #takeUp(mailboxes: readonly Mailbox[]): Promise<readonly Failure[]> {
    const { book, release } = this.#deps;
    const { usable, useless } = book.takeOver(mailboxes, this.#callback);
    release(useless);
    this.#subscriptions = usable;
    const lost = usable.length === 0 ? [] : await book.renew(usable, this.#signal);
    for (const each of lost) book.forget(each);
    this.#subscriptions = usable.filter((each) => !lost.includes(each));
    const known = new Set(this.#subscriptions.map(({ mailbox }) => mailbox));
    return this.#subscribe(mailboxes.filter((mailbox) => !known.has(mailbox)));
  }

  /** Subscribes anew in the place of what the server has lost. */
  async #replace(lost: readonly Subscription[]): Promise<readonly Failure[]> {
    if (lost.length === 0) return [];
    for (const each of lost) this.#deps.book.forget(each);
    this.#subscriptions = this.#subscriptions.filter((each) => !lost.includes(each));
    return this.#subscribe(lost.map(({ mailbox }) => mailbox));
  }

  async #subscribe(mailboxes: readonly Mailbox[]): Promise<readonly Failure[]> {
    const failures: Failure[] = [];
    const subscribe = async (mailbox: Mailbox): Promise<void> => {
      try {
        const made = await this.#deps.book.subscribe(mailbox, this.#callback, this.#signal);
        this.#subscriptions = [...this.#subscriptions, made];
      } catch (error) {
        if (!concernsMailbox(error)) throw error;
        failures.push({ mailbox, error });
      }
    };
    await Promise.all(mailboxes.map(subscribe));
    return failures;
  }

  *#report(failures: readonly Failure[]): Generator<CalendarChange, void> {
    for (const { mailbox, error } of failures) yield { kind: "failed", mailbox, error };
    const [first] = failures;
    if (first && this.#subscriptions.length === 0) throw first.error;
  }

  get #pollInterval(): Milliseconds {
    const { together, alone } = this.#callback === undefined ? POLL_ONLY : SAFETY_NET;
    return this.#deps.book.takesBatches ? together : alone;
  }

  /** At two thirds of the shortest lifetime. */
  #armRenewal(): void {
    if (this.#subscriptions.length === 0) return;
    const now = this.#deps.clock.now();
    const rest = Math.min(...this.#subscriptions.map(({ expiresAt }) => expiresAt - now));
    this.#arm("renewal-due", milliseconds(Math.max((rest * 2) / 3, SHORTEST_RENEWAL)));
  }

  /** Lets some time pass before all is looked at again because of a datagram. */
  #rest(): void {
    const cancel = after(this.#deps.clock, ALL_INTERVAL, () => {
      this.#timers.delete("all-notified");
      if (this.#isAllPending) this.wake("all-notified");
      this.#isAllPending = false;
    });
    this.#timers.set("all-notified", cancel);
  }

  #arm(cause: Cause, length: Milliseconds): void {
    this.#timers.get(cause)?.();
    this.#timers.set(
      cause,
      after(this.#deps.clock, length, () => this.wake(cause)),
    );
  }
}

function* changed(subscriptions: readonly Subscription[]): Generator<CalendarChange, void> {
  for (const { mailbox } of subscriptions) yield { kind: "changed", mailbox };
}

interface Failure {
  readonly mailbox: Mailbox;
  readonly error: GatewayError;
}
