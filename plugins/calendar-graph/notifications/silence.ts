import { minutes, plus } from "../../../src/lib/time.ts";
import { after } from "../../../src/ports/after.ts";
import type { Clock } from "../../../src/ports/runtime.ts";
import type { Subscription } from "./subscription-book.ts";

// Graph may be late; of the time before the subscription stood nothing is told.
const LATE = minutes(5);

/** Subscriptions that told nothing of a change: unless word comes within five minutes, they are taken for silent. */
export class Silence {
  readonly #clock: Clock;
  readonly #silent: (subscription: Subscription) => void;
  readonly #suspects = new Map<Subscription, () => void>();

  constructor(clock: Clock, silent: (subscription: Subscription) => void) {
    this.#clock = clock;
    this.#silent = silent;
  }

  /** Its mailbox changed, and nothing was told. */
  suspect(subscription: Subscription): void {
    if (this.#suspects.has(subscription) || this.#clock.now() < plus(subscription.madeAt, LATE)) return;
    const cancel = after(this.#clock, LATE, () => {
      this.#suspects.delete(subscription);
      this.#silent(subscription);
    });
    this.#suspects.set(subscription, cancel);
  }

  /** It told something. */
  heard(subscription: Subscription): void {
    this.#suspects.get(subscription)?.();
    this.#suspects.delete(subscription);
  }

  /** Suspects none any more. */
  end(): void {
    for (const cancel of this.#suspects.values()) cancel();
    this.#suspects.clear();
  }
}
