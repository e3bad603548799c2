import type { GatewayError } from "../../src/ports/errors.ts";
import { HttpStatusError } from "../shared-http/http-head.ts";
import { diagnosticsOf } from "./connection-errors.ts";
import { type EwsErrorCode, ewsError } from "./ews-errors.ts";

/** An answer with HTTP 403, its body as far as it was read. */
export interface ForbiddenAnswer {
  /** `x-ms-diagnostics`. */
  readonly diagnostics: string | string[] | undefined;
  readonly body: string;
}

/** As much of a refusal's body is looked at. */
export const LONGEST_REFUSAL = 8192;

// COMPAT(Exchange Online): the answer's words are not documented. These are the names of what forbids it (OrganizationConfig,
// CASMailbox: EwsEnabled, EwsAllowedAppIDs, EwsApplicationAccessPolicy), the narrower before the wider.
const WORDS: readonly (readonly [EwsErrorCode, RegExp])[] = [
  [
    "ews-application-not-allowed",
    /EwsAllowedApp|EwsAllowList|EwsBlockList|EwsApplicationAccessPolicy|\b(application|app(\s?id)?)\b/i,
  ],
  ["ews-mailbox-blocked", /\b(mailbox|user|recipient|licen[cs]e|kiosk|F[13])\b/i],
  ["ews-disabled-by-tenant", /EwsEnabled|\b(tenant|organi[sz]ation)\b/i],
];
const OF_EWS = /\bEws|Exchange Web Services/i;
const OFF = /disabl|block|not (allowed|enabled|available|permitted)|retire|turned off|switched off|denied/i;

/**
 * Why EWS is forbidden. What says nothing is `ews-forbidden`; of an application it counts as withdrawn too, for that is how
 * Exchange Online often refuses it.
 */
export function forbiddenError(
  { diagnostics, body }: ForbiddenAnswer,
  host: string,
  { isApplication }: { readonly isApplication: boolean },
): GatewayError {
  const cause = new HttpStatusError(403);
  const reason = diagnosticsOf(diagnostics);
  const said = `${reason} ${textOf(body.slice(0, LONGEST_REFUSAL))}`;
  const found = OF_EWS.test(said) && OFF.test(said) ? WORDS.find(([, words]) => words.test(said)) : undefined;
  const words = (reason || textOf(body)).slice(0, 200);
  const text = `${host}: EWS is forbidden${words && ` (${words})`}`;
  return ewsError(
    found?.[0] ?? "ews-forbidden",
    text,
    found || !isApplication ? { cause } : { cause, isWithdrawn: true },
  );
}

/** The words of a page or of a SOAP fault: tags are left out, and what stands in scripts and styles is not read by anybody. */
const textOf = (body: string): string =>
  body
    .replace(/<(script|style)\b[^>]*>[^<]*/gi, " ")
    .replace(/<[^<>]*>/g, " ")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
