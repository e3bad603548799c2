import type { BareJid } from "../core/addresses.ts";
import { type Instant, minutes } from "../lib/time.ts";

type Job = () => Promise<void>;

/** A job, and what is done in its place, once a minute, when there are too many. Neither may reject. */
export interface QueuedJob {
  readonly run: Job;
  readonly refuse: Job;
}

interface Sender {
  readonly waiting: Job[];
  isRunning: boolean;
  isRefused: boolean;
  since: Instant;
  count: number;
}

const MOST_WAITING = 5;
const MOST_PER_MINUTE = 60;
const WINDOW = minutes(1);
const MOST_SENDERS = 1000;

/** One job at a time a sender, in order; few may wait, and few may come in a minute. */
export class SenderQueues {
  readonly #senders = new Map<BareJid, Sender>();
  readonly #running = new Set<Promise<void>>();
  #isClosed = false;

  /** Takes the job; false when it was dropped. */
  add(jid: BareJid, now: Instant, { run, refuse }: QueuedJob): boolean {
    const sender = this.#open(jid, now);
    if (!sender || this.#isClosed) return false;
    const isTooMuch = sender.waiting.length >= MOST_WAITING || sender.count >= MOST_PER_MINUTE;
    if (isTooMuch && sender.isRefused) return false;
    sender.waiting.push(isTooMuch ? refuse : run);
    sender.isRefused ||= isTooMuch;
    sender.count++;
    if (!sender.isRunning) this.#start(sender);
    return !isTooMuch;
  }

  /** Takes no more jobs, drops those that wait, and resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const sender of this.#senders.values()) sender.waiting.length = 0;
    await Promise.all(this.#running);
  }

  #start(sender: Sender): void {
    const run = this.#drain(sender).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #drain(sender: Sender): Promise<void> {
    sender.isRunning = true;
    for (let job = sender.waiting.shift(); job; job = sender.waiting.shift()) await job();
    sender.isRunning = false;
  }

  #open(jid: BareJid, now: Instant): Sender | undefined {
    const known = this.#senders.get(jid);
    if (known) return isOver(known, now) ? renew(known, now) : known;
    if (this.#senders.size >= MOST_SENDERS && !this.#makeRoom()) return undefined;
    const sender: Sender = { waiting: [], isRunning: false, isRefused: false, since: now, count: 0 };
    this.#senders.set(jid, sender);
    return sender;
  }

  /** Whoever came first and has no job makes way, so that however many strangers keep nobody out. */
  #makeRoom(): boolean {
    for (const [jid, sender] of this.#senders) if (!sender.isRunning) return this.#senders.delete(jid);
    return false;
  }
}

/** True after a minute, or when the clock was set back. */
const isOver = ({ since }: Sender, now: Instant): boolean => now < since || now - since >= WINDOW;

function renew(sender: Sender, now: Instant): Sender {
  sender.since = now;
  sender.count = 0;
  sender.isRefused = false;
  return sender;
}
