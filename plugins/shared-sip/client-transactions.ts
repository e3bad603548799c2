import { type Instant, type Milliseconds, milliseconds, plus, seconds } from "../../src/lib/time.ts";
import { TimerHeap } from "../../src/lib/timer-heap.ts";
import type { SipMessage } from "./sip-message.ts";

/** RFC 3261 17.1.1.1: the round trip that is reckoned with. */
const T1 = milliseconds(500);
/** RFC 3261 17.1.2.2: the longest time between retransmissions. */
const T2 = seconds(4);
/** RFC 3261 17.1.2.2 timer F. */
const TIMER_F: Milliseconds = milliseconds(64 * T1);

/** How a transaction ended. */
export type TransactionEnd = { readonly response: SipMessage; readonly status: number } | "timeout";

/** One request under way. */
export interface ClientTransaction {
  /** Of the topmost Via: what answers are known by (RFC 3261 17.1.3). */
  readonly branch: string;
  readonly method: string;
  readonly cseq: number;
  readonly callId: string;
  readonly fromTag: string;
  /** Sends the same again; undefined on transports that lose nothing. */
  readonly retransmit: (() => void) | undefined;
  end(end: TransactionEnd): void;
}

interface Waiting<Transaction> {
  readonly transaction: Transaction;
  readonly failsAt: Instant;
  /** The time to the next retransmission (timer E). */
  interval: Milliseconds;
}

/** Why a response was not taken, for the log. */
export type Unmatched = "unknown-branch" | "other-request" | "malformed";

/**
 * The non-INVITE client transactions of one connection (RFC 3261 17.1.2), without clock and socket: time is an argument.
 * A response must name our branch, and also our CSeq, Call-ID and From tag: what it carries goes to one user only.
 */
export class ClientTransactions<Transaction extends ClientTransaction = ClientTransaction> {
  /** In the order of their beginning, and so of timer F. */
  readonly #waiting = new Map<string, Waiting<Transaction>>();
  /** Timer E. */
  readonly #timers = new TimerHeap<string>();

  /** How many are under way. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Begins to wait for the answer; the request has been sent. */
  add(transaction: Transaction, now: Instant): void {
    const failsAt = plus(now, TIMER_F);
    this.#waiting.set(transaction.branch, { transaction, failsAt, interval: T1 });
    if (transaction.retransmit) this.#timers.set(transaction.branch, plus(now, T1));
  }

  /** Nobody waits for the answer any more. */
  delete(branch: string): void {
    this.#waiting.delete(branch);
    this.#timers.delete(branch);
  }

  /** Takes a response; a final one ends its transaction. */
  receive(response: SipMessage, now: Instant): Unmatched | undefined {
    const status = statusOf(response);
    const branch = BRANCH.exec(response.header("via") ?? "")?.[1];
    if (status === undefined || branch === undefined) return "malformed";
    const waiting = this.#waiting.get(branch);
    if (!waiting) return "unknown-branch";
    if (!isAnswerTo(waiting.transaction, response)) return "other-request";
    if (status < 200) this.#proceed(branch, waiting, now);
    else {
      this.delete(branch);
      waiting.transaction.end({ response, status });
    }
    return undefined;
  }

  /** Does what is due: retransmissions (timer E), and the end of those that are not answered (timer F). */
  tick(now: Instant): void {
    for (const [branch, { transaction, failsAt }] of this.#waiting) {
      if (failsAt > now) break;
      this.delete(branch);
      transaction.end("timeout");
    }
    for (let branch = this.#timers.takeDue(now); branch !== undefined; branch = this.#timers.takeDue(now)) {
      const waiting = this.#waiting.get(branch);
      if (!waiting) continue;
      waiting.transaction.retransmit?.();
      waiting.interval = milliseconds(Math.min(waiting.interval * 2, T2));
      this.#timers.set(branch, plus(now, waiting.interval));
    }
  }

  /** Takes out all, for a connection that is gone. */
  clear(): readonly Transaction[] {
    const all = [...this.#waiting.values()].map(({ transaction }) => transaction);
    for (const { branch } of all) this.delete(branch);
    return all;
  }

  /** RFC 3261 17.1.2.2: after a provisional response it is sent again every T2. */
  #proceed(branch: string, waiting: Waiting<Transaction>, now: Instant): void {
    waiting.interval = T2;
    if (waiting.transaction.retransmit) this.#timers.set(branch, plus(now, T2));
  }
}

const BRANCH = /;\s*branch\s*=\s*([^\s;,]+)/i;
const STATUS_LINE = /^SIP\/2\.0 ([1-6]\d\d)(?: |$)/;

const statusOf = ({ startLine }: SipMessage): number | undefined => {
  const status = STATUS_LINE.exec(startLine)?.[1];
  return status === undefined ? undefined : Number(status);
};

function isAnswerTo({ method, cseq, callId, fromTag }: ClientTransaction, response: SipMessage): boolean {
  return (
    response.header("call-id") === callId &&
    tagOf(response.header("from") ?? "") === fromTag &&
    response.header("cseq")?.replace(/[ \t]+/, " ") === `${cseq} ${method}`
  );
}

/** The tag of a From or To; of its parameters, which follow the angle brackets. */
export const tagOf = (nameAddr: string): string | undefined =>
  /;\s*tag\s*=\s*([^\s;,]+)/i.exec(nameAddr.slice(nameAddr.lastIndexOf(">") + 1))?.[1];
