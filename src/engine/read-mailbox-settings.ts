import type { Mailbox } from "../core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { hours, type Instant, instant, later, minutes, plus, seconds } from "../lib/time.ts";
import { TimerHeap } from "../lib/timer-heap.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { MailboxSettingsResult } from "../ports/mailbox-settings.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Presentities } from "./presentity.ts";
import { type RecordSettingsDeps, recordAutomaticReplies, recordOwner } from "./record-mailbox-settings.ts";

const DAY = hours(24);
/** Each batch comes up to so much before its day is over, so that the days do not all begin at one hour. */
const SPREAD = hours(2);
/** What comes in one slot fills its batches; slots begin between the quarters of the hour, at which meetings do. */
const SLOT = minutes(15);
const SLOT_OFFSET = minutes(7);
/** Calendars come first. */
const BEGINNING = minutes(2);
/** Between two batches: with its requests, 15,000 mailboxes take two hours. */
const PACE = seconds(5);
const RETRY_MAILBOX: BackoffPolicy = { first: minutes(1), longest: hours(6) };
const RETRY_SERVER: BackoffPolicy = { first: minutes(1), longest: hours(1) };
/** A right that is lacking needs a person. */
const RETRY_DENIED = hours(1);

/** What reading works with. */
export interface ReadSettingsDeps extends RecordSettingsDeps {
  readonly runtime: Runtime;
  readonly presentities: Presentities;
}

/**
 * Reads what the mailboxes of one server say of their owners, their locale and automatic replies: once a day, in batches,
 * one at a time, and never at the expense of calendars. That it cannot is no trouble of the calendar server.
 */
