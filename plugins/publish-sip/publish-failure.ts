import type { Milliseconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { PublishAnswer } from "./publish-answer.ts";
import { type PublishSipErrorCode, publishError } from "./publish-errors.ts";

/** Why a PUBLISH did not succeed. */
export interface PublishFailure {
  readonly error: GatewayError;
  /** The server's own word on when to come back. */
  readonly retryAfter?: Milliseconds | undefined;
}

/** By status; what is not named is `publish-sip-refused` below 500, and `publish-sip-busy` from there on. */
const BY_STATUS: Readonly<Record<number, PublishSipErrorCode>> = {
  403: "publish-sip-forbidden",
  404: "publish-sip-no-user",
  408: "publish-sip-busy",
  // By then a second one was tried without an entity tag.
  412: "publish-sip-busy",
  423: "publish-sip-interval",
  429: "publish-sip-busy",
  480: "publish-sip-busy",
  491: "publish-sip-busy",
  604: "publish-sip-no-user",
};

/** The failure in an answer that is none of success. */
export function failureOf(answer: PublishAnswer): PublishFailure {
  if (answer.kind === "none") return { error: answer.error };
  const { status, reason, retryAfter } = answer;
  const isPassing = status < 400 || (status >= 500 && status < 600);
  const code = BY_STATUS[status] ?? (isPassing ? "publish-sip-busy" : "publish-sip-refused");
  return { error: publishError(code, `the SIP server answered ${status} ${reason}`), retryAfter };
}

/** True when only a person can mend it. */
export const isFinalFailure = ({ type }: GatewayError): boolean => type !== "wait";

/** The same error, with the time after which it is tried again. */
export const withRetry = (error: GatewayError, retryAfter: number): GatewayError =>
  new GatewayError(error.message, { type: error.type, code: error.code, retryAfter, cause: error.cause });
