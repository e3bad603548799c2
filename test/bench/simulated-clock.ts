import type { Instant, Milliseconds } from "../../src/lib/time.ts";
import { plus } from "../../src/lib/time.ts";
import { TimerHeap } from "../../src/lib/timer-heap.ts";
import type { Clock } from "../../src/ports/runtime.ts";

interface Timer {
  readonly fire: () => void;
}

/** A clock for hours of simulated time with real sockets: after each timer it stands until everything has come to rest. */
export class SimulatedClock implements Clock {
  readonly #timers = new TimerHeap<Timer>();
  #now: Instant;

  constructor(now: Instant) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  at(at: Instant, callback: () => void): () => void {
    const timer = { fire: callback };
    this.#timers.set(timer, at > this.#now ? at : this.#now);
    return () => this.#timers.delete(timer);
  }

  sleep(length: Milliseconds, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.at(plus(this.#now, length), () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** Lets this much time pass; `rest` resolves when nothing is under way any more. */
  async advance(length: number, rest: () => Promise<void>): Promise<void> {
    const end = plus(this.#now, length);
    for (let { next } = this.#timers; next !== undefined && next <= end; { next } = this.#timers) {
      this.#now = next;
      for (let due = this.#timers.takeDue(next); due; due = this.#timers.takeDue(next)) due.fire();
      await rest();
    }
    this.#now = end;
    await rest();
  }
}
