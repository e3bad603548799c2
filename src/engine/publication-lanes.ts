import type { PresentityId } from "../core/addresses.ts";
import { Fifo } from "../lib/fifo.ts";
import type { Instant } from "../lib/time.ts";
import { TimerHeap } from "../lib/timer-heap.ts";

/** Where in the line a publication stands: who leaves a meeting goes before who enters one. */
export type Lane = "end" | "start";

/** What may be taken. */
export interface TakeLimits {
  readonly now: Instant;
  /** Most that are under way at once. */
  readonly window: number;
  /** Starts wait. */
  readonly isEndsOnly?: boolean;
}

/** The order in which one publisher's rows are sent; each presentity stands in one place at most, beside being under way. */
export class PublicationLanes {
  readonly #queues = { end: new Fifo<PresentityId>(), start: new Fifo<PresentityId>() };
  /** What is due; in the queues may also stand what is no more. */
  readonly #due = new Map<PresentityId, Lane>();
  readonly #waiting = new TimerHeap<PresentityId>();
  readonly #underWay = new Set<PresentityId>();

  /** Rows that are due, waiting for their time, or under way. */
  get depth(): number {
    return this.busy + this.#waiting.size;
  }

  /** Rows that are due or under way. */
  get busy(): number {
    return this.#due.size + this.#underWay.size;
  }

  /** True while rows are due that were not taken. */
  get hasDue(): boolean {
    return this.#due.size > 0;
  }

  /** When the next waiting row is due. */
  get next(): Instant | undefined {
    return this.#waiting.next;
  }

  /** The row is due now. */
  add(id: PresentityId, lane: Lane): void {
    this.#waiting.delete(id);
    this.#due.set(id, lane);
    this.#queues[lane].push(id);
  }

  /** The row is due at this time. */
  wait(id: PresentityId, at: Instant): void {
    this.delete(id);
    this.#waiting.set(id, at);
  }

  /** Takes the row out of the line; what is under way stays so. */
  delete(id: PresentityId): void {
    this.#due.delete(id);
    this.#waiting.delete(id);
  }

  /** Takes the row out of those that wait; true when it was one of them. */
  stopWaiting(id: PresentityId): boolean {
    return this.#waiting.delete(id);
  }

  /** True while a publication of the presentity is on its way. */
  isUnderWay(id: PresentityId): boolean {
    return this.#underWay.has(id);
  }

  /** The publication has arrived, or failed. */
  finish(id: PresentityId): void {
    this.#underWay.delete(id);
    const lane = this.#due.get(id);
    if (lane) this.#queues[lane].push(id); // its turn came while the earlier one was under way
  }

  /** Takes the next rows that may be sent; each is under way from then on. */
  *take({ now, window, isEndsOnly = false }: TakeLimits): Generator<PresentityId> {
    for (let due = this.#waiting.takeDue(now); due !== undefined; due = this.#waiting.takeDue(now))
      this.add(due, "end");
    for (const lane of isEndsOnly ? (["end"] as const) : (["end", "start"] as const)) {
      while (this.#underWay.size < window) {
        const id = this.#queues[lane].shift();
        if (id === undefined) break;
        if (this.#due.get(id) !== lane || this.#underWay.has(id)) continue;
        this.#due.delete(id);
        this.#underWay.add(id);
        yield id;
      }
    }
  }
}
