import type { GatewayError } from "../../src/ports/errors.ts";
import { type AnswerHead, HttpStatusError } from "../shared-http/http-head.ts";
import { retryAfterOf } from "../shared-http/retry-after.ts";
import { exchangeProblem } from "../shared-microsoft/exchange-problem.ts";
import { ewsError } from "./ews-errors.ts";

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
  const { kind, text, cause } = exchangeProblem(error);
  return ewsError(CODES[kind], `${host}: ${text}`, { cause });
}

const CODES = {
  tls: "ews-tls",
  protocol: "ews-bad-answer",
  network: "ews-unavailable",
  "proxy-unavailable": "ews-proxy-unavailable",
  "proxy-unauthorized": "ews-proxy-unauthorized",
  "proxy-refused": "ews-proxy-refused",
  "login-refused": "ews-unauthorized",
  "login-not-offered": "ews-login-not-offered",
  "login-interrupted": "ews-login-interrupted",
  "login-bad-challenge": "ews-bad-answer",
} as const;

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
    return ewsError("ews-throttled", `${host}: too many requests`, { cause, ...retryAfterOf(head.retryAfter) });
  }
  if (status > 500 || (status === 500 && isWebPage)) {
    const text = `${host}: the server answered HTTP ${status}`;
    return ewsError("ews-unavailable", text, { cause, ...retryAfterOf(head.retryAfter) });
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
