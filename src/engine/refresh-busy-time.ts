import type { Mailbox } from "../core/addresses.ts";
import { type BusyInterval, canonicalIntervals, differWithin } from "../core/busy-time.ts";
import { unpackIntervals } from "../core/packed-intervals.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { hours, type Instant, later, minutes, plus, seconds, type TimeWindow } from "../lib/time.ts";
import type { BusyTimeResult, CalendarSource } from "../ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Parameters } from "../ports/parameters.ts";
import type { Presentities } from "./presentity.ts";
import { noteCalendarError, type RecordDeps, recordBusyTime, withdrawCalendar } from "./record-busy-time.ts";
import { type Batch, RefreshQueue } from "./refresh-queue.ts";

/** A mailbox that is moving or whose store is away comes back by itself; docs/ERRORS.md. */
const RETRY_MAILBOX: BackoffPolicy = { first: seconds(30), longest: minutes(10) };
/** A mailbox that does not exist or may not be read needs a person. */
const RETRY_PARKED = hours(1);
const WATCH_GRACE = seconds(30);
const RETRY_SERVER: BackoffPolicy = { first: seconds(2), longest: minutes(2) };

/** What reading works with. */
export interface RefreshDeps extends RecordDeps {
  readonly parameters: Parameters;
  readonly presentities: Presentities;
  /** The whole request was answered. */
  readonly serverAnswered: () => void;
  /** So many requests in a row failed as a whole. */
  readonly serverFailed: (failures: number, error: GatewayError) => void;
  /** The server's service is withdrawn for this mailbox. */
  readonly mailboxWithdrawn: (mailbox: Mailbox, error: GatewayError) => void;
}

/**
 * Reads the calendars of one server in batches: what changed first, every mailbox once per sweep interval at least. One
 * bad mailbox stops nobody; a bad server is asked again with growing patience, one request at a time.
 */
