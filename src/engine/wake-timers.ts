import type { PresentityId } from "../core/addresses.ts";
import { type Instant, type Milliseconds, milliseconds, plus, seconds } from "../lib/time.ts";
import { TimerHeap } from "../lib/timer-heap.ts";
import type { Clock } from "../ports/runtime.ts";

/** How far wall time may stray from the timers' time before it counts as a step. */
const STEP = seconds(2);
/** So many are woken in one turn of the event loop: a meeting that begins for thousands must not stop all else. */
const SLICE = 50;
const HEARTBEAT = seconds(5);

/** What the timers call. */
export interface WakeHandlers {
  /** The document of this presentity is due to change. */
  readonly wake: (presentity: PresentityId) => void;
  /** The clock was set back by so much: what was due may no longer be, and what was noted seems to lie ahead. */
  readonly clockSetBack: (by: Milliseconds) => void;
}

/**
 * One timer for all presentities: starts and ends of meetings are known in advance and need no network. Wall time is
 * compared every few seconds, so that a stepped clock delays nothing.
 */
export class WakeTimers {
  readonly #heap = new TimerHeap<PresentityId>();
  readonly #clock: Clock;
  readonly #handlers: WakeHandlers;
  #cancel: (() => void) | undefined;
  #armedFor: Instant | undefined;

  constructor(clock: Clock, handlers: WakeHandlers) {
    this.#clock = clock;
    this.#handlers = handlers;
  }

  /** Wakes the presentity at the instant; `undefined` takes its timer away. */
  set(presentity: PresentityId, at: Instant | undefined): void {
    if (at === undefined) this.#heap.delete(presentity);
    else this.#heap.set(presentity, at);
    this.#arm();
  }

  /** Watches for the clock being set back until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      const before = this.#clock.now();
      await this.#clock.sleep(HEARTBEAT, signal);
      const by = plus(before, HEARTBEAT) - this.#clock.now();
      if (by > HEARTBEAT + STEP) this.#handlers.clockSetBack(milliseconds(by));
    }
  }

  /** True while somebody is due who is not woken yet. */
  get isCatchingUp(): boolean {
    return this.#armedFor !== undefined && this.#armedFor <= this.#clock.now();
  }

  /** Takes the timer away; nothing wakes any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armedFor = undefined;
  }

  #arm(): void {
    const { next } = this.#heap;
    if (next === this.#armedFor) return;
    this.stop();
    if (next === undefined) return;
    this.#armedFor = next;
    this.#cancel = this.#clock.at(next, () => this.#fire());
  }

  #fire(): void {
    this.stop();
    const now = this.#clock.now();
    for (let woken = 0; woken < SLICE; woken++) {
      const due = this.#heap.takeDue(now);
      if (due === undefined) break;
      this.#handlers.wake(due);
    }
    this.#arm();
  }
}
