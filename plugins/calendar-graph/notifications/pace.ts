/** Lets tasks run in order, no more than so many at once. */
export class Pace {
  readonly #most: number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Runs the task in its turn; rejects as it does, or with the signal's reason while it waits. */
  async run<Result>(task: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    await this.#turn(signal);
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#startNext();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(start);
        reject(signal.reason);
      };
      const start = (): void => {
        signal.removeEventListener("abort", abort);
        this.#running += 1;
        resolve();
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(start);
      this.#startNext();
    });
  }

  #startNext(): void {
    for (const start of this.#waiting) {
      if (this.#running >= this.#most) return;
      this.#waiting.delete(start);
      start();
    }
  }
}
