import { type Instant, type Milliseconds, plus } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";

interface Timer {
  /** Where it stands in monotonic time. */
  readonly due: number;
  readonly order: number;
  readonly fire: () => void;
}

interface Alarm {
  readonly at: Instant;
  readonly callback: () => void;
  cancel: () => void;
}

/** A clock that moves only when told to; wall time can also be stepped, as a badly set server does. */
export class FakeClock implements Clock {
  #now: Instant;
  #monotonic = 0;
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #alarms = new Set<Alarm>();

  constructor(now: Instant) {
    this.#now = now;
  }

  now(): Instant {
    return this.#now;
  }

  at(at: Instant, callback: () => void): () => void {
    const entry: Alarm = { at, callback, cancel: () => undefined };
    this.#alarms.add(entry);
    this.#set(entry);
    return () => {
      this.#alarms.delete(entry);
      entry.cancel();
    };
  }

  sleep(length: Milliseconds, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = (): void => {
        cancel();
        reject(signal.reason);
      };
      const cancel = this.#schedule(length, () => {
        signal.removeEventListener("abort", abort);
        resolve();
      });
      signal.addEventListener("abort", abort, { once: true });
    });
  }

  /** Wall time jumps; timers, which run on monotonic time, do not move. */
  step(length: number): void {
    this.#now = plus(this.#now, length);
    for (const alarm of this.#alarms) {
      alarm.cancel();
      this.#set(alarm);
    }
  }

  /** Lets time pass, firing timers in order and letting promises settle after each. */
  async advance(length: number): Promise<void> {
    const end = this.#monotonic + length;
    await settle();
    for (;;) {
      const next = this.#earliest();
      if (!next || next.due > end) break;
      this.#timers.delete(next);
      this.#move(next.due);
      next.fire();
      await settle();
    }
    this.#move(end);
    await settle();
  }

  #set(alarm: Alarm): void {
    alarm.cancel = this.#schedule(Math.max(alarm.at - this.#now, 0), () => {
      this.#alarms.delete(alarm);
      alarm.callback();
    });
  }

  #move(monotonic: number): void {
    this.#now = plus(this.#now, monotonic - this.#monotonic);
    this.#monotonic = monotonic;
  }

  #earliest(): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.#timers) {
      if (!best || timer.due < best.due || (timer.due === best.due && timer.order < best.order)) best = timer;
    }
    return best;
  }

  #schedule(delay: number, fire: () => void): () => void {
    const timer = { due: this.#monotonic + delay, order: this.#order++, fire };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
}

/** Lets everything that is ready run: promises, then one turn of the event loop, a few times over. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
