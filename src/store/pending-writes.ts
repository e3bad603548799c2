import type { PresentityId } from "../core/addresses.ts";

/** What a write sets. A later write of the same subject makes an earlier one needless. */
export type WriteSubject =
  | "busy-time"
  | "heard"
  | "calendar-error"
  | "automatic-replies"
  | "server"
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

/** `prompt`: what must be known before something is done because of it; `all`: and what may follow. */
export type WriteScope = "prompt" | "all";

/** What was published may follow: when it is lost, the row that is still due says that it may have been. */
const mayFollow = (subject: WriteSubject): boolean => subject === "publications";

/**
 * Writes that wait for their transaction: in order for each presentity, the newest of each subject only. So what waits
 * is bounded by the number of presentities, however long the store cannot be written.
 */
export class PendingWrites {
  readonly #prompt = new Map<PresentityId, Waiting[]>();
  /** Presentities all of whose writes may follow. */
  readonly #following = new Map<PresentityId, Waiting[]>();

  /** True when nothing waits in the scope. */
  isEmpty(scope: WriteScope): boolean {
    return this.#prompt.size === 0 && (scope === "prompt" || !this.hasFollowing);
  }

  /** True when something waits that need not be written at once. */
  get hasFollowing(): boolean {
    return this.#following.size > 0;
  }

  /** True when something waits for the presentity. */
  has(presentity: PresentityId): boolean {
    return this.#prompt.has(presentity) || this.#following.has(presentity);
  }

  /** Adds a write after all others of its presentity, which goes with the prompt ones unless all of them may follow. */
  add(presentity: PresentityId, subject: WriteSubject, write: Write): void {
    const waiting = this.#open(presentity, mayFollow(subject));
    const index = waiting.findIndex((each) => each.subject === subject);
    if (index >= 0) waiting.splice(index, 1);
    waiting.push({ subject, write });
  }

  /** Forgets what waits for the presentity. */
  drop(presentity: PresentityId): void {
    this.#prompt.delete(presentity);
    this.#following.delete(presentity);
  }

  /** Forgets everything in the scope. */
  clear(scope: WriteScope): void {
    empty(this.#prompt);
    if (scope === "all") empty(this.#following);
  }

  /** Each presentity's writes, in order. */
  *list(scope: WriteScope): Generator<readonly [PresentityId, readonly { readonly write: Write }[]]> {
    yield* this.#prompt;
    if (scope === "all") yield* this.#following;
  }

  #open(presentity: PresentityId, canFollow: boolean): Waiting[] {
    const prompt = this.#prompt.get(presentity);
    if (prompt) return prompt;
    const waiting = this.#following.get(presentity) ?? [];
    if (!canFollow) this.#following.delete(presentity);
    (canFollow ? this.#following : this.#prompt).set(presentity, waiting);
    return waiting;
  }
}

/** The tables that a map has outgrown go on holding its values until a full collection of garbage, so these are emptied. */
function empty(writes: Map<PresentityId, Waiting[]>): void {
  for (const waiting of writes.values()) waiting.length = 0;
  writes.clear();
}
