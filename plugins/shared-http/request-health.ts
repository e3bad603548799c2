import type { Instant } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { Clock } from "../../src/ports/runtime.ts";

// So many failures in a row mean that it is not a single request that fails.
const DOWN_AFTER = 3;

/** A server's condition as the last requests to it showed it. */
export class RequestHealth {
  readonly #clock: Pick<Clock, "now">;
  #requests = 0;
  #failures = 0;
  #error: GatewayError | undefined;
  #since: Instant | undefined;

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** How many requests there were. */
  get requests(): number {
    return this.#requests;
  }

  /** Takes note of how a request went. */
  record(error: GatewayError | undefined): void {
    if (this.#since === undefined || (error === undefined) !== (this.#error === undefined))
      this.#since = this.#clock.now();
    this.#requests += 1;
    this.#failures = error ? this.#failures + 1 : 0;
    this.#error = error;
  }

  /** `starting` until the first request is over; `detail` is what is said while all is well. */
  health(detail: string): Health {
    if (this.#since === undefined) return { state: "starting" };
    const since = this.#since;
    if (this.#error === undefined) return { state: "ok", detail, since };
    // A login that is refused once is refused until somebody mends it.
    const isDown = this.#failures >= DOWN_AFTER || this.#error.type === "auth";
    return { state: isDown ? "down" : "degraded", error: this.#error, since };
  }
}
