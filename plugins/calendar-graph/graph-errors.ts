import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";
import type { WebFailure } from "../shared-http/web-client.ts";

interface ErrorCode {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly action: string;
}

/** Every error code of this plugin: what the caller should do, what happened, and what the administrator should do. */
export const GRAPH_ERROR_CODES = {
  "graph-unauthorized": {
    type: "auth",
    meaning: "Microsoft Graph refused a fresh token (HTTP 401).",
    action: "Compare cloud with the tenant's cloud, and set this machine's clock right; then run the test.",
  },
  "graph-permission-missing": {
    type: "auth",
    meaning: "The application lacks a permission, or the consent of an administrator (HTTP 403).",
    action:
      "Give the application Calendars.ReadBasic or Calendars.Read (type Application) of Microsoft Graph, and grant admin consent.",
  },
  "graph-access-denied": {
    type: "auth",
    meaning: "Exchange Online denies the mailbox to the application (ErrorAccessDenied).",
    action:
      "Give the application Calendars.Read, or take the mailbox into the scope of its role assignment (RBAC for Applications); changes take up to two hours.",
  },
  "graph-access-policy": {
    type: "auth",
    meaning: "An application access policy of the tenant excludes the mailbox.",
    action: "Take the mailbox into the policy's group; `Test-ApplicationAccessPolicy` tells what holds.",
  },
  "graph-mailbox-not-found": {
    type: "cancel",
    meaning: "The tenant has no such user or mailbox.",
    action: "Correct the user's mailbox, or disable the user.",
  },
  "graph-mailbox-not-licensed": {
    type: "cancel",
    meaning: "The user has no mailbox in Exchange Online: no licence, or the mailbox is on premises.",
    action: "Assign a licence with Exchange Online, or give the user a gateway of type ews.",
  },
  "graph-no-free-busy-access": {
    type: "auth",
    meaning: "The calendar's free/busy times may not be read (ErrorNoFreeBusyAccess).",
    action: "Give the default user at least AvailabilityOnly on the calendar.",
  },
  "graph-availability-failed": {
    type: "wait",
    meaning: "Exchange Online could not tell one mailbox's free/busy times this time.",
    action: "Nothing; it is asked again. When it stays so, look at the mailbox.",
  },
  "graph-schedule-missing": {
    type: "wait",
    meaning: "The answer left one mailbox out.",
    action: "Nothing; it is asked again.",
  },
  "graph-settings-denied": {
    type: "auth",
    meaning: "Mailbox settings (locale, automatic replies) may not be read; calendars are read all the same.",
    action:
      "Give the application MailboxSettings.Read (type Application) and grant admin consent, or set mailbox-settings=off.",
  },
  "graph-settings-missing": {
    type: "wait",
    meaning: "The answer left one mailbox's settings out.",
    action: "Nothing; they are asked for again.",
  },
  "graph-throttled": {
    type: "wait",
    meaning: "Microsoft Graph asks for fewer requests (HTTP 429 or 503).",
    action: "Nothing; the gateway slows down. When it stays so, see which other programs use the application's id.",
  },
  "graph-queue-full": {
    type: "wait",
    meaning: "More requests are waiting than the parameter exchange-queue allows.",
    action: "Nothing; mailboxes wait in line.",
  },
  "graph-unavailable": {
    type: "wait",
    meaning: "Microsoft Graph cannot be reached or is out of service (no connection, HTTP 5xx).",
    action: "Check the network, and the proxy where one is needed; else see Microsoft's service health.",
  },
  "graph-timeout": {
    type: "wait",
    meaning: "Microsoft Graph did not answer in time.",
    action: "Check the network, and the proxy where one is needed.",
  },
  "graph-tls": {
    type: "wait",
    meaning: "The certificate shown for Microsoft Graph is not acceptable; often a firewall looks into TLS.",
    action: "Name the firewall's authority with the option ca, or install it with `certificate import`.",
  },
  "graph-proxy-unavailable": {
    type: "wait",
    meaning: "The proxy cannot be reached, hangs up, or does not speak HTTP.",
    action: "Check the option proxy, and the proxy itself.",
  },
  "graph-proxy-unauthorized": {
    type: "auth",
    meaning: "The proxy wants a login, or another one (HTTP 407).",
    action: "Set proxy-user and proxy-password; the proxy must take Basic logins.",
  },
  "graph-proxy-refused": {
    type: "wait",
    meaning: "The proxy does not connect to Microsoft Graph.",
    action: "Allow CONNECT to graph.microsoft.com (or the national cloud's host) port 443 on the proxy.",
  },
  "graph-bad-answer": {
    type: "wait",
    meaning: "The answer was not JSON of Microsoft Graph, malformed, too large, or did not fit the request.",
    action: "Look for a proxy or a firewall that answers in its place.",
  },
  "graph-request-refused": {
    type: "modify",
    meaning: "Microsoft Graph did not take the request.",
    action: "Report it with the code in the message.",
  },
  "graph-batch-too-big": {
    type: "modify",
    meaning: "More mailboxes were asked for at once than are allowed.",
    action: "Nothing; the gateway asks for fewer. Setting batch-size=20 spares it the attempt.",
  },
  "graph-window-too-big": {
    type: "modify",
    meaning: "More days were asked for than getSchedule allows (62).",
    action: "Lower the parameter calendar-window-ahead.",
  },
  "graph-ca-unreadable": {
    type: "modify",
    meaning: "The file named in the option ca cannot be read or holds no PEM certificate.",
    action: "Correct the option ca, or the file's permissions.",
  },
  "graph-stopped": {
    type: "cancel",
    meaning: "The connection to Microsoft Graph is not running.",
    action: "Nothing; it was stopped or has not started.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** A code of this plugin. */
export type GraphErrorCode = keyof typeof GRAPH_ERROR_CODES;

/** Makes the error: the text says what happened, the table adds what to do. */
export function graphError(
  code: GraphErrorCode,
  text: string,
  more: { readonly retryAfter?: number; readonly cause?: unknown } = {},
): GatewayError {
  const { type, action } = GRAPH_ERROR_CODES[code];
  return new GatewayError(`${text}. ${action}`, { type, code, ...more });
}

/** True for an error of this plugin with one of the codes. */
export const isGraphError = (error: unknown, ...codes: readonly GraphErrorCode[]): error is GatewayError =>
  error instanceof GatewayError && codes.some((code) => code === error.code);

/** True for an error that says something of one mailbox and nothing of the tenant or the service. */
export const concernsMailbox = (error: unknown): error is GatewayError =>
  isGraphError(
    error,
    "graph-access-denied",
    "graph-access-policy",
    "graph-mailbox-not-found",
    "graph-mailbox-not-licensed",
    "graph-no-free-busy-access",
    "graph-availability-failed",
  );

/** The code for what kept an answer from coming. */
export const GRAPH_FAILURES = {
  tls: "graph-tls",
  protocol: "graph-bad-answer",
  network: "graph-unavailable",
  timeout: "graph-timeout",
  "too-large": "graph-bad-answer",
  "proxy-unavailable": "graph-proxy-unavailable",
  "proxy-unauthorized": "graph-proxy-unauthorized",
  "proxy-refused": "graph-proxy-refused",
} as const satisfies Readonly<Record<WebFailure, GraphErrorCode>>;
