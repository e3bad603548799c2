import type { GatewayError } from "../../src/ports/errors.ts";
import { ProxyError } from "../shared-http/proxy-tunnel.ts";
import { LoginError } from "../shared-microsoft/login-error.ts";
import { ewsError } from "./ews-errors.ts";

/** An HTTP status as the cause of an error, so that a busy server can be told from a dead one, and a redirect be looked at. */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatusError";
  readonly status: number;
  /** Where a redirect leads, as the server wrote it: nobody has checked it. */
  readonly location: string | undefined;

  constructor(status: number, location?: string) {
    super(`HTTP ${status}`);
    this.status = status;
    this.location = location;
  }
}

/** What Node's verify codes mean, in words that name the remedy. */
const TLS_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet"],
  ["CERT_REVOKED", "its certificate was revoked"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate was issued by an authority that is not trusted here"],
  ["UNABLE_TO_GET_ISSUER_CERT", "an issuer of its certificate is missing"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its certificate was issued by an authority that is not known here"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate's issuer was not sent and is not known here"],
  ["INVALID_CA", "an issuer in its chain is no certificate authority"],
  ["INVALID_PURPOSE", "its certificate is not for TLS servers"],
  ["CERT_SIGNATURE_FAILURE", "a signature in its chain does not fit the issuer's key"],
  ["CERT_CHAIN_TOO_LONG", "its chain has too many certificates"],
  ["PATH_LENGTH_EXCEEDED", "an authority in its chain may not have others below it"],
  ["CERT_UNTRUSTED", "its certificate is not trusted for TLS servers"],
  ["CERT_REJECTED", "its certificate is not trusted for TLS servers"],
  // Node has no code of its own for keys and hashes that are too weak for OpenSSL's security level.
  ["UNSPECIFIED", "a key or a signature in its chain is too weak"],
  ["HOSTNAME_MISMATCH", "its certificate is for another name"],
]);

const isTlsCode = (code: string): boolean =>
  TLS_PROBLEMS.has(code) || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO";

/** What is wrong with TLS: from Node's code, or as our own rules (ports/trust.ts) say it. */
const tlsProblem = (code: string, error: unknown): string =>
  code === "ERR_TLS_CERT_REFUSED" && error instanceof Error
    ? error.message
    : (TLS_PROBLEMS.get(code) ?? `TLS failed (${code})`);

const CONNECTION_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "no such host name in DNS"],
  ["EAI_AGAIN", "the name server does not answer"],
  ["ECONNREFUSED", "the connection was refused"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was closed"],
  ["EHOSTUNREACH", "there is no route to the host"],
  ["ENETUNREACH", "there is no route to the network"],
  ["ETIMEDOUT", "the connection timed out"],
  ["UND_ERR_CONNECT_TIMEOUT", "the connection timed out"],
  ["UND_ERR_SOCKET", "the connection was closed before the answer was complete"],
]);

/** The code of a system, TLS or undici error; empty when it has none. */
const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

// undici gives its parser's errors a name, and a code (HPE_…) only sometimes.
const isProtocolError = (error: unknown, code: string): boolean =>
  (error instanceof Error && error.name === "HTTPParserError") ||
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "UND_ERR_HEADERS_OVERFLOW"].includes(code);

/** Translates an error of the connection to the host, or of the login on it. */
export function connectionError(error: unknown, host: string): GatewayError {
  if (error instanceof LoginError) return loginError(error, host);
  if (error instanceof ProxyError) {
    const text = `${host}: the proxy ${error.proxy} cannot be used: ${error.message}`;
    return ewsError(`ews-proxy-${error.failure}`, text, { cause: error });
  }
  const code = codeOf(error);
  if (isTlsCode(code)) return ewsError("ews-tls", `${host}: ${tlsProblem(code, error)}`, { cause: error });
  if (isProtocolError(error, code)) {
    return ewsError("ews-bad-answer", `${host}: the answer is not valid HTTP`, { cause: error });
  }
  const words = CONNECTION_PROBLEMS.get(code) ?? `the connection failed${code ? ` (${code})` : ""}`;
  return ewsError("ews-unavailable", `${host}: ${words}`, { cause: error });
}

/** Retry-After in its form of seconds (RFC 9110 10.2.3), as milliseconds; at most an hour is believed. */
function retryAfter(text: string | undefined): { readonly retryAfter?: number } {
  const wait = /^\d{1,9}$/.test(text ?? "") ? Math.min(Number(text) * 1000, 3_600_000) : 0;
  return wait > 0 ? { retryAfter: wait } : {};
}

function loginError(error: LoginError, host: string): GatewayError {
  const detail = error.message;
  switch (error.failure) {
    case "refused": {
      const text = `${host}: the account or its password was refused${detail && ` (${detail})`}`;
      return ewsError("ews-unauthorized", text, { cause: new HttpStatusError(401) });
    }
    case "not-offered":
      return ewsError("ews-login-not-offered", `${host}: the server offers ${detail.slice(0, 100) || "no login"}`);
    case "interrupted":
      return ewsError("ews-login-interrupted", `${host}: the connection was closed in the middle of a login`, {
        cause: error,
      });
    case "bad-challenge":
      return ewsError("ews-bad-answer", `${host}: the server's NTLM challenge is not usable: ${detail}`);
  }
}

/** What the head of an answer says. */
export interface AnswerHead {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string | undefined;
  readonly location: string | undefined;
}

/** The error that the head alone tells; undefined when the body has to be read. A SOAP fault comes with HTTP 500. */
export function headError(head: AnswerHead, host: string): GatewayError | undefined {
  const { status, contentType } = head;
  const isWebPage = /^text\/html|^application\/xhtml/i.test(contentType.trim());
  if ((status === 200 || status === 500) && !isWebPage) return undefined;
  const cause = new HttpStatusError(status, head.location);
  if (status === 401)
    return ewsError("ews-unauthorized", `${host}: the account or its password was refused`, { cause });
  if (status === 403) return ewsError("ews-forbidden", `${host}: EWS is forbidden`, { cause });
  if (status === 429) {
    return ewsError("ews-throttled", `${host}: too many requests`, { cause, ...retryAfter(head.retryAfter) });
  }
  if (status > 500 || (status === 500 && isWebPage)) {
    const text = `${host}: the server answered HTTP ${status}`;
    return ewsError("ews-unavailable", text, { cause, ...retryAfter(head.retryAfter) });
  }
  if (status >= 300 && status < 400) return ewsError("ews-not-xml", redirectText(head, host), { cause });
  if (status === 400) return ewsError("ews-request-refused", `${host}: the server answered HTTP 400`, { cause });
  if (status !== 200 && status !== 500) {
    return ewsError("ews-wrong-url", `${host}: the server answered HTTP ${status}`, { cause });
  }
  return isWebPage
    ? ewsError("ews-not-xml", `${host}: a web page came instead of an EWS answer`, { cause })
    : undefined;
}

/** Only the origin of the redirect's target is named: its query may hold what a login page was to be told. */
function redirectText({ status, location }: AnswerHead, host: string): string {
  const target = URL.canParse(location ?? "", `https://${host}`)
    ? new URL(location ?? "", `https://${host}`)
    : undefined;
  return `${host}: the server redirects (HTTP ${status}) to ${target ? target.origin + target.pathname : "elsewhere"}`;
}
