import type { GatewayError } from "../ports/errors.ts";

/** So many failed requests in a row mean the server even while notifications flow: a bad mailbox is found sooner. */
const CERTAIN_FAILURES = 8;
/** And so many when none flow. */
const LIKELY_FAILURES = 3;
/** A login that is refused is mended by people, and tried rarely. */
const REFUSED_LOGINS = 2;

/** How many failures in a row mean the server; `isSilent`: no notifications flow. */
export function enoughFailures({
  isSilent,
  error,
}: {
  readonly isSilent: boolean;
  readonly error?: GatewayError;
}): number {
  if (error?.type === "auth" && !error.isWithdrawn) return REFUSED_LOGINS;
  return isSilent || error?.isWithdrawn ? LIKELY_FAILURES : CERTAIN_FAILURES;
}
