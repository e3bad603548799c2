import type { PresentityId } from "../core/addresses.ts";

/** What a write sets. A later write of the same subject makes an earlier one needless. */
export type WriteSubject =
  | "busy-time"
  | "heard"
  | "calendar-error"
  | "override"
  | "clients"
  | "composition"
  | "publications"
  | "all";

/** One statement to be run inside a transaction. */
export type Write = () => unknown;

interface Waiting {
  readonly subject: WriteSubject;
  readonly write: Write;
}

/**
 * Writes that wait for their transaction: in order for each presentity, the newest of each subject only. So what waits
 * is bounded by the number of presentities, however long the store cannot be written.
 */
export class PendingWrites {
  readonly #writes = new Map<PresentityId, Waiting[]>();

  /** True when nothing waits. */
  get isEmpty(): boolean {
    return this.#writes.size === 0;
  }

  /** True when something waits for the presentity. */
  has(presentity: PresentityId): boolean {
    return this.#writes.has(presentity);
  }

  /** Adds a write after all others of its presentity. */
  add(presentity: PresentityId, subject: WriteSubject, write: Write): void {
    const waiting = this.#writes.get(presentity);
    if (!waiting) {
      this.#writes.set(presentity, [{ subject, write }]);
      return;
    }
    const index = waiting.findIndex((each) => each.subject === subject);
    if (index >= 0) waiting.splice(index, 1);
    waiting.push({ subject, write });
  }

  /** Forgets what waits for the presentity. */
  drop(presentity: PresentityId): void {
    this.#writes.delete(presentity);
  }

  /** Forgets everything. */
  clear(): void {
    this.#writes.clear();
  }

  /** Each presentity's writes, in order. */
  *[Symbol.iterator](): Generator<readonly [PresentityId, readonly { readonly write: Write }[]]> {
    yield* this.#writes;
  }
}