export class RefreshBusyTime {
  readonly #gateway: string;
  readonly #source: CalendarSource;
  readonly #deps: RefreshDeps;
  readonly #queue: RefreshQueue;
  readonly #mailboxes = new Set<Mailbox>();
  readonly #mailboxFailures = new Map<Mailbox, number>();
  /** Mailboxes that failed alone in their request, with how many requests had been answered by then. */
  readonly #suspects = new Map<Mailbox, number>();
  #batchLimit: number;
  #answers = 0;
  #inFlight = 0;
  #serverFailures = 0;
  #pausedUntil: Instant | undefined;
  #lastError: GatewayError | undefined;
  #signal: AbortSignal | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(gateway: string, source: CalendarSource, deps: RefreshDeps) {
    this.#gateway = gateway;
    this.#source = source;
    this.#deps = deps;
    this.#batchLimit = source.capabilities.maxMailboxesPerFetch;
    this.#queue = new RefreshQueue(this.#batchLimit);
  }

  /** Mailboxes known to have changed and not read yet. */
  get depth(): number {
    return this.#queue.depth;
  }

  /** What the server last answered wrong, until it answers right. */
  get lastError(): GatewayError | undefined {
    return this.#lastError;
  }

  /** True once the server has answered a request, or has none to answer. */
  get isProven(): boolean {
    return this.#answers > 0 || this.#mailboxes.size === 0;
  }

  /** Reads the mailbox from now on. */
  add(mailbox: Mailbox, heardAt: Instant | undefined): void {
    this.#mailboxes.add(mailbox);
    const now = this.#deps.runtime.clock.now();
    // What is remembered from before a restart serves until notifications flow, which then read everything anyway.
    const canWait = heardAt !== undefined && this.#source.watchChanges !== undefined;
    this.#queue.scheduleRoutine(mailbox, canWait ? plus(now, WATCH_GRACE) : now);
    this.#arm();
  }

  /** Reads the mailbox no more. */
  delete(mailbox: Mailbox): void {
    this.#mailboxes.delete(mailbox);
    this.#mailboxFailures.delete(mailbox);
    this.#suspects.delete(mailbox);
    this.#queue.delete(mailbox);
  }

  /** The mailbox may have changed. */
  markChanged(mailbox: Mailbox): void {
    if (!this.#mailboxes.has(mailbox)) return;
    this.#queue.markChanged(mailbox, this.#deps.runtime.clock.now());
    this.#arm();
  }

  /** Starts reading; ends with the signal. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#cancelTimer?.(), { once: true });
    this.#arm();
  }

  /** A parameter changed: looks again at what is due. */
  reschedule(): void {
    const now = this.#deps.runtime.clock.now();
    if (this.#pausedUntil !== undefined && this.#pausedUntil > plus(now, RETRY_SERVER.longest)) this.#pausedUntil = now;
    for (const mailbox of this.#mailboxes) {
      const heardAt = this.#heardAt(mailbox);
      const due = heardAt === undefined ? now : later(now, plus(heardAt, this.#sweepInterval()));
      this.#queue.hastenRoutine(mailbox, due);
    }
    this.#arm();
  }

  /** The clock was set back: nothing is put off until it comes to where it was. */
  clockSetBack(): void {
    this.#queue.clockSetBack(this.#deps.runtime.clock.now());
    this.reschedule();
  }

  #heardAt(mailbox: Mailbox): Instant | undefined {
    for (const { calendar } of this.#deps.presentities.ofMailbox(this.#gateway, mailbox)) return calendar?.heardAt;
    return undefined;
  }

  #sweepInterval(): number {
    return minutes(this.#deps.parameters.integer(this.#source.capabilities.sweepInterval ?? "ews-status-frequency"));
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!this.#signal || this.#signal.aborted || this.#inFlight >= this.#concurrency()) return;
    const due = this.#queue.nextDue();
    if (due === undefined) return;
    const at = this.#pausedUntil !== undefined && this.#pausedUntil > due ? this.#pausedUntil : due;
    this.#cancelTimer = this.#deps.runtime.clock.at(at, () => this.#fetchNext());
  }

  /** After a failure one request at a time finds out whether the server is back. */
  #concurrency(): number {
    return this.#serverFailures > 0 ? 1 : this.#deps.parameters.integer("exchange-threads");
  }

  #fetchNext(): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const { clock } = this.#deps.runtime;
    const now = clock.now();
    const batch = this.#queue.takeBatch(now, {
      limit: this.#batchLimit,
      fillUntil: this.#serverFailures > 0 ? now : plus(now, this.#sweepInterval() / 10),
      isAlone: (mailbox) => this.#suspects.has(mailbox),
    });
    if (batch) {
      this.#inFlight++;
      // Never rejects: every failure is recorded.
      void this.#fetch(batch, signal).finally(() => {
        this.#inFlight--;
        this.#arm();
      });
    }
    this.#arm();
  }

  /** Reaches over the next routine read, and over a missed one, whatever the parameters say. */
  #window(now: Instant): TimeWindow {
    const { parameters } = this.#deps;
    const ahead = hours(parameters.integer("calendar-window-ahead"));
    return {
      start: plus(now, -hours(parameters.integer("calendar-window-back"))),
      end: plus(now, Math.max(ahead, 2 * this.#sweepInterval())),
    };
  }

  async #fetch({ mailboxes, changed }: Batch, signal: AbortSignal): Promise<void> {
    const { metrics, clock } = this.#deps.runtime;
    // The answer is as old as the question: a change made while it travels must not count as seen.
    const askedAt = clock.now();
    metrics.count("presence_gateway_calendar_fetches_total", { gateway: this.#gateway });
    try {
      const results = await this.#source.fetchBusyTime(mailboxes, this.#window(askedAt), signal);
      this.#serverAnswered();
      for (const [index, result] of results.entries()) this.#take(result, askedAt, index >= changed);
    } catch (error) {
      if (!signal.aborted) this.#requestFailed(mailboxes, toGatewayError(error));
    }
  }

  #serverAnswered(): void {
    if (this.#lastError) this.#deps.runtime.log.info("calendar.recovered", { gateway: this.#gateway });
    this.#answers++;
    this.#batchLimit = Math.min(this.#batchLimit * 2, this.#source.capabilities.maxMailboxesPerFetch);
    this.#serverFailures = 0;
    this.#pausedUntil = undefined;
    this.#lastError = undefined;
    this.#deps.serverAnswered();
  }

  #requestFailed(mailboxes: readonly Mailbox[], error: GatewayError): void {
    // One mailbox may spoil the answer for all: the next request is for fewer, until it is alone.
    this.#batchLimit = Math.ceil(mailboxes.length / 2);
    const [only] = mailboxes;
    if (only !== undefined && mailboxes.length === 1 && this.#isCulprit(only)) {
      this.#mailboxFailed(only, error);
      return;
    }
    this.#serverFailed(mailboxes, error);
    if (mailboxes.length === 1) this.#probe();
  }

  /** Reads a mailbox that is not suspected next: it tells whether it is the server that fails. */
  #probe(): void {
    for (const mailbox of this.#mailboxes) {
      if (this.#suspects.has(mailbox)) continue;
      this.#queue.hastenRoutine(mailbox, this.#deps.runtime.clock.now());
      return;
    }
  }

  /** A mailbox that fails alone again while others were answered in between; then until it is read. */
  #isCulprit(mailbox: Mailbox): boolean {
    const isCulprit = (this.#suspects.get(mailbox) ?? this.#answers) < this.#answers;
    this.#suspects.set(mailbox, isCulprit ? -1 : this.#answers);
    return isCulprit;
  }

  #serverFailed(mailboxes: readonly Mailbox[], error: GatewayError): void {
    const { log, metrics, clock, random } = this.#deps.runtime;
    metrics.count("presence_gateway_calendar_failures_total", { gateway: this.#gateway, code: error.code });
    if (this.#lastError?.code !== error.code) {
      log.warn("calendar.fetch-failed", { gateway: this.#gateway, code: error.code, message: error.message });
    }
    this.#lastError = error;
    this.#serverFailures++;
    const delay = Math.max(backoffDelay(RETRY_SERVER, this.#serverFailures, random()), error.retryAfter ?? 0);
    this.#pausedUntil = plus(clock.now(), delay);
    for (const mailbox of mailboxes) {
      if (this.#mailboxes.has(mailbox)) this.#queue.scheduleRoutine(mailbox, this.#pausedUntil);
      for (const each of this.#deps.presentities.ofMailbox(this.#gateway, mailbox))
        noteCalendarError(this.#deps, each, error);
    }
    this.#deps.serverFailed(this.#serverFailures, error);
  }

  #take(result: BusyTimeResult, askedAt: Instant, isRoutine: boolean): void {
    const { mailbox } = result;
    if (!this.#mailboxes.has(mailbox)) return;
    if ("error" in result) {
      this.#mailboxFailed(mailbox, result.error);
      return;
    }
    this.#mailboxFailures.delete(mailbox);
    this.#suspects.delete(mailbox);
    this.#queue.scheduleRoutine(mailbox, plus(askedAt, this.#sweepInterval()));
    const intervals = canonicalIntervals(result.intervals);
    if (isRoutine && this.#isNews(mailbox, intervals, askedAt)) this.#source.changeUnnoticed?.(mailbox);
    for (const presentity of this.#deps.presentities.ofMailbox(this.#gateway, mailbox))
      recordBusyTime(this.#deps, presentity, intervals, askedAt);
  }

  /** True when the calendar is not what was known of it, as far as it was read before. */
  #isNews(mailbox: Mailbox, intervals: readonly BusyInterval[], askedAt: Instant): boolean {
    for (const { calendar } of this.#deps.presentities.ofMailbox(this.#gateway, mailbox)) {
      if (!calendar) return false;
      const window = { start: askedAt, end: this.#window(calendar.heardAt).end };
      return differWithin(unpackIntervals(calendar.intervals), intervals, window);
    }
    return false;
  }

  #mailboxFailed(mailbox: Mailbox, error: GatewayError): void {
    const { clock, metrics, random, log } = this.#deps.runtime;
    metrics.count("presence_gateway_calendar_failures_total", { gateway: this.#gateway, code: error.code });
    const failures = (this.#mailboxFailures.get(mailbox) ?? 0) + 1;
    this.#mailboxFailures.set(mailbox, failures);
    if (failures === 1) log.warn("calendar.mailbox-failed", { gateway: this.#gateway, mailbox, code: error.code });
    const delay = error.type === "wait" ? backoffDelay(RETRY_MAILBOX, failures, random()) : RETRY_PARKED;
    this.#queue.scheduleRoutine(mailbox, plus(clock.now(), Math.max(delay, error.retryAfter ?? 0)));
    for (const presentity of this.#deps.presentities.ofMailbox(this.#gateway, mailbox)) {
      if (error.type === "cancel") withdrawCalendar(this.#deps, presentity, error);
      noteCalendarError(this.#deps, presentity, error);
    }
    if (error.isWithdrawn) this.#deps.mailboxWithdrawn(mailbox, error);
  }
}
