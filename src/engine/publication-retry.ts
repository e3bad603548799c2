import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { hours, type Instant, minutes, plus, seconds } from "../lib/time.ts";
import type { GatewayError } from "../ports/errors.ts";
import type { OutboxRow } from "../ports/journal.ts";
import type { Runtime } from "../ports/runtime.ts";

const RETRY: BackoffPolicy = { first: seconds(1), longest: minutes(5) };
/** A refusal that only a person can mend is tried again rarely. */
const RETRY_REFUSED: BackoffPolicy = { first: minutes(1), longest: hours(1) };

/** The row as it waits after the failure. */
export function failedRow(row: OutboxRow, error: GatewayError, { clock, random }: Runtime): OutboxRow {
  const policy = error.type === "wait" ? RETRY : RETRY_REFUSED;
  const delay = backoffDelay(policy, row.failures + 1, random());
  const notBefore: Instant = plus(clock.now(), Math.max(delay, error.retryAfter ?? 0));
  return { ...row, failures: row.failures + 1, notBefore, lastError: error.message };
}
