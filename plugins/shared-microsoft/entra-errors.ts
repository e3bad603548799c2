import { type ErrorType, GatewayError } from "../../src/ports/errors.ts";
import type { WebFailure } from "../shared-http/web-client.ts";

interface ErrorCode {
  readonly type: ErrorType;
  readonly meaning: string;
  readonly action: string;
}

/** Every error code of tokens: what the caller should do, what happened, and what the administrator should do. */
export const ENTRA_ERROR_CODES = {
  "entra-wrong-secret": {
    type: "auth",
    meaning: "Microsoft Entra ID refused the client secret (AADSTS7000215).",
    action:
      "Set secret to the secret's value as it was shown when it was made: not to its id, and not to another application's.",
  },
  "entra-secret-expired": {
    type: "auth",
    meaning: "The client secret has expired (AADSTS7000222).",
    action: "Make a new secret in the application's registration, or better use a certificate; then set it here.",
  },
  "entra-wrong-certificate": {
    type: "auth",
    meaning: "The certificate is not one of the application's, or has expired (AADSTS700027 and its like).",
    action: "Upload the certificate's public part to the application's registration.",
  },
  "entra-clock-skew": {
    type: "auth",
    meaning: "What was signed with the certificate is outside of its time (AADSTS700024).",
    action: "Set this machine's clock right.",
  },
  "entra-unknown-application": {
    type: "auth",
    meaning: "The tenant has no application with this id (AADSTS700016), or it was disabled (AADSTS7000112).",
    action: "Compare client with the Application (client) ID and tenant with the Directory (tenant) ID.",
  },
  "entra-consent-missing": {
    type: "auth",
    meaning: "An administrator of the tenant has not agreed to the application (AADSTS65001 and its like).",
    action: "Grant admin consent for the application's permissions; the column Status shows a green tick then.",
  },
  "entra-unknown-tenant": {
    type: "auth",
    meaning: "There is no such tenant in this cloud (AADSTS90002 and its like).",
    action: "Correct tenant, or cloud for a tenant of a national cloud.",
  },
  "entra-blocked": {
    type: "auth",
    meaning: "A Conditional Access policy of the tenant forbids the token (AADSTS53003 and its like).",
    action: "Allow the application from this machine's public address in the policy for workload identities.",
  },
  "entra-refused": {
    type: "auth",
    meaning: "Microsoft Entra ID refused the token for another reason; its AADSTS number is in the message.",
    action: "Look the number up at https://login.microsoftonline.com/error.",
  },
  "entra-certificate-unreadable": {
    type: "modify",
    meaning: "The file named in the option certificate cannot be read, or lacks the certificate or its private key.",
    action: "Name a PEM file with both, the key without a password, that the gateway's account may read.",
  },
  "entra-throttled": {
    type: "wait",
    meaning: "Microsoft Entra ID asks for fewer requests (HTTP 429, AADSTS90055).",
    action: "Nothing; it is tried again later.",
  },
  "entra-unavailable": {
    type: "wait",
    meaning: "Microsoft Entra ID cannot be reached or is out of service (no connection, HTTP 5xx).",
    action: "Check the network, and the proxy where one is needed; else see Microsoft's service health.",
  },
  "entra-timeout": {
    type: "wait",
    meaning: "Microsoft Entra ID did not answer in time.",
    action: "Check the network, and the proxy where one is needed.",
  },
  "entra-tls": {
    type: "wait",
    meaning: "The certificate shown for Microsoft Entra ID is not acceptable; often a firewall looks into TLS.",
    action: "Name the firewall's authority with the option ca, or install it with `certificate import`.",
  },
  "entra-bad-answer": {
    type: "wait",
    meaning: "What answered is not Microsoft Entra ID: no valid token, or no JSON.",
    action: "Look for a proxy or a firewall that answers in its place.",
  },
  "entra-proxy-unavailable": {
    type: "wait",
    meaning: "The proxy cannot be reached, hangs up, or does not speak HTTP.",
    action: "Check the option proxy, and the proxy itself.",
  },
  "entra-proxy-unauthorized": {
    type: "auth",
    meaning: "The proxy wants a login, or another one (HTTP 407).",
    action: "Set proxy-user and proxy-password; the proxy must take Basic logins.",
  },
  "entra-proxy-refused": {
    type: "wait",
    meaning: "The proxy does not connect to Microsoft Entra ID.",
    action: "Allow CONNECT to login.microsoftonline.com (or the national cloud's host) port 443 on the proxy.",
  },
} as const satisfies Readonly<Record<string, ErrorCode>>;

/** A code of tokens. */
export type EntraErrorCode = keyof typeof ENTRA_ERROR_CODES;

/** Makes the error: the text says what happened, the table adds what to do. */
export function entraError(
  code: EntraErrorCode,
  text: string,
  more: { readonly retryAfter?: number; readonly cause?: unknown } = {},
): GatewayError {
  const { type, action } = ENTRA_ERROR_CODES[code];
  return new GatewayError(`${text}. ${action}`, { type, code, ...more });
}

/** The code for what kept an answer from coming. */
export const ENTRA_FAILURES = {
  tls: "entra-tls",
  protocol: "entra-bad-answer",
  network: "entra-unavailable",
  timeout: "entra-timeout",
  "too-large": "entra-bad-answer",
  "proxy-unavailable": "entra-proxy-unavailable",
  "proxy-unauthorized": "entra-proxy-unauthorized",
  "proxy-refused": "entra-proxy-refused",
} as const satisfies Readonly<Record<WebFailure, EntraErrorCode>>;

// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
const BY_NUMBER: ReadonlyMap<string, EntraErrorCode> = new Map<string, EntraErrorCode>([
  ["7000215", "entra-wrong-secret"],
  ["7000216", "entra-wrong-secret"],
  ["7000222", "entra-secret-expired"],
  ["700027", "entra-wrong-certificate"],
  ["700030", "entra-wrong-certificate"],
  ["7000214", "entra-wrong-certificate"],
  ["7000218", "entra-wrong-certificate"],
  ["700024", "entra-clock-skew"],
  ["700016", "entra-unknown-application"],
  ["7000112", "entra-unknown-application"],
  ["700011", "entra-unknown-application"],
  ["65001", "entra-consent-missing"],
  ["650051", "entra-consent-missing"],
  ["7000229", "entra-consent-missing"],
  ["500011", "entra-consent-missing"],
  ["90002", "entra-unknown-tenant"],
  ["900023", "entra-unknown-tenant"],
  ["900021", "entra-unknown-tenant"],
  ["90072", "entra-unknown-tenant"],
  ["53003", "entra-blocked"],
  ["530034", "entra-blocked"],
  ["53000", "entra-blocked"],
  ["90055", "entra-throttled"],
  ["90033", "entra-unavailable"],
  ["90006", "entra-unavailable"],
]);

/** The code for a number of Microsoft Entra ID, `7000215` of `AADSTS7000215`. */
export const entraCodeOf = (number: string): EntraErrorCode => BY_NUMBER.get(number) ?? "entra-refused";
