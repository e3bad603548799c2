import type { Mailbox } from "../core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { groupBy } from "../lib/group-by.ts";
import { hours, milliseconds, minutes, seconds } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import type { CalendarChange, CalendarSource } from "../ports/calendar-source.ts";
import { GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";

const RETRY: BackoffPolicy = { first: seconds(2), longest: minutes(5) };
/** New mailboxes gather this long, so that enabling many users makes few groups. */
const GATHER = seconds(1);
/** A mailbox that is moving comes back by itself; one that is refused or gone needs a person. */
const RETRY_PARKED = { wait: minutes(2), other: hours(1) };

/** What watching reports to. */
export interface WatchHandlers {
  readonly runtime: Runtime;
  readonly markChanged: (mailbox: Mailbox) => void;
  /** Notifications flow. */
  readonly serverAnswered: () => void;
  /** The mailbox cannot be watched at this server now; true when another one has it from now on. */
  readonly mailboxFailed: (mailbox: Mailbox) => boolean;
  /** The watch of these mailboxes failed as a whole, so many times in a row. */
  readonly groupFailed: (mailboxes: readonly Mailbox[], failures: number, error: GatewayError) => void;
  /** The server's service is withdrawn for this mailbox. */
  readonly mailboxWithdrawn: (mailbox: Mailbox, error: GatewayError) => void;
}

/** Better watched in any order than not at all. */
const LONGEST_LOCATING = seconds(60);
/** So many small groups in one place are made into few large ones. */
const MOST_SMALL = 3;

interface WatchGroup {
  /** What its mailboxes have in common (`locateMailboxes`). */
  readonly place: string;
  readonly mailboxes: Set<Mailbox>;
  readonly stop: AbortController;
}

/**
 * Keeps notifications flowing from one calendar server: mailboxes in groups as large as one watch allows, each with its
 * own loop and back-off. A notification only marks a mailbox as changed; a gap marks them all.
 */
export class WatchCalendar {
  readonly #gateway: string;
  readonly #source: CalendarSource;
  readonly #handlers: WatchHandlers;
  readonly #groups = new Set<WatchGroup>();
  readonly #unwatched = new Set<Mailbox>();
  readonly #live = new Set<WatchGroup>();
  /** Mailboxes that the server refuses to watch; they are read by the sweep, and tried again after a while. */
  readonly #parked = new Map<Mailbox, () => void>();
  #signal: AbortSignal | undefined;
  #cancelTimer: (() => void) | undefined;
  #lastError: GatewayError | undefined;

  constructor(gateway: string, source: CalendarSource, handlers: WatchHandlers) {
    this.#gateway = gateway;
    this.#source = source;
    this.#handlers = handlers;
  }

  /** What the server last refused, until notifications flow again. */
  get lastError(): GatewayError | undefined {
    return this.#lastError;
  }

  /** How many mailboxes notifications flow for, of how many. */
  get coverage(): { readonly live: number; readonly all: number } {
    const count = (groups: Iterable<WatchGroup>): number =>
      [...groups].reduce((sum, { mailboxes }) => sum + mailboxes.size, 0);
    return { live: count(this.#live), all: count(this.#groups) + this.#unwatched.size + this.#parked.size };
  }

  /** All mailboxes, those that are watched together one after the other. */
  get mailboxes(): Iterable<Mailbox> {
    return [
      ...[...this.#groups].flatMap(({ mailboxes }) => [...mailboxes]),
      ...this.#unwatched,
      ...this.#parked.keys(),
    ];
  }

  /** Watches the mailbox from now on. */
  add(mailbox: Mailbox): void {
    if (!this.#source.watchChanges) return;
    this.#unwatched.add(mailbox);
    this.#arm();
  }

  /** Watches it no more; its group ends when it is empty. */
  delete(mailbox: Mailbox): void {
    this.#unwatched.delete(mailbox);
    this.#parked.get(mailbox)?.();
    this.#parked.delete(mailbox);
    for (const group of this.#groups) {
      if (!group.mailboxes.delete(mailbox)) continue;
      this.#source.unwatch?.([mailbox]);
      if (group.mailboxes.size === 0) this.#end(group);
    }
  }

  /** Starts watching; ends with the signal. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#stopAll(), { once: true });
    this.#arm();
  }

  #stopAll(): void {
    this.#cancelTimer?.();
    for (const cancel of this.#parked.values()) cancel();
    for (const group of this.#groups) this.#end(group);
  }

  #end(group: WatchGroup): void {
    this.#groups.delete(group);
    this.#live.delete(group);
    group.stop.abort(new Error("no longer watched"));
  }

  #arm(): void {
    const { clock } = this.#handlers.runtime;
    if (!this.#signal || this.#signal.aborted || this.#cancelTimer || this.#unwatched.size === 0) return;
    const signal = this.#signal;
    this.#cancelTimer = after(clock, GATHER, () => {
      // Never rejects: a failed look-up only costs the order.
      void this.#formGroups(signal).then(() => {
        this.#cancelTimer = undefined;
        this.#arm();
      });
    });
  }

  /** Puts new mailboxes into groups of one place; small groups left over from earlier join them. */
  async #formGroups(signal: AbortSignal): Promise<void> {
    const size = this.#source.capabilities.maxMailboxesPerWatch;
    for (const [, groups] of groupBy([...this.#groups], ({ place }) => place)) {
      const small = groups.filter((group) => group.mailboxes.size <= size / 2);
      if (small.length > MOST_SMALL) for (const group of small) this.#dissolve(group);
    }
    const waiting = [...this.#unwatched];
    const places = await this.#locate(waiting, signal);
    if (signal.aborted) return;
    const wanted = waiting.filter((mailbox) => this.#unwatched.delete(mailbox)); // some may have been taken away meanwhile
    for (const [place, mailboxes] of groupBy(wanted, (mailbox) => places.get(mailbox) ?? "")) {
      for (let start = 0; start < mailboxes.length; start += size) {
        const group = { place, mailboxes: new Set(mailboxes.slice(start, start + size)), stop: new AbortController() };
        this.#groups.add(group);
        // Never rejects: it ends with its signal, every failure is retried.
        void this.#watch(group);
      }
    }
  }

  #dissolve(group: WatchGroup): void {
    for (const mailbox of group.mailboxes) this.#unwatched.add(mailbox);
    this.#end(group);
  }

  #regroup(group: WatchGroup): void {
    this.#dissolve(group);
    this.#arm();
  }

  /** Its mailboxes may be somewhere else than when it was formed. */
  async #hasMoved({ mailboxes, place, stop: { signal } }: WatchGroup): Promise<boolean> {
    const places = await this.#locate([...mailboxes], signal);
    return !signal.aborted && [...places.values()].some((each) => each !== place);
  }

  /** Where each mailbox is best watched; any order will do when that cannot be found out. */
  async #locate(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<ReadonlyMap<Mailbox, string>> {
    if (!this.#source.locateMailboxes) return new Map();
    const limit = new AbortController();
    const cancel = after(this.#handlers.runtime.clock, LONGEST_LOCATING, () => limit.abort(tooSlow()));
    try {
      const places = await this.#source.locateMailboxes(mailboxes, AbortSignal.any([signal, limit.signal]));
      return new Map(mailboxes.map((mailbox, index) => [mailbox, places[index] ?? ""]));
    } catch (error) {
      const { code, message } = toGatewayError(error);
      if (!signal.aborted)
        this.#handlers.runtime.log.warn("calendar.not-located", { gateway: this.#gateway, code, message });
      return new Map();
    } finally {
      cancel();
    }
  }

  async #watch(group: WatchGroup): Promise<void> {
    const { runtime } = this.#handlers;
    const signal = group.stop.signal;
    for (let failures = 0; !signal.aborted; ) {
      const { hasHeard, error } = await this.#watchOnce(group);
      if (hasHeard) failures = 0;
      if (signal.aborted || (hasHeard && !error && this.#live.has(group))) continue;
      failures++;
      if (error) this.#handlers.groupFailed([...group.mailboxes], failures, error);
      if (failures > 1 && (await this.#hasMoved(group))) this.#regroup(group);
      const delay = Math.max(backoffDelay(RETRY, failures, runtime.random()), error?.retryAfter ?? 0);
      await runtime.clock.sleep(milliseconds(delay), signal).catch(() => undefined);
    }
  }

  /** Until the watch ends: whether anything was heard, and why it ended if that was a failure. */
  async #watchOnce(group: WatchGroup): Promise<{ readonly hasHeard: boolean; readonly error?: GatewayError }> {
    const { signal } = group.stop;
    let hasHeard = false;
    try {
      for await (const change of this.#source.watchChanges?.([...group.mailboxes], signal) ?? []) {
        hasHeard = true;
        this.#take(group, change);
      }
      return { hasHeard };
    } catch (thrown) {
      const error = toGatewayError(thrown);
      if (!signal.aborted) this.#failed(group, error);
      return { hasHeard, error };
    }
  }

  #failed(group: WatchGroup, error: GatewayError): void {
    this.#live.delete(group);
    if (this.#lastError?.code !== error.code) {
      this.#handlers.runtime.log.warn("calendar.watch-failed", {
        gateway: this.#gateway,
        code: error.code,
        message: error.message,
      });
    }
    this.#lastError = error;
  }

  #take(group: WatchGroup, change: CalendarChange): void {
    switch (change.kind) {
      case "changed":
        this.#handlers.markChanged(change.mailbox);
        return;
      case "all":
        this.#live.add(group);
        this.#lastError = undefined;
        this.#handlers.serverAnswered();
        for (const mailbox of group.mailboxes) this.#handlers.markChanged(mailbox);
        return;
      case "alive":
        return;
      case "failed":
        // Whether its calendar can still be read tells more: it may be gone.
        this.#handlers.markChanged(change.mailbox);
        if (change.error.type === "wait" && this.#handlers.mailboxFailed(change.mailbox)) return;
        this.#park(group, change.mailbox, change.error);
        if (change.error.isWithdrawn) this.#handlers.mailboxWithdrawn(change.mailbox, change.error);
        return;
    }
  }

  #park(group: WatchGroup, mailbox: Mailbox, { code, type, retryAfter = 0 }: GatewayError): void {
    const { log, clock } = this.#handlers.runtime;
    if (!group.mailboxes.delete(mailbox)) return;
    if (group.mailboxes.size === 0) this.#end(group);
    log.warn("calendar.mailbox-not-watched", { gateway: this.#gateway, mailbox, code });
    const delay = Math.max(type === "wait" ? RETRY_PARKED.wait : RETRY_PARKED.other, retryAfter);
    const cancel = after(clock, milliseconds(delay), () => {
      this.#parked.delete(mailbox);
      this.add(mailbox);
    });
    this.#parked.set(mailbox, cancel);
  }
}

const tooSlow = (): GatewayError =>
  new GatewayError("where mailboxes are could not be found out in time", {
    type: "wait",
    code: "calendar-not-located",
  });
