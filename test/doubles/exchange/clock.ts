import { plus } from "../../../src/lib/time.ts";
import type { Clock } from "../../../src/ports/runtime.ts";

/** Time as the simulated server sees it: instants in milliseconds since 1970 and one-shot timers that can be cancelled. */
export interface ExchangeClock {
  now(): number;
  setTimeout(action: () => void, milliseconds: number): () => void;
}

/** The machine's own timers, with `now` replaceable; the timers never keep the process alive. */
export function systemClock(now: () => number = Date.now): ExchangeClock {
  return {
    now,
    setTimeout(action, milliseconds) {
      const timer = setTimeout(action, milliseconds).unref();
      return () => clearTimeout(timer);
    },
  };
}

/** Time of the gateway's own clock, so that both sides of a scenario live in the same simulated time. */
export function followClock(clock: Pick<Clock, "now" | "at">): ExchangeClock {
  return {
    now: () => clock.now(),
    setTimeout: (action, milliseconds) => clock.at(plus(clock.now(), milliseconds), action),
  };
}

interface Alarm {
  readonly at: number;
  readonly action: () => void;
}

/** A clock that stands until `advance` moves it: thirty minutes of a streaming connection pass in no time. */
export class ManualClock implements ExchangeClock {
  #now: number;
  readonly #alarms = new Set<Alarm>();

  constructor(now: number) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(action: () => void, milliseconds: number): () => void {
    const alarm = { at: this.#now + milliseconds, action };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Moves time on by `milliseconds` and runs every timer that falls due, in order, timers set meanwhile included. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (let due = this.#next(until); due !== undefined; due = this.#next(until)) {
      this.#alarms.delete(due);
      this.#now = due.at;
      due.action();
    }
    this.#now = until;
  }

  #next(until: number): Alarm | undefined {
    const due = [...this.#alarms].filter((alarm) => alarm.at <= until);
    return due.reduce<Alarm | undefined>((first, alarm) => (first && first.at <= alarm.at ? first : alarm), undefined);
  }
}
