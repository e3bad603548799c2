/** Beyond this many different values all are forgotten. */
const MOST = 1000;

/**
 * Values by what they say: what thousands share is made once and in memory once. Bounded: when too many different ones
 * come, it begins anew.
 */
export class Memo<Value> {
  readonly #values = new Map<string, Value>();

  /** The value of this key; `make` is called when there is none. Equal keys must mean equal values. */
  get(key: string, make: () => Value): Value {
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    if (this.#values.size >= MOST) this.#values.clear();
    const value = make();
    this.#values.set(key, value);
    return value;
  }
}
