/** Work that goes on between a plugin's start and its stop. */
export class BackgroundTask {
  readonly #work: (signal: AbortSignal) => Promise<void>;
  #lifetime: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  /** @param work runs until its signal aborts */
  constructor(work: (signal: AbortSignal) => Promise<void>) {
    this.#work = work;
  }

  /** True between `start` and `stop`. */
  get isRunning(): boolean {
    return this.#lifetime !== undefined;
  }

  /** Begins the work, unless it runs. */
  start(): void {
    if (this.#lifetime) return;
    const lifetime = new AbortController();
    this.#lifetime = lifetime;
    this.#running = this.#work(lifetime.signal).catch((error: unknown) => {
      if (!lifetime.signal.aborted) throw error;
    });
  }

  /** Resolves when the work has ended; safe twice. */
  async stop(): Promise<void> {
    this.#lifetime?.abort();
    this.#lifetime = undefined;
    await this.#running;
  }
}
