import { type Instant, type Milliseconds, milliseconds, plus } from "../../src/lib/time.ts";
import { TimerHeap } from "../../src/lib/timer-heap.ts";
import { after } from "../../src/ports/after.ts";
import type { Clock } from "../../src/ports/runtime.ts";

/**
 * Lets one value a key through per interval, the first at once; of those that come sooner only the newest is kept, until
 * its time comes. What waits is bounded by the number of keys.
 */
export class LatestOnly<Key, Value> {
  readonly #clock: Clock;
  readonly #interval: Milliseconds;
  readonly #take: (key: Key, value: Value) => void;
  readonly #waiting = new Map<Key, Value>();
  /** Keys that had their turn, by when they may have the next one. */
  readonly #resting = new TimerHeap<Key>();
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, interval: Milliseconds, take: (key: Key, value: Value) => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#take = take;
  }

  /** Takes the value now or in its time, instead of any that waits. */
  push(key: Key, value: Value): void {
    if (this.#resting.at(key) !== undefined) this.#waiting.set(key, value);
    else this.#pass(key, value, this.#clock.now());
  }

  /** Forgets what waits of this key. */
  delete(key: Key): void {
    this.#waiting.delete(key);
  }

  /** Forgets everything. */
  clear(): void {
    this.#waiting.clear();
    this.#cancel?.();
    this.#cancel = undefined;
    while (this.#resting.next !== undefined) this.#resting.takeDue(this.#resting.next);
  }

  #pass(key: Key, value: Value, now: Instant): void {
    this.#resting.set(key, plus(now, this.#interval));
    this.#arm(now);
    this.#take(key, value);
  }

  #arm(now: Instant): void {
    const { next } = this.#resting;
    if (this.#cancel || next === undefined) return;
    // A clock that is set back must not hold anything for longer than one interval.
    const wait = Math.min(Math.max(next - now, 0), this.#interval);
    this.#cancel = after(this.#clock, milliseconds(wait), () => {
      this.#cancel = undefined;
      this.#wake(plus(now, wait));
    });
  }

  #wake(due: Instant): void {
    const now = this.#clock.now();
    for (let key = this.#resting.takeDue(due); key !== undefined; key = this.#resting.takeDue(due)) {
      const value = this.#waiting.get(key);
      this.#waiting.delete(key);
      if (value !== undefined) this.#pass(key, value, now);
    }
    this.#arm(now);
  }
}
