import { Fifo } from "./fifo.ts";

/** Values pushed on one side, iterated on the other; what is pushed before the first `next` waits in order. */
export class Channel<Value> {
  readonly #values = new Fifo<Value>();
  #wake: (() => void) | undefined;
  #end: { readonly error?: unknown } | undefined;

  /** How many values wait to be read. */
  get length(): number {
    return this.#values.length;
  }

  /** Adds a value; ignored after the end. */
  push(value: Value): void {
    if (this.#end) return;
    this.#values.push(value);
    this.#wake?.();
  }

  /** Ends the iteration after what was pushed before. */
  close(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  /** Makes the iteration throw after what was pushed before. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** The values in order, for one reader; throws the signal's reason when it aborts, even while values wait. */
  async *read(signal: AbortSignal): AsyncGenerator<Value> {
    const abort = (): void => this.#wake?.();
    signal.addEventListener("abort", abort);
    try {
      for (;;) {
        signal.throwIfAborted();
        while (this.length > 0) {
          const value = this.#values.shift();
          if (value !== undefined) yield value;
          signal.throwIfAborted();
        }
        if (this.#end) {
          if ("error" in this.#end) throw this.#end.error;
          return;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}
