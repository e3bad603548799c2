import { type Instant, seconds } from "../lib/time.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { StoreDatabase } from "./database.ts";

const QUIET = seconds(5);

/**
 * Moves the write-ahead log into the database when nothing has been written for a while, so that no commit of a burst
 * pays for it.
 */
export class QuietCheckpoint {
  readonly #database: StoreDatabase;
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  #stop: AbortController | undefined;
  #lastCommit: Instant | undefined;

  constructor(database: StoreDatabase, runtime: Pick<Runtime, "clock" | "log">) {
    this.#database = database;
    this.#runtime = runtime;
  }

  /** To be called after each commit. */
  noteCommit(): void {
    this.#lastCommit = this.#runtime.clock.now();
    if (!this.#stop) this.#wait();
  }

  /** Ends the waiting; safe twice. */
  close(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  #wait(): void {
    this.#stop = new AbortController();
    this.#runtime.clock.sleep(QUIET, this.#stop.signal).then(
      () => this.#look(),
      () => undefined, // closed
    );
  }

  #look(): void {
    const now = this.#runtime.clock.now();
    // A clock that was set back must not put it off for long: only the near past counts as "just now".
    const age = now - (this.#lastCommit ?? now);
    if (age >= 0 && age < QUIET) this.#wait();
    else this.#checkpoint();
  }

  #checkpoint(): void {
    this.#stop = undefined;
    try {
      this.#database.checkpoint();
    } catch (error) {
      // Nothing is lost: the log keeps what was committed, and the next one tries again.
      this.#runtime.log.warn("store.checkpoint-failed", { code: toGatewayError(error).code });
    }
  }
}
