/**
 * Listeners on signals that thousands of requests may share. An AbortSignal looks through all its listeners at each
 * addition, so each signal gets one, and the rest is kept here.
 */
export class AbortListeners {
  readonly #bySignal = new WeakMap<AbortSignal, Set<() => void>>();

  /** Calls the listener when the signal aborts from now on; the returned function takes it away. */
  add(signal: AbortSignal, listener: () => void): () => void {
    const listeners = this.#bySignal.get(signal) ?? this.#follow(signal);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #follow(signal: AbortSignal): Set<() => void> {
    const listeners = new Set<() => void>();
    this.#bySignal.set(signal, listeners);
    const abort = (): void => {
      for (const listener of [...listeners]) listener();
    };
    signal.addEventListener("abort", abort, { once: true });
    return listeners;
  }
}
