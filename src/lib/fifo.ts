/** A queue: first in, first out; both ends cost the same however long it is. */
export class Fifo<Value> {
  #values: Value[] = [];
  #head = 0;

  /** Adds the value behind all others. */
  push(value: Value): void {
    this.#values.push(value);
  }

  /** Takes out the value that came first. */
  shift(): Value | undefined {
    const value = this.#values[this.#head];
    if (this.#head < this.#values.length) this.#head++;
    // What was taken is let go of when it is half of the list: that copies each value twice at most.
    if (this.#head * 2 > this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  /** How many wait. */
  get length(): number {
    return this.#values.length - this.#head;
  }
}
