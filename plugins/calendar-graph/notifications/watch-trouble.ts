import { type Instant, milliseconds, minutes, plus } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";

// The service's own validation times out now and then, so one failure says nothing.
const STRIKES = 5;
const TRY_AGAIN = minutes(10);

/**
 * What stands in the way of all subscriptions while calendars can be read all the same: an unreachable webhook, a right that
 * is lacking. It is no failure of the calendar server, so watches wait here instead of failing; calendars are read at intervals.
 */
export class WatchTrouble {
  readonly #runtime: Pick<Runtime, "clock" | "log">;
  readonly #host: string;
  #strikes = 0;
  #error: GatewayError | undefined;
  #until: Instant | undefined;

  constructor(host: string, runtime: Pick<Runtime, "clock" | "log">) {
    this.#host = host;
    this.#runtime = runtime;
  }

  /** For the health, until a subscription is made. */
  get error(): GatewayError | undefined {
    return this.#error;
  }

  /** True while nothing should be tried. */
  get isBlocking(): boolean {
    return this.#until !== undefined && this.#runtime.clock.now() < this.#until;
  }

  /** One attempt failed; several in a row block. */
  strike(error: GatewayError): void {
    this.#strikes += 1;
    if (this.#strikes >= STRIKES) this.block(error);
  }

  /** Nothing is tried for a while. */
  block(error: GatewayError): void {
    if (this.#error?.code !== error.code) {
      const fields = { host: this.#host, code: error.code, message: error.message };
      this.#runtime.log.warn("graph.watching-impossible", fields);
    }
    this.#error = error;
    this.#until = plus(this.#runtime.clock.now(), TRY_AGAIN);
  }

  /** A subscription was made. */
  worked(): void {
    if (this.#error) this.#runtime.log.info("graph.watching-possible", { host: this.#host });
    this.#strikes = 0;
    this.#error = undefined;
    this.#until = undefined;
  }

  /** Resolves when something may be tried; rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    const { clock } = this.#runtime;
    while (this.isBlocking && this.#until !== undefined) {
      await clock.sleep(milliseconds(Math.min(this.#until - clock.now(), TRY_AGAIN)), signal);
    }
    signal.throwIfAborted();
  }
}

/** True for what keeps webhooks from being heard at all. */
export const isListenerTrouble = (error: unknown): error is GatewayError =>
  error instanceof GatewayError &&
  ["notification-port-taken", "notification-address-unknown", "notification-certificate-unusable"].includes(error.code);