export class ReadMailboxSettings {
  readonly #gateway: string;
  readonly #source: CalendarSource;
  readonly #deps: ReadSettingsDeps;
  readonly #mailboxes = new Set<Mailbox>();
  readonly #queue = new TimerHeap<Mailbox>();
  readonly #failures = new Map<Mailbox, number>();
  #serverFailures = 0;
  /** Fewer after a failure: a slow server may not be done with so many in time. */
  #batchLimit = Number.POSITIVE_INFINITY;
  #notBefore: Instant | undefined;
  #isUnderWay = false;
  #lastError: GatewayError | undefined;
  #signal: AbortSignal | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(gateway: string, source: CalendarSource, deps: ReadSettingsDeps) {
    this.#gateway = gateway;
    this.#source = source;
    this.#deps = deps;
  }

  /** Why nothing is read, until something is. */
  get lastError(): GatewayError | undefined {
    return this.#lastError;
  }

  /** Reads the mailbox from now on; `heardAt`: when it last was. */
  add(mailbox: Mailbox, heardAt: Instant | undefined): void {
    if (this.#mailboxes.has(mailbox)) return;
    this.#mailboxes.add(mailbox);
    const soon = plus(this.#deps.runtime.clock.now(), BEGINNING);
    this.#queue.set(mailbox, heardAt === undefined ? soon : later(soon, slotAfter(plus(heardAt, DAY - SPREAD))));
    this.#arm();
  }

  /** Reads the mailbox no more. */
  delete(mailbox: Mailbox): void {
    this.#mailboxes.delete(mailbox);
    this.#queue.delete(mailbox);
    this.#failures.delete(mailbox);
  }

  /** Somebody asks: reads the mailbox next, and tries even what was denied. */
  readSoon(mailbox: Mailbox): void {
    if (!this.#mailboxes.has(mailbox)) return;
    this.#queue.set(mailbox, this.#deps.runtime.clock.now());
    if (this.#lastError?.type === "auth") this.#notBefore = undefined;
    this.#arm();
  }

  /** Starts reading; ends with the signal. */
  start(signal: AbortSignal): void {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#cancelTimer?.(), { once: true });
    this.#arm();
  }

  /** The clock was set back: nothing is put off until it comes to where it was. */
  clockSetBack(): void {
    const latest = plus(this.#deps.runtime.clock.now(), DAY);
    for (const mailbox of this.#mailboxes) {
      const at = this.#queue.at(mailbox);
      if (at !== undefined && at > latest) this.#queue.set(mailbox, latest);
    }
    this.#notBefore = undefined;
    this.#arm();
  }

  #arm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const { next } = this.#queue;
    if (!this.#signal || this.#signal.aborted || this.#isUnderWay || next === undefined) return;
    const at = later(next, this.#notBefore ?? next);
    this.#cancelTimer = this.#deps.runtime.clock.at(at, () => this.#readNext());
  }

  #readNext(): void {
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const mailboxes = this.#takeBatch();
    if (mailboxes.length === 0) {
      this.#arm();
      return;
    }
    this.#isUnderWay = true;
    // Never rejects: every failure is recorded.
    void this.#read(mailboxes, signal).finally(() => {
      this.#isUnderWay = false;
      this.#arm();
    });
  }

  #takeBatch(): readonly Mailbox[] {
    const now = this.#deps.runtime.clock.now();
    const batch: Mailbox[] = [];
    const limit = Math.min(this.#batchLimit, this.#source.capabilities.maxMailboxesPerSettings ?? 1);
    while (batch.length < limit) {
      const mailbox = this.#queue.takeDue(now);
      if (mailbox === undefined) break;
      batch.push(mailbox);
    }
    return batch;
  }

  async #read(mailboxes: readonly Mailbox[], signal: AbortSignal): Promise<void> {
    const { clock, log, random } = this.#deps.runtime;
    const askedAt = clock.now();
    const nextAt = slotAfter(plus(askedAt, DAY - Math.round(random() * SPREAD)));
    try {
      const results = (await this.#source.readMailboxSettings?.(mailboxes, signal)) ?? [];
      for (const result of results) await this.#take(result, askedAt);
      for (const mailbox of mailboxes) this.#schedule(mailbox, nextAt);
    } catch (error) {
      if (!signal.aborted) this.#failed(mailboxes, toGatewayError(error));
      return;
    }
    if (this.#lastError) log.info("calendar.settings-recovered", { gateway: this.#gateway });
    this.#lastError = undefined;
    this.#serverFailures = 0;
    this.#batchLimit *= 2;
    this.#notBefore = plus(clock.now(), PACE);
  }

  #failed(mailboxes: readonly Mailbox[], error: GatewayError): void {
    const { clock, log, random } = this.#deps.runtime;
    const { code, message, type, retryAfter = 0 } = error;
    if (this.#lastError?.code !== code) log.warn("calendar.settings-failed", { gateway: this.#gateway, code, message });
    this.#lastError = error;
    this.#serverFailures++;
    this.#batchLimit = Math.ceil(mailboxes.length / 2);
    const delay = type === "auth" ? RETRY_DENIED : backoffDelay(RETRY_SERVER, this.#serverFailures, random());
    this.#notBefore = plus(clock.now(), Math.max(delay, retryAfter));
    for (const mailbox of mailboxes) this.#schedule(mailbox, this.#notBefore);
  }

  async #take(result: MailboxSettingsResult, heardAt: Instant): Promise<void> {
    const { mailbox } = result;
    if (!this.#mailboxes.has(mailbox)) return;
    if ("error" in result) return this.#mailboxFailed(mailbox, result.error);
    this.#failures.delete(mailbox);
    const { automaticReplies: replies } = result.settings;
    for (const presentity of [...this.#deps.presentities.ofMailbox(this.#gateway, mailbox)]) {
      recordAutomaticReplies(this.#deps, presentity, replies && { replies, heardAt });
      await recordOwner(this.#deps, presentity, result.settings);
    }
  }

  #mailboxFailed(mailbox: Mailbox, error: GatewayError): void {
    const { clock, log, random } = this.#deps.runtime;
    const { code, type, retryAfter = 0 } = error;
    const failures = (this.#failures.get(mailbox) ?? 0) + 1;
    this.#failures.set(mailbox, failures);
    log.debug("calendar.mailbox-settings-failed", { gateway: this.#gateway, mailbox, code });
    const delay = Math.max(backoffDelay(RETRY_MAILBOX, failures, random()), retryAfter);
    // Others need a person, and have a day.
    if (type === "wait") this.#schedule(mailbox, plus(clock.now(), delay));
    if (type !== "cancel") return;
    // A mailbox that is no more answers nobody.
    for (const presentity of this.#deps.presentities.ofMailbox(this.#gateway, mailbox))
      recordAutomaticReplies(this.#deps, presentity, undefined);
  }

  /** Unless somebody has asked for it meanwhile. */
  #schedule(mailbox: Mailbox, at: Instant): void {
    if (this.#mailboxes.has(mailbox) && this.#queue.at(mailbox) === undefined) this.#queue.set(mailbox, at);
  }
}

const slotAfter = (at: Instant): Instant => instant(Math.ceil((at - SLOT_OFFSET) / SLOT) * SLOT + SLOT_OFFSET);
