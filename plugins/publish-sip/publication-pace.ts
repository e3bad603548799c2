import { Fifo } from "../../src/lib/fifo.ts";
import { type Instant, type Milliseconds, milliseconds, plus } from "../../src/lib/time.ts";
import type { PublishLane } from "./event-publication.ts";

/** What one server is asked at most. */
export interface PaceLimits {
  /** Publications in a second, on average. */
  readonly perSecond: number;
  /** Publications under way at once. */
  readonly window: number;
}

/** Seconds whose worth may go at once after a pause: so much that a turn that comes late makes up for it. */
const BURST = 0.15;
/** What waits goes out together: to wake up for each would cost several times as much as to send it. */
const SHORTEST_PAUSE = milliseconds(100);

/** Whose turn it is to send: changes before refreshes, at most so many in a second and so many under way. Pure. */
export class PublicationPace<Key> {
  readonly #limits: PaceLimits;
  readonly #lanes = { change: new Fifo<Key>(), refresh: new Fifo<Key>() };
  #tokens: number;
  #counted: Instant;
  #underWay = 0;

  constructor(limits: PaceLimits, now: Instant) {
    this.#limits = limits;
    this.#tokens = this.#most;
    this.#counted = now;
  }

  /** How many are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The key waits for its turn; it may wait in both lanes, and the caller drops a turn that is not due any more. */
  enqueue(key: Key, lane: PublishLane): void {
    this.#lanes[lane].push(key);
  }

  /** The next key that may send now; each that does is to be told to `begin`. */
  next(now: Instant): { readonly key: Key; readonly lane: PublishLane } | undefined {
    this.#refill(now);
    if (this.#tokens < 1 || this.#underWay >= this.#limits.window) return undefined;
    for (const lane of ["change", "refresh"] as const) {
      const key = this.#lanes[lane].shift();
      if (key !== undefined) return { key, lane };
    }
    return undefined;
  }

  /** A publication is on its way. */
  begin(): void {
    this.#tokens--;
    this.#underWay++;
  }

  /** A publication has come to its end: another may begin. */
  end(): void {
    this.#underWay--;
  }

  /** How long until another may be sent for all that is known; undefined: not before an `end` or an `enqueue`. */
  get delay(): Milliseconds | undefined {
    const isIdle = this.#lanes.change.length + this.#lanes.refresh.length === 0;
    if (isIdle || this.#underWay >= this.#limits.window) return undefined;
    return milliseconds(Math.max(SHORTEST_PAUSE, Math.ceil(((1 - this.#tokens) * 1000) / this.#limits.perSecond)));
  }

  get #most(): number {
    return Math.max(1, this.#limits.perSecond * BURST);
  }

  /** A clock that is set back gives nothing, and takes nothing. */
  #refill(now: Instant): void {
    const passed = Math.max(0, now - this.#counted);
    this.#tokens = Math.min(this.#most, this.#tokens + (passed * this.#limits.perSecond) / 1000);
    this.#counted = plus(now, 0);
  }
}
