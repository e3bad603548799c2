import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { formatLength, hours, type Instant, instant, minutes, plus } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";

// Directories lock accounts after a handful of refused passwords, often for 30 minutes, so the first pause is short and
// the longest outlasts that.
const PAUSE: BackoffPolicy = { first: minutes(5), longest: hours(1) };

/** Keeps a refused password from being tried again and again until the account is locked out. */
export class CredentialGuard {
  readonly #refusal: (text: string, retryAfter: number) => GatewayError;
  #refusals = 0;
  #refusedAt = instant(0);
  #blockedUntil = instant(0);
  #isProven = false;

  /** @param refusal makes the error for a password that has to rest so many milliseconds; it must have no cause */
  constructor(refusal: (text: string, retryAfter: number) => GatewayError) {
    this.#refusal = refusal;
  }

  /** True once the server took the password, and until it refuses it: before that, one request at a time is enough. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Throws the refusal while the refused password should rest. */
  check(now: Instant): void {
    const rest = this.#blockedUntil - now;
    if (rest <= 0 || now < this.#refusedAt) return; // the latter when the clock was set back
    throw this.#refusal(`the password was refused and is not tried again for ${formatLength(rest)}`, rest);
  }

  /** The server took the password. */
  accepted(): void {
    this.#refusals = 0;
    this.#blockedUntil = instant(0);
    this.#isProven = true;
  }

  /** The server refused the password. Refusals of requests that ran at the same time count once. */
  refused(now: Instant): void {
    this.#isProven = false;
    if (now < this.#blockedUntil) return;
    this.#refusals += 1;
    this.#refusedAt = now;
    this.#blockedUntil = plus(now, backoffDelay(PAUSE, this.#refusals, 1));
  }
}
