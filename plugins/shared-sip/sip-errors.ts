import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";

interface ErrorCode {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly action: string;
}

/** Error codes of the connection to a SIP server, for docs/ERRORS.md. */
export const SIP_ERROR_CODES = {
  "sip-unreachable": {
    type: "wait",
    meaning: "There is no connection to the SIP server.",
    action: "Nothing, if it comes back: it is tried again. Otherwise check `[sip] server` and `transport`.",
  },
  "sip-timeout": {
    type: "wait",
    meaning: "The SIP server did not answer a request within 32 seconds (RFC 3261 timer F).",
    action: "See whether the server is overloaded, or drops UDP datagrams: `transport = tcp` is safer.",
  },
  "sip-tls-refused": {
    type: "auth",
    meaning: "The SIP server's certificate is not trusted, or it refused the gateway's own.",
    action: "Import the authority with `certificate import`, or set `[sip] ca`; check `certificate` and `key`.",
  },
  "sip-login-failed": {
    type: "auth",
    meaning: "The SIP server refused the gateway's user or secret.",
    action: "Correct `[sip] user` and `secret`; no other login is tried for a minute.",
  },
  "sip-login-unsupported": {
    type: "auth",
    meaning: "The SIP server wants a login that the gateway cannot give.",
    action: "Set `[sip] user` and `secret`; let the server offer digest with MD5, SHA-256 or SHA-512-256.",
  },
  "sip-request-invalid": {
    type: "modify",
    meaning: "A value cannot be written in a SIP message, e.g. an address with a line break.",
    action: "Correct the address that the message names.",
  },
  "sip-files-unreadable": {
    type: "modify",
    meaning: "A file that the section [sip] names cannot be read.",
    action: "Correct `ca`, `certificate` or `key`, or let the gateway's account read the file.",
  },
  "sip-stopped": {
    type: "cancel",
    meaning: "The SIP connection was ended while a request was under way.",
    action: "Nothing: the gateway is stopping, or the connection was configured anew.",
  },
  "sip-bad-document": {
    type: "modify",
    meaning: "A document of the SIP server about a phone cannot be read.",
    action: "Nothing: it counts for no statement. If a phone is never heard because of it, report the document.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** A code of this file. */
export type SipErrorCode = keyof typeof SIP_ERROR_CODES;

/** The error of this code; the message never holds a secret. */
export const sipError = (code: SipErrorCode, message: string, cause?: unknown): GatewayError =>
  new GatewayError(message, { type: SIP_ERROR_CODES[code].type, code, cause });
