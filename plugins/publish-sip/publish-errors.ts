import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";

interface ErrorCode {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly action: string;
}

/** Error codes of publishing by SIP, for docs/ERRORS.md. */
export const PUBLISH_SIP_ERROR_CODES = {
  "publish-sip-busy": {
    type: "wait",
    meaning: "The SIP server cannot take the publication now (408, 480, 5xx), or asked to wait.",
    action: "Nothing, if it passes. `sip status` shows how many publications wait.",
  },
  "publish-sip-no-user": {
    type: "cancel",
    meaning: "The SIP server does not know the user's SIP address (404).",
    action: "Correct the user's SIP address; it is tried again every hour.",
  },
  "publish-sip-forbidden": {
    type: "auth",
    meaning: "The SIP server does not let the gateway publish for the user (403).",
    action: "Let the gateway's user, certificate or address publish for all users; it is tried again every hour.",
  },
  "publish-sip-refused": {
    type: "modify",
    meaning: "The SIP server refused the publication, for instance because it keeps no presence (489).",
    action: "See docs/SIP.md for what each server accepts; it is tried again every hour.",
  },
  "publish-sip-interval": {
    type: "modify",
    meaning: "The SIP server refuses the time that publications are to last, and names no other that would do (423).",
    action: "Set `[sip] expires` to what the server accepts; it is tried again every hour.",
  },
  "publish-sip-no-tag": {
    type: "wait",
    meaning: "The SIP server accepted a publication without an entity tag, so it cannot be changed (RFC 3903 6).",
    action: "The server has a defect: report it to its makers.",
  },
  "publish-sip-no-address": {
    type: "modify",
    meaning: "The user has no SIP address.",
    action: "Set one with `user set <jid> sip=<address>`.",
  },
  "publish-sip-not-running": {
    type: "wait",
    meaning: "Publishing by SIP has not started, or has stopped.",
    action: "Nothing: the gateway is starting or stopping.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** A code of this file. */
export type PublishSipErrorCode = keyof typeof PUBLISH_SIP_ERROR_CODES;

/** The error of this code. */
export function publishError(code: PublishSipErrorCode, message: string, retryAfter?: number): GatewayError {
  const { type } = PUBLISH_SIP_ERROR_CODES[code];
  return new GatewayError(message, { type, code, ...(retryAfter !== undefined && { retryAfter }) });
}
