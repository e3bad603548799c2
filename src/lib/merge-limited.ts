/**
 * The values of all sources as they come, of at most `limit` sources at a time: the next begins when one has ended.
 * Throws what a source throws; when it is left early, the sources are ended.
 */
export async function* mergeLimited<Value>(
  sources: readonly (() => AsyncIterable<Value>)[],
  limit: number,
): AsyncGenerator<Value, void> {
  const waiting = sources.values();
  const running = new Map<AsyncIterator<Value>, Promise<readonly [AsyncIterator<Value>, IteratorResult<Value>]>>();
  const advance = (iterator: AsyncIterator<Value>): void => {
    const next = iterator.next().then((result) => [iterator, result] as const);
    next.catch(() => undefined); // heard of below, or of no interest any more
    running.set(iterator, next);
  };
  const begin = (): void => {
    const next = waiting.next();
    if (!next.done) advance(next.value()[Symbol.asyncIterator]());
  };
  try {
    for (let count = 0; count < limit; count++) begin();
    while (running.size > 0) {
      const [iterator, result] = await Promise.race(running.values());
      if (result.done) {
        running.delete(iterator);
        begin();
      } else {
        advance(iterator);
        yield result.value;
      }
    }
  } finally {
    // Not awaited: an iterator that waits for something ends when that comes.
    for (const iterator of running.keys()) iterator.return?.().catch(() => undefined);
  }
}
