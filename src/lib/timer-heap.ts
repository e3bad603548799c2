import type { Instant } from "./time.ts";

interface Entry<Key> {
  readonly key: Key;
  /** Counts the keys as they came. */
  readonly order: number;
  at: Instant;
  index: number;
}

/**
 * A binary heap of instants with at most one entry a key; every operation is O(log n) at most. Of equal instants the key
 * that came first is the earlier one.
 */
export class TimerHeap<Key> {
  readonly #heap: Entry<Key>[] = [];
  readonly #entries = new Map<Key, Entry<Key>>();
  #count = 0;

  /** How many keys wait. */
  get size(): number {
    return this.#heap.length;
  }

  /** The earliest instant of all, if any key waits. */
  get next(): Instant | undefined {
    return this.#heap[0]?.at;
  }

  /** The key's instant, if it waits. */
  at(key: Key): Instant | undefined {
    return this.#entries.get(key)?.at;
  }

  /** Sets or moves the key's instant. */
  set(key: Key, at: Instant): void {
    const existing = this.#entries.get(key);
    if (existing) {
      existing.at = at;
      this.#up(existing);
      this.#down(existing);
      return;
    }
    const entry: Entry<Key> = { key, order: this.#count++, at, index: this.#heap.length };
    this.#heap.push(entry);
    this.#entries.set(key, entry);
    this.#up(entry);
  }

  /** Forgets the key; true when it waited. */
  delete(key: Key): boolean {
    const entry = this.#entries.get(key);
    if (!entry) return false;
    this.#entries.delete(key);
    const last = this.#heap.pop();
    if (!last || last === entry) return true;
    last.index = entry.index;
    this.#heap[last.index] = last;
    this.#up(last);
    this.#down(last);
    return true;
  }

  /** Takes out the earliest key when its instant is not after `now`. */
  takeDue(now: Instant): Key | undefined {
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.delete(first.key);
    return first.key;
  }

  #swap(a: Entry<Key>, b: Entry<Key>): void {
    const index = a.index;
    a.index = b.index;
    b.index = index;
    this.#heap[a.index] = a;
    this.#heap[b.index] = b;
  }

  #up(entry: Entry<Key>): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1];
      if (!parent || !isBefore(entry, parent)) return;
      this.#swap(entry, parent);
    }
  }

  #down(entry: Entry<Key>): void {
    for (;;) {
      const left = this.#heap[entry.index * 2 + 1];
      const right = this.#heap[entry.index * 2 + 2];
      const smaller = right && left && isBefore(right, left) ? right : left;
      if (!smaller || !isBefore(smaller, entry)) return;
      this.#swap(entry, smaller);
    }
  }
}

const isBefore = (a: Entry<unknown>, b: Entry<unknown>): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
