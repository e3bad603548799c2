import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";
import { PROXY_ERROR_TEXTS } from "../shared-http/proxy-error-texts.ts";

interface ErrorCode {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly action: string;
}

/** Every error code of this plugin: what the caller should do, what happened, and what the administrator should do. */
export const WEBDAV_ERROR_CODES = {
  "webdav-unauthorized": {
    type: "auth",
    meaning: "The server refused the account or its password (HTTP 401, or its login page came back).",
    action: "Check account and password, and whether the account is locked; then run the test.",
  },
  "webdav-login-not-offered": {
    type: "auth",
    meaning: "The server offers none of the logins that the option auth allows.",
    action:
      "Set auth=auto, or auth=forms where the server shows a login page; or enable Windows (NTLM) or Basic authentication for the virtual directory /exchange.",
  },
  "webdav-login-interrupted": {
    type: "wait",
    meaning: "The connection was closed in the middle of an NTLM login, which needs one connection throughout.",
    action: "Nothing, when it is rare. Otherwise set auth=basic.",
  },
  "webdav-no-access": {
    type: "auth",
    meaning: "The account may not read the mailbox (HTTP 403, or 401 or 440 though the login is good).",
    action: "Give the account Receive-As on the mailbox store (2003) or full access to the mailbox (2007).",
  },
  "webdav-mailbox-not-found": {
    type: "cancel",
    meaning: "The server has no such mailbox, or the option url does not end with /exchange/.",
    action: "Correct the user's mailbox, or disable the user.",
  },
  "webdav-folder-not-found": {
    type: "modify",
    meaning: "The mailbox does not tell its calendar folder, and none has the name that was tried.",
    action: "Set calendar-name to the calendar folder's name in the mailbox's language.",
  },
  "webdav-wrong-url": {
    type: "modify",
    meaning: "The URL does not lead to Exchange by WebDAV. Exchange 2010 and later have none.",
    action: "Correct the URL; usually it is https://<server>/exchange/. For Exchange 2010 and later use type=ews.",
  },
  "webdav-not-xml": {
    type: "wait",
    meaning: "A web page came instead of a WebDAV answer: a login page, or a proxy in between.",
    action: "Set auth=forms, or let the URL point at the Exchange server itself.",
  },
  "webdav-unavailable": {
    type: "wait",
    meaning: "The server cannot be reached or is out of service (no connection, HTTP 5xx).",
    action: "Check the server, its name and the network to it.",
  },
  "webdav-timeout": {
    type: "wait",
    meaning: "The server did not answer in time.",
    action: "Check the server's load; the parameter exchange-timeout sets the limit.",
  },
  "webdav-tls": {
    type: "wait",
    meaning: "The server's certificate or its TLS is not acceptable. Windows Server 2003 has TLS 1.0 only.",
    action:
      "Put the certificate right on the server, or install what is missing of its chain with `certificate import <host>`; let a reverse proxy speak newer TLS for a server that has only TLS 1.0.",
  },
  "webdav-proxy-unavailable": PROXY_ERROR_TEXTS.unavailable,
  "webdav-proxy-unauthorized": PROXY_ERROR_TEXTS.unauthorized,
  "webdav-proxy-refused": PROXY_ERROR_TEXTS.refused,
  "webdav-ca-unreadable": {
    type: "modify",
    meaning: "The file named in the option ca cannot be read or holds no PEM certificate.",
    action: "Correct the option ca, or the file's permissions.",
  },
  "webdav-bad-answer": {
    type: "wait",
    meaning: "The answer was truncated, malformed, too large, or did not fit the request.",
    action: "Look for a proxy that changes answers; if there is none, report it with the server's version.",
  },
  "webdav-too-many-entries": {
    type: "modify",
    meaning: "The calendar has more than 1000 entries in the time asked for.",
    action: "Lower the parameter calendar-window-ahead.",
  },
  "webdav-batch-too-big": {
    type: "modify",
    meaning: "More mailboxes were asked for at once than can be.",
    action: "Report it: the gateway reads at most 20 and watches at most 100 together.",
  },
  "webdav-request-refused": {
    type: "modify",
    meaning: "The server did not understand the request.",
    action: "Report it with the server's version.",
  },
  "webdav-subscription-lost": {
    type: "wait",
    meaning: "The server forgot its notification subscriptions, or gave none.",
    action: "Nothing; they are made anew.",
  },
  "webdav-stopped": {
    type: "cancel",
    meaning: "The calendar server's connection is not running.",
    action: "Nothing; it was stopped or has not started.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** A code of this plugin. */
export type WebdavErrorCode = keyof typeof WEBDAV_ERROR_CODES;

/** Makes the error: the text names the host and what happened, the table adds what to do. */
export function webdavError(
  code: WebdavErrorCode,
  text: string,
  more: { readonly retryAfter?: number; readonly cause?: unknown } = {},
): GatewayError {
  const { type, action } = WEBDAV_ERROR_CODES[code];
  return new GatewayError(`${text}. ${action}`, { type, code, ...more });
}

/** True for an error of this plugin with one of the codes. */
export const isWebdavError = (error: unknown, ...codes: readonly WebdavErrorCode[]): error is GatewayError =>
  error instanceof GatewayError && codes.some((code) => code === error.code);

/** True for an error that says something of one mailbox and nothing of the server. */
export const concernsMailbox = (error: unknown): error is GatewayError =>
  isWebdavError(
    error,
    "webdav-no-access",
    "webdav-mailbox-not-found",
    "webdav-folder-not-found",
    "webdav-too-many-entries",
  );
