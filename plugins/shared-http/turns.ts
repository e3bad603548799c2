/** Lets tasks run, no more at once than the limit allows; the others wait in line. */
export class Turns {
  readonly #limit: () => number;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  /** @param limit asked each time */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** How many tasks run, and how many wait. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#waiting.size };
  }

  /** Runs the task when its turn comes; rejects as it does, or with the signal's reason while it waits. */
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
      if (this.#running >= Math.max(1, this.#limit())) return;
      this.#waiting.delete(start);
      start();
    }
  }
}
