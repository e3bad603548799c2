import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { formatLength, hours, type Instant, instant, minutes, plus } from "../../src/lib/time.ts";
import { ewsError } from "./ews-errors.ts";

// Directories lock accounts after a handful of refused passwords, often for 30 minutes, so the first pause is short and
// the longest outlasts that.
const PAUSE: BackoffPolicy = { first: minutes(5), longest: hours(1) };

/** Keeps a refused password from being tried again and again until the account is locked out. */
export class CredentialGuard {
  readonly #host: string;
  #refusals = 0;
  #refusedAt = instant(0);
  #blockedUntil = instant(0);
  #isProven = false;

  constructor(host: string) {
    this.#host = host;
  }

  /** True once the server took the password, and until it refuses it: before that, one request at a time is enough. */
  get isProven(): boolean {
    return this.#isProven;
  }

  /** Throws `ews-unauthorized` while the refused password should rest. */
  check(now: Instant): void {
    const rest = this.#blockedUntil - now;
    if (rest <= 0 || now < this.#refusedAt) return; // the latter when the clock was set back
    const text = `${this.#host}: the password was refused and is not tried again for ${formatLength(rest)}`;
    throw ewsError("ews-unauthorized", text, { retryAfter: rest });
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
