import { GatewayError } from "../../src/ports/errors.ts";
import { type ErrorCode, EWS_ERROR_CODES } from "./ews-error-codes.ts";

/** A code of this plugin. */
export type EwsErrorCode = keyof typeof EWS_ERROR_CODES;

/** Makes the error: the text names the host and what happened, the table adds what to do. */
export function ewsError(
  code: EwsErrorCode,
  text: string,
  more: { readonly retryAfter?: number; readonly isWithdrawn?: boolean; readonly cause?: unknown } = {},
): GatewayError {
  const { type, action, isWithdrawn = false }: ErrorCode = EWS_ERROR_CODES[code];
  return new GatewayError(`${text}. ${action}`, { type, code, isWithdrawn, ...more });
}

/** True for an error of this plugin with one of the codes. */
export const isEwsError = (error: unknown, ...codes: readonly EwsErrorCode[]): error is GatewayError =>
  error instanceof GatewayError && codes.some((code) => code === error.code);

const OF_ONE_MAILBOX: readonly EwsErrorCode[] = [
  "ews-mailbox-not-found",
  "ews-impersonation-denied",
  "ews-no-access",
  "ews-mailbox-moving",
  "ews-subscription-limit",
  "ews-too-many-entries",
  "ews-mailbox-blocked",
];

/** True for an error that says something of one mailbox and nothing of the server. */
export const concernsMailbox = (error: unknown): error is GatewayError => isEwsError(error, ...OF_ONE_MAILBOX);
