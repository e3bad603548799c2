import type { Mailbox } from "../../src/core/addresses.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import { concernsMailbox, type EwsErrorCode, isEwsError } from "./ews-errors.ts";

/** A mailbox that cannot be watched now. */
interface FailedMailbox {
  readonly mailbox: Mailbox;
  readonly error: GatewayError;
}

/** What an attempt to subscribe all that lack a subscription came to. */
export interface SubscribeOutcome {
  readonly subscribed: readonly Mailbox[];
  readonly failed: readonly FailedMailbox[];
}

// These may be one mailbox's trouble (a slow database, EWS switched off for the user); so many in a row are the server's.
const UNCLEAR: readonly EwsErrorCode[] = [
  "ews-timeout",
  "ews-bad-answer",
  "ews-fault",
  "ews-throttled",
  "ews-forbidden",
  "ews-request-refused",
];
const UNCLEAR_IN_A_ROW = 5;
// A busy server's refusals of one Subscribe before the mailbox counts as failed.
const BUSY_ATTEMPTS = 3;

/** One pass over mailboxes: sorts outcomes, puts busy ones back, and stops at what concerns the whole server. */
export class SubscribeRun implements SubscribeOutcome {
  readonly subscribed: Mailbox[] = [];
  readonly failed: FailedMailbox[] = [];
  readonly #rest: Mailbox[];
  readonly #attempts = new Map<Mailbox, number>();
  readonly #subscribe: (mailbox: Mailbox) => Promise<void>;
  #unclearInARow = 0;

  constructor(mailboxes: Mailbox[], subscribe: (mailbox: Mailbox) => Promise<void>) {
    this.#rest = mailboxes;
    this.#subscribe = subscribe;
  }

  get hasMore(): boolean {
    return this.#rest.length > 0;
  }

  async all(): Promise<void> {
    while (this.hasMore) await this.next();
  }

  async next(): Promise<void> {
    const mailbox = this.#rest.shift();
    if (mailbox === undefined) return;
    try {
      await this.#subscribe(mailbox);
      this.#unclearInARow = 0;
      this.subscribed.push(mailbox);
    } catch (error) {
      this.#handle(mailbox, error);
    }
  }

  #handle(mailbox: Mailbox, error: unknown): void {
    const attempts = (this.#attempts.get(mailbox) ?? 0) + 1;
    this.#attempts.set(mailbox, attempts);
    if (isEwsError(error, "ews-throttled") && attempts < BUSY_ATTEMPTS) {
      this.#rest.push(mailbox); // the limiter holds it back for as long as the server asked
      return;
    }
    const isUnclear = isEwsError(error, ...UNCLEAR);
    if (isUnclear) this.#unclearInARow += 1;
    if (concernsMailbox(error)) this.#unclearInARow = 0;
    if (concernsMailbox(error) || (isUnclear && this.#unclearInARow < UNCLEAR_IN_A_ROW)) {
      this.failed.push({ mailbox, error });
      return;
    }
    this.#rest.length = 0; // the other lanes stop too
    throw error;
  }
}
