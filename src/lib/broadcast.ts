import { Channel } from "./channel.ts";

/** Values told to everybody who reads at the time. */
export class Broadcast<Value> {
  // Boxed, for a channel knows no `undefined`.
  readonly #channels = new Set<Channel<readonly [Value]>>();

  /** Tells every reader. */
  push(value: Value): void {
    const box = [value] as const;
    for (const channel of this.#channels) channel.push(box);
  }

  /** From the first `next` on: what `first` gives then, and every value told after that; throws the signal's reason. */
  async *read(first: () => Iterable<Value>, signal: AbortSignal): AsyncGenerator<Value, void> {
    const channel = new Channel<readonly [Value]>();
    for (const value of first()) channel.push([value]);
    this.#channels.add(channel);
    try {
      for await (const [value] of channel.read(signal)) yield value;
    } finally {
      this.#channels.delete(channel);
    }
  }
}
