import type { Mailbox } from "../../src/core/addresses.ts";
import { hours, type Instant, plus } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";

// What excludes a mailbox is mended by people.
const REST = hours(1);

interface Failure {
  readonly error: GatewayError;
  readonly at: Instant;
}

/**
 * Which mailboxes can work for others: getSchedule is asked on behalf of one of them, whose own budget pays for it, and
 * one without a licence or out of the application's scope cannot be that one.
 */
export class Anchors {
  readonly #failures = new Map<Mailbox, Failure>();
  #good: Mailbox | undefined;

  /** True once any has worked: the application may read. */
  get hasGood(): boolean {
    return this.#good !== undefined;
  }

  /** Whom to try for these, in order: themselves, so that the load spreads; one that has worked; at least one. */
  candidates(mailboxes: readonly Mailbox[], now: Instant): readonly Mailbox[] {
    const hopeful = mailboxes.filter((mailbox) => !this.errorOf(mailbox, now));
    const reserve = this.#good !== undefined && !hopeful.includes(this.#good) ? [this.#good] : [];
    const all = [...hopeful, ...reserve];
    return all.length > 0 ? all : mailboxes.slice(0, 1);
  }

  /** Why the mailbox did not work within the last hour; nothing when the clock was set back. */
  errorOf(mailbox: Mailbox, now: Instant): GatewayError | undefined {
    const failure = this.#failures.get(mailbox);
    return failure && now >= failure.at && now < plus(failure.at, REST) ? failure.error : undefined;
  }

  /** It worked. */
  worked(mailbox: Mailbox): void {
    this.#failures.delete(mailbox);
    this.#good = mailbox;
  }

  /** It did not. */
  failed(mailbox: Mailbox, error: GatewayError, now: Instant): void {
    this.#failures.set(mailbox, { error, at: now });
    if (this.#good === mailbox) this.#good = undefined;
  }
}
