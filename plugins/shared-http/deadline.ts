import { setMaxListeners } from "node:events";
import type { Milliseconds } from "../../src/lib/time.ts";
import { after } from "../../src/ports/after.ts";
import type { Clock } from "../../src/ports/runtime.ts";

/** A signal that aborts with the first of its parents, or when its time is over; `end` it in any case. */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #clock: Clock;
  readonly #parents: readonly AbortSignal[];
  readonly #abort = ({ target }: Pick<Event, "target">): void => {
    if (target instanceof AbortSignal) this.#controller.abort(target.reason);
  };
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, ...parents: readonly AbortSignal[]) {
    this.#clock = clock;
    this.#parents = parents;
    // Many requests at a time share one signal: that is no leak, and Node need not warn of it.
    setMaxListeners(0, this.#controller.signal, ...parents);
    for (const parent of parents) {
      if (parent.aborted) this.#abort({ target: parent });
      else parent.addEventListener("abort", this.#abort, { once: true });
    }
  }

  /** Aborts with a parent's reason, or with the error given to `set`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts with the error when `length` has passed and no other time was set; the error is made only then. */
  set(length: Milliseconds, error: () => Error): void {
    this.#cancel();
    this.#cancel = after(this.#clock, length, () => this.#controller.abort(error()));
  }

  /** Lets go of the clock and of the parents. */
  end(): void {
    this.#cancel();
    for (const parent of this.#parents) parent.removeEventListener("abort", this.#abort);
  }
}
