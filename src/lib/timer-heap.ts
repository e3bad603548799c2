import { type Instant, instant } from "./time.ts";

/**
 * A binary heap of instants with at most one entry a key; every operation is O(log n) at most. Of equal instants the key
 * that came first is the earlier one. In lists side by side, since an object for each of a hundred thousand entries would
 * take three times the memory.
 */
export class TimerHeap<Key> {
  readonly #keys: Key[] = [];
  readonly #instants: number[] = [];
  /** Counts the keys as they came. */
  readonly #orders: number[] = [];
  readonly #places = new Map<Key, number>();
  #count = 0;

  /** How many keys wait. */
  get size(): number {
    return this.#keys.length;
  }

  /** The earliest instant of all, if any key waits. */
  get next(): Instant | undefined {
    return this.#instantAt(0);
  }

  /** The key's instant, if it waits. */
  at(key: Key): Instant | undefined {
    const place = this.#places.get(key);
    return place === undefined ? undefined : this.#instantAt(place);
  }

  /** Sets or moves the key's instant. */
  set(key: Key, at: Instant): void {
    const place = this.#places.get(key);
    if (place === undefined) this.#up(this.size, key, at, this.#count++);
    else this.#move(place, key, at, this.#orders[place] ?? 0);
  }

  /** Forgets the key; true when it waited. */
  delete(key: Key): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#places.delete(key);
    const last = this.#keys.pop();
    const at = this.#instants.pop() ?? 0;
    const order = this.#orders.pop() ?? 0;
    if (last !== undefined && place < this.size) this.#move(place, last, at, order);
    return true;
  }

  /** Takes out the earliest key when its instant is not after `now`. */
  takeDue(now: Instant): Key | undefined {
    const first = this.#keys[0];
    if (first === undefined || (this.#instants[0] ?? 0) > now) return undefined;
    this.delete(first);
    return first;
  }

  #instantAt(place: number): Instant | undefined {
    const at = this.#instants[place];
    return at === undefined ? undefined : instant(at);
  }

  /** Puts an entry where it belongs, from a place that is free for it. */
  #move(place: number, key: Key, at: number, order: number): void {
    const parent = (place - 1) >> 1;
    if (place > 0 && this.#isBefore(at, order, parent)) this.#up(place, key, at, order);
    else this.#down(place, key, at, order);
  }

  #up(from: number, key: Key, at: number, order: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(at, order, parent)) break;
      this.#copy(parent, place);
      place = parent;
    }
    this.#put(place, key, at, order);
  }

  #down(from: number, key: Key, at: number, order: number): void {
    let place = from;
    for (;;) {
      const left = place * 2 + 1;
      if (left >= this.size) break;
      const right = left + 1;
      const isRight = right < this.size && this.#isBefore(this.#instants[right] ?? 0, this.#orders[right] ?? 0, left);
      const smaller = isRight ? right : left;
      if (this.#isBefore(at, order, smaller)) break;
      this.#copy(smaller, place);
      place = smaller;
    }
    this.#put(place, key, at, order);
  }

  #copy(from: number, to: number): void {
    const key = this.#keys[from];
    if (key !== undefined) this.#put(to, key, this.#instants[from] ?? 0, this.#orders[from] ?? 0);
  }

  #put(place: number, key: Key, at: number, order: number): void {
    this.#keys[place] = key;
    this.#instants[place] = at;
    this.#orders[place] = order;
    this.#places.set(key, place);
  }

  #isBefore(at: number, order: number, place: number): boolean {
    const other = this.#instants[place] ?? 0;
    return at < other || (at === other && order < (this.#orders[place] ?? 0));
  }
}
