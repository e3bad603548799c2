import type { Mailbox } from "../core/addresses.ts";
import { earlier, type Instant, later, type Milliseconds, plus, seconds } from "../lib/time.ts";
import { TimerHeap } from "../lib/timer-heap.ts";

/** In a busy time changes gather for this long, so that one request reads many mailboxes. */
const GATHER: Milliseconds = seconds(5);
/** After quiet this many changes are read at once before a time counts as busy. */
const AT_ONCE = 4;

/** How a batch may be put together. */
export interface BatchRules {
  readonly limit: number;
  /** Routine reads due before it may ride along. */
  readonly fillUntil: Instant;
  /** Mailboxes that are read in a batch of their own. */
  readonly isAlone: (mailbox: Mailbox) => boolean;
}

/** What one request is to read. */
export interface Batch {
  readonly mailboxes: readonly Mailbox[];
  /** So many of them, the first, are read because something may have changed. */
  readonly changed: number;
}

/**
 * Which mailboxes of one calendar server are to be read, and when: one entry a mailbox, whatever asks how often. The
 * first changes after quiet are read at once; in a busy time changes gather for a few seconds. Routine reads (the safety
 * sweep) are taken in full batches and fill up the batches of others.
 */
export class RefreshQueue {
  readonly #changed = new Map<Mailbox, Instant>();
  readonly #routine = new TimerHeap<Mailbox>();
  readonly #batchSize: number;
  /** When the line of batches would be worked off at one per `GATHER` (generic cell rate algorithm). */
  #workedOffAt: Instant | undefined;

  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** Mailboxes known to have changed and not read yet. */
  get depth(): number {
    return this.#changed.size;
  }

  /** Something may have changed: read it soon. */
  markChanged(mailbox: Mailbox, now: Instant): void {
    if (!this.#changed.has(mailbox)) this.#changed.set(mailbox, now);
  }

  /** Read it at this time if nothing asks earlier: the safety sweep, or a retry. */
  scheduleRoutine(mailbox: Mailbox, at: Instant): void {
    this.#routine.set(mailbox, at);
  }

  /** The clock was set back: what has changed is due now, and no batch is counted against it. */
  clockSetBack(now: Instant): void {
    for (const mailbox of this.#changed.keys()) this.#changed.set(mailbox, now);
    this.#workedOffAt = undefined;
  }

  /** Read it at this time at the latest. */
  hastenRoutine(mailbox: Mailbox, at: Instant): void {
    const planned = this.#routine.at(mailbox);
    if (planned === undefined || at < planned) this.#routine.set(mailbox, at);
  }

  /** Forgets the mailbox. */
  delete(mailbox: Mailbox): void {
    this.#changed.delete(mailbox);
    this.#routine.delete(mailbox);
  }

  /** When the next batch will be due; `undefined` when nothing is waited for. */
  nextDue(): Instant | undefined {
    const routine = this.#routine.next;
    const oldest = this.#changed.values().next().value;
    if (oldest === undefined) return routine;
    const changed = this.#changed.size >= this.#batchSize ? oldest : this.#gatheredAt(oldest);
    return routine !== undefined && routine < changed ? routine : changed;
  }

  /** Takes the next batch when it is due at `now`: what has changed, filled up with routine reads. */
  takeBatch(now: Instant, rules: BatchRules): Batch | undefined {
    const due = this.nextDue();
    if (due === undefined || due > now) return undefined;
    if (this.#changed.size > 0) this.#countBatch(now);
    const batch: Mailbox[] = [];
    this.#takeChanged(batch, rules);
    const changed = batch.length;
    this.#takeRoutine(batch, rules, now);
    return { mailboxes: batch, changed };
  }

  /** Full batches do not wait for each other: however many a flood made, what changes after it gathers once. */
  #countBatch(now: Instant): void {
    const before = later(now, this.#workedOffAt ?? now);
    this.#workedOffAt = plus(earlier(before, plus(now, (AT_ONCE - 1) * GATHER)), GATHER);
  }

  #takeChanged(batch: Mailbox[], rules: BatchRules): void {
    for (const mailbox of this.#changed.keys()) {
      if (isFull(batch, rules)) return;
      if (batch.length > 0 && rules.isAlone(mailbox)) continue;
      this.delete(mailbox);
      batch.push(mailbox);
    }
  }

  #takeRoutine(batch: Mailbox[], rules: BatchRules, now: Instant): void {
    while (!isFull(batch, rules)) {
      const mailbox = this.#routine.takeDue(later(now, rules.fillUntil));
      if (mailbox === undefined) return;
      if (batch.length > 0 && rules.isAlone(mailbox)) {
        this.#routine.set(mailbox, now);
        return;
      }
      this.#changed.delete(mailbox);
      batch.push(mailbox);
    }
  }

  #gatheredAt(oldest: Instant): Instant {
    return this.#workedOffAt === undefined ? oldest : later(oldest, plus(this.#workedOffAt, -(AT_ONCE - 1) * GATHER));
  }
}

/** One that is read alone is always the first. */
const isFull = (batch: readonly Mailbox[], { limit, isAlone }: BatchRules): boolean =>
  batch.length >= limit || batch.slice(0, 1).some(isAlone);
