import { type Instant, instant, milliseconds, plus, seconds } from "../../src/lib/time.ts";
import { TimerHeap } from "../../src/lib/timer-heap.ts";
import { after } from "../../src/ports/after.ts";
import type { Clock } from "../../src/ports/runtime.ts";

/** So late at most is noticed that the clock was set back. */
const LONGEST_SLEEP = seconds(30);

/** One timer for the refreshes and retries of all publications; late ones are not made later by setting the clock. */
export class PublicationTimers<Key> {
  readonly #clock: Clock;
  readonly #due: (key: Key) => void;
  readonly #heap = new TimerHeap<Key>();
  #latest: Instant = instant(0);
  #skew = 0;
  #wakesAt: Instant | undefined;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(clock: Clock, due: (key: Key) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Wall time that never goes back: what was granted runs out however the machine's clock is set. */
  now(): Instant {
    const wall = this.#clock.now();
    this.#skew += Math.max(0, this.#latest - wall - this.#skew);
    this.#latest = plus(wall, this.#skew);
    return this.#latest;
  }

  /** Sets, moves or forgets the key's time. */
  set(key: Key, at: Instant | undefined): void {
    if (at === undefined) this.#heap.delete(key);
    else this.#heap.set(key, at);
    this.#arm();
  }

  /** Nothing is due any more. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  #arm(): void {
    const { next } = this.#heap;
    if (next === undefined || this.#isStopped) return;
    if (this.#wakesAt !== undefined && this.#wakesAt <= next) return; // it looks again then
    this.#cancel?.();
    // By sleeping, which no setting of the clock changes.
    const now = this.now();
    const length = milliseconds(Math.min(Math.max(next - now, 0), LONGEST_SLEEP));
    this.#wakesAt = plus(now, length);
    this.#cancel = after(this.#clock, length, () => this.#wake());
  }

  #wake(): void {
    this.#wakesAt = undefined;
    const now = this.now();
    for (let key = this.#heap.takeDue(now); key !== undefined; key = this.#heap.takeDue(now)) this.#due(key);
    this.#arm();
  }
}
