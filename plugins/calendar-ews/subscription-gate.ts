import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { formatLength, hours, type Instant, instant, minutes, plus } from "../../src/lib/time.ts";
import { ewsError } from "./ews-errors.ts";

// A forgotten subscription expires half an hour after the last connection that served it: before that nothing is free.
const REST: BackoffPolicy = { first: minutes(30), longest: hours(4) };

/**
 * True where EWSMaxSubscriptions (5000 by default) is of the calling account and not of each mailbox: before Exchange
 * 2010 SP2 RU4, which is build 14.2.318.
 */
function isLimitOfAccount(serverVersion: string | undefined): boolean {
  const [major = 0, minor = 0, build = 0] = (serverVersion ?? "").split(".").map(Number);
  return major === 14 && (minor < 2 || (minor === 2 && build < 318));
}

/** Keeps an account that has all the subscriptions it may have from asking for more of them, mailbox by mailbox. */
export class SubscriptionGate {
  readonly #host: string;
  #refusals = 0;
  #refusedAt = instant(0);
  #fullUntil = instant(0);

  constructor(host: string) {
    this.#host = host;
  }

  /** Throws `ews-subscription-limit` while the account is known to have no subscription left. */
  check(now: Instant): void {
    const rest = this.#fullUntil - now;
    if (rest <= 0 || now < this.#refusedAt) return; // the latter when the clock was set back
    const text = `${this.#host}: the account has no subscription left, and asks for more in ${formatLength(rest)}`;
    throw ewsError("ews-subscription-limit", text, { retryAfter: rest });
  }

  /** A subscription was made. */
  accepted(): void {
    this.#refusals = 0;
  }

  /** A subscription was refused; those that ran at the same time count once. */
  refused(now: Instant, serverVersion: string | undefined): void {
    if (now < this.#fullUntil || !isLimitOfAccount(serverVersion)) return;
    this.#refusals += 1;
    this.#refusedAt = now;
    this.#fullUntil = plus(now, backoffDelay(REST, this.#refusals, 1));
  }
}
