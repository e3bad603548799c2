import type { PresentityId } from "../core/addresses.ts";

/** What a write sets. A later write of the same subject makes an earlier one needless. */
export type WriteSubject =
  | "busy-time"
  | "heard"
  | "calendar-error"
  | "override"
  | "clients"
  | "composition"
  | "all"
  | `published ${string}`
  | `outbox ${string}`
  | `outcome ${string}`;

/** One statement to be run inside a transaction. */
export type Write = () => unknown;

/**
 * Writes that wait for their transaction: in order for each presentity, the newest of each subject only. So what waits
 * is bounded by the number of presentities, however long the store cannot be written.
 */
export class PendingWrites {
  readonly #writes = new Map<PresentityId, Map<WriteSubject, Write>>();

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
    const writes = this.#writes.get(presentity) ?? new Map<WriteSubject, Write>();
    writes.delete(subject); // a map keeps the place of the first insertion
    this.#writes.set(presentity, writes.set(subject, write));
  }

  /** Forgets what waits for the presentity: of subjects that begin so, or of all. */
  drop(presentity: PresentityId, beginning = ""): void {
    const writes = this.#writes.get(presentity);
    for (const subject of writes?.keys() ?? []) if (subject.startsWith(beginning)) writes?.delete(subject);
    if (writes?.size === 0) this.#writes.delete(presentity);
  }

  /** Forgets everything. */
  clear(): void {
    this.#writes.clear();
  }

  /** Each presentity's writes, in order. */
  *[Symbol.iterator](): Generator<readonly [PresentityId, Iterable<Write>]> {
    for (const [presentity, writes] of this.#writes) yield [presentity, writes.values()];
  }
}
