import type { GatewayError } from "../../src/ports/errors.ts";
import { type EwsErrorCode, ewsError } from "./ews-errors.ts";

/** The ResponseCode of an answer as the cause of an error, for who must tell apart what has one code here. */
export class ResponseCodeError extends Error {
  override readonly name = "ResponseCodeError";
  readonly responseCode: string;

  constructor(responseCode: string) {
    super(responseCode);
    this.responseCode = responseCode;
  }
}

/** An error as it stands in an answer: in a SOAP fault or in a response message. */
export interface EwsProblem {
  /** ResponseCode; empty when the answer has none. */
  readonly code: string;
  readonly text: string;
  /** `Value` elements of MessageXml by their Name. */
  readonly values: ReadonlyMap<string, string>;
}

/** The error for what an answer says; `subject` is the host, or the mailbox and the host. */
export function problemError(problem: EwsProblem, subject: string): GatewayError {
  // MessageXml of ErrorInternalServerError names what really happened (ErrorServerBusy with HTTP 200).
  const inner = problem.values.get("InnerErrorResponseCode");
  const responseCode = inner !== undefined && problem.code === "ErrorInternalServerError" ? inner : problem.code;
  // COMPAT(Exchange 2007): a version it does not know is no value of its schema.
  const isVersion = responseCode === "ErrorSchemaValidation" && /ExchangeVersionType/.test(problem.text);
  const code = isVersion ? "ews-version-refused" : (BY_RESPONSE_CODE.get(responseCode) ?? "ews-fault");
  const words = [brief(responseCode).slice(0, 80), brief(problem.text)].filter((part) => part !== "");
  const retryAfter = code === "ews-throttled" ? backOff(problem.values.get("BackOffMilliseconds")) : undefined;
  const text = `${subject}: ${words.length > 0 ? words.join(": ") : "an error without details"}`;
  const cause = new ResponseCodeError(responseCode);
  return ewsError(code, text, retryAfter === undefined ? { cause } : { cause, retryAfter });
}

// A server that asks for more than this is not believed: the engine looks again after an hour anyway.
const LONGEST_BACK_OFF = 3_600_000;

/** Milliseconds to wait; 0, absent and nonsense mean unknown (Exchange says 0 when it does not know). */
function backOff(text: string | undefined): number | undefined {
  const wait = Number(text ?? Number.NaN);
  return wait > 0 ? Math.min(Math.round(wait), LONGEST_BACK_OFF) : undefined;
}

// The server's text is shown to the administrator: one line of bounded length.
const brief = (text: string): string => text.replace(/\s+/gu, " ").trim().slice(0, 200).replace(/\.$/, "");

/** ResponseCodeType of EWS to the gateway's codes; any other is `ews-fault`. */
const BY_RESPONSE_CODE: ReadonlyMap<string, EwsErrorCode> = new Map<string, EwsErrorCode>(
  Object.entries({
    ErrorServerBusy: "ews-throttled",
    ErrorTooManyObjectsOpened: "ews-throttled",
    ErrorExceededConnectionCount: "ews-throttled",
    ErrorInsufficientResources: "ews-throttled",
    ErrorExceededSubscriptionCount: "ews-subscription-limit",
    ErrorAccountDisabled: "ews-unauthorized",
    ErrorPasswordExpired: "ews-unauthorized",
    ErrorPasswordChangeRequired: "ews-unauthorized",
    ErrorAccessDenied: "ews-forbidden",
    ErrorNoFreeBusyAccess: "ews-no-access",
    ErrorImpersonationDenied: "ews-impersonation-denied",
    ErrorImpersonateUserDenied: "ews-impersonation-denied",
    ErrorImpersonationFailed: "ews-impersonation-denied",
    ErrorInvalidExchangeImpersonationHeaderData: "ews-impersonation-denied",
    ErrorNonExistentMailbox: "ews-mailbox-not-found",
    ErrorMailRecipientNotFound: "ews-mailbox-not-found",
    ErrorInvalidSmtpAddress: "ews-mailbox-not-found",
    ErrorNonPrimarySmtpAddress: "ews-mailbox-not-found",
    ErrorMissingEmailAddress: "ews-mailbox-not-found",
    ErrorMailboxMoveInProgress: "ews-mailbox-moving",
    ErrorMailboxStoreUnavailable: "ews-mailbox-moving",
    ErrorMailboxFailover: "ews-mailbox-moving",
    ErrorMailboxHoldNotFound: "ews-mailbox-moving",
    ErrorConnectionFailed: "ews-mailbox-moving",
    ErrorConnectionFailedTransientError: "ews-mailbox-moving",
    ErrorProxyRequestNotAllowed: "ews-mailbox-moving",
    ErrorProxyRequestProcessingFailed: "ews-mailbox-moving",
    ErrorFreeBusyGenerationFailed: "ews-mailbox-moving",
    ErrorTimeoutExpired: "ews-timeout",
    ErrorRequestTimedOut: "ews-timeout",
    ErrorSubscriptionNotFound: "ews-subscription-lost",
    ErrorInvalidSubscription: "ews-subscription-lost",
    ErrorExpiredSubscription: "ews-subscription-lost",
    ErrorReadEventsFailed: "ews-subscription-lost",
    ErrorMissedNotificationEvents: "ews-subscription-lost",
    ErrorInvalidWatermark: "ews-subscription-lost",
    ErrorInvalidServerVersion: "ews-version-refused",
    ErrorTimeIntervalTooBig: "ews-window-too-big",
    ErrorMailboxDataArrayTooBig: "ews-batch-too-big",
    ErrorResultSetTooBig: "ews-too-many-entries",
    ErrorInvalidRequest: "ews-request-refused",
    ErrorSchemaValidation: "ews-request-refused",
    ErrorInvalidOperation: "ews-request-refused",
    ErrorInvalidSubscriptionRequest: "ews-request-refused",
    ErrorInvalidPushSubscriptionUrl: "ews-request-refused",
    ErrorInvalidTimeInterval: "ews-request-refused",
    ErrorInvalidFreeBusyViewType: "ews-request-refused",
    ErrorTimeZone: "ews-request-refused",
  }),
);
