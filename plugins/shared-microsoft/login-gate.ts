import { type Instant, instant, type Milliseconds, minutes } from "../../src/lib/time.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import { orAborted } from "../shared-http/or-aborted.ts";
import { LoginError } from "./login-error.ts";

// Within this time after a login nobody expects the password to have changed.
const TRUST: Milliseconds = minutes(1);
const NEVER = instant(Number.NEGATIVE_INFINITY);

/**
 * Lets one login go first while the password is in doubt, so that ten connections that are made anew at one moment do
 * not cost ten refusals of one account, which would lock it.
 */
export class LoginGate {
  readonly #clock: Clock;
  #acceptedAt: Instant = NEVER;
  #first: Promise<"refused" | "settled"> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the login when its turn comes; rejects as it does, or with LoginError `refused` when the first was refused. */
  async run<Result>(login: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    while (this.#first && !this.#isTrusted()) {
      const outcome = await orAborted(this.#first, signal);
      if (outcome === "refused") throw new LoginError("refused");
    }
    const attempt = login();
    if (!this.#isTrusted()) this.#lead(attempt);
    try {
      return await attempt;
    } catch (error) {
      if (isRefused(error)) this.#acceptedAt = NEVER;
      throw error;
    }
  }

  /** The server took the password: for a while logins need not wait for one another. */
  accepted(): void {
    this.#acceptedAt = this.#clock.now();
  }

  #isTrusted(): boolean {
    const age = this.#clock.now() - this.#acceptedAt;
    return age >= 0 && age < TRUST;
  }

  #lead(attempt: Promise<unknown>): void {
    const first = attempt
      .then(
        () => "settled" as const,
        (error: unknown) => (isRefused(error) ? ("refused" as const) : ("settled" as const)),
      )
      .finally(() => {
        if (this.#first === first) this.#first = undefined;
      });
    this.#first = first;
  }
}

const isRefused = (error: unknown): boolean => error instanceof LoginError && error.failure === "refused";
