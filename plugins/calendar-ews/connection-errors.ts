import type { GatewayError } from "../../src/ports/errors.ts";
import { connectionProblem } from "../shared-http/connection-problems.ts";
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

/** The words of `x-ms-diagnostics` (`2000008;reason="…";error_category="…"`), one bounded line; empty when there are none. */
export function diagnosticsOf(header: string | string[] | undefined): string {
  const text = typeof header === "string" ? header : (header?.[0] ?? "");
  return (/reason="([^"]*)"/.exec(text)?.[1] ?? text)
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 200);
}

/** Translates an error of the connection to the host, or of the login on it. */
export function connectionError(error: unknown, host: string): GatewayError {
  if (error instanceof LoginError) return loginError(error, host);
  if (error instanceof ProxyError) {
    const text = `${host}: the proxy ${error.proxy} cannot be used: ${error.message}`;
    return ewsError(`ews-proxy-${error.failure}`, text, { cause: error });
  }
  const { kind, text } = connectionProblem(error);
  return ewsError(CODES[kind], `${host}: ${text}`, { cause: error });
}

const CODES = { tls: "ews-tls", protocol: "ews-bad-answer", network: "ews-unavailable" } as const;

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
