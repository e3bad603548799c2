import { type ErrorType, GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import { connectionProblem } from "../shared-http/connection-problems.ts";

/** Error codes of directories, for docs/ERRORS.md. */
export const LDAP_ERROR_CODES = {
  "ldap-unreachable": {
    type: "wait",
    meaning: "No connection to the directory, or it was lost.",
    action: "Nothing is removed meanwhile; it is tried again. Look at the directory server and the way to it.",
  },
  "ldap-timeout": {
    type: "wait",
    meaning: "The directory did not answer in time.",
    action:
      "Nothing is removed meanwhile; it is tried again. A smaller `page-size`, or an index for the filter, makes answers quicker.",
  },
  "ldap-tls": {
    type: "auth",
    meaning: "The directory's certificate is not trusted, or TLS failed.",
    action:
      "Import the certificate of its authority (`certificate import`), or name it by `ca`; the URL's host must be a name in the certificate.",
  },
  "ldap-login": {
    type: "auth",
    meaning: "The directory refuses the account or its password.",
    action: "Correct `bind-dn` and `password`, or unlock the account.",
  },
  "ldap-needs-tls": {
    type: "modify",
    meaning: "The directory wants an encrypted connection.",
    action: "Use an ldaps:// URL, or leave `start-tls` on.",
  },
  "ldap-no-base": {
    type: "modify",
    meaning: "The base, or a template's group, does not exist in the directory, or the group is none.",
    action: "Correct `base` or `group`. Nothing is removed meanwhile.",
  },
  "ldap-forbidden": {
    type: "auth",
    meaning: "The account may not read what is needed.",
    action: "Let the account read the people below `base`, with entryUUID or objectGUID, and the groups.",
  },
  "ldap-limit": {
    type: "modify",
    meaning: "The directory ends its answer early, for it is too large or took too long.",
    action: "Nothing is removed meanwhile. Raise the server's limits for the account, or choose a smaller `page-size`.",
  },
  "ldap-referral": {
    type: "modify",
    meaning: "Part of the directory is on another server, to which it refers.",
    action:
      "Nothing is removed meanwhile. Ask a server that has it all (a global catalogue: port 3269), or narrow `base`.",
  },
  "ldap-incomplete": {
    type: "wait",
    meaning: "The directory's answer is broken or was not the whole of it.",
    action: "Nothing is removed meanwhile; it is tried again. If it stays, try another `page-size`.",
  },
  "ldap-refused": {
    type: "modify",
    meaning: "The directory refuses the search.",
    action: "The message has its reason. Correct `filter`, `base` or the attributes.",
  },
  "ldap-unreadable": {
    type: "modify",
    meaning: "The file that `ca` names cannot be read, or has no certificate.",
    action: "Name a PEM file that the gateway's account can read.",
  },
} as const satisfies Readonly<
  Record<string, { readonly type: ErrorType; readonly meaning: string; readonly action: string }>
>;

/** A code of these. */
export type LdapErrorCode = keyof typeof LDAP_ERROR_CODES;

/** Makes the error; the text begins with the server's host. */
export const ldapError = (code: LdapErrorCode, text: string, cause?: unknown): GatewayError =>
  new GatewayError(text, { type: LDAP_ERROR_CODES[code].type, code, ...(cause !== undefined && { cause }) });

/** RFC 4511 4.1.9, appendix A: result codes that have a meaning of their own here. */
const BY_RESULT: ReadonlyMap<number, LdapErrorCode> = new Map([
  [3, "ldap-limit"],
  [4, "ldap-limit"],
  [8, "ldap-needs-tls"],
  [9, "ldap-referral"],
  [10, "ldap-referral"],
  [11, "ldap-limit"],
  [13, "ldap-needs-tls"],
  [32, "ldap-no-base"],
  [34, "ldap-no-base"],
  [48, "ldap-login"],
  [49, "ldap-login"],
  [50, "ldap-forbidden"],
  [51, "ldap-unreachable"],
  [52, "ldap-unreachable"],
]);

const LONGEST_REASON = 200;

/** What the server says is somebody else's text: one line of it, and no more than that. */
const reasonOf = (error: Error): string =>
  error.message
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .slice(0, LONGEST_REASON)
    .trim();

/** The same at the login, where the only name is that of the account. */
const AT_LOGIN: ReadonlyMap<number, LdapErrorCode> = new Map([
  [32, "ldap-login"],
  [34, "ldap-login"],
  [53, "ldap-login"],
]);

/** What is done to begin with, as errors name it. */
export const LOGIN = "the login";

/** The error for a filter that the library cannot read: the directory never hears of it. */
export const filterError = (host: string, filter: string, error: unknown): GatewayError =>
  ldapError(
    "ldap-refused",
    `${host}: the filter ${filter.slice(0, LONGEST_REASON)} cannot be read: ${error instanceof Error ? reasonOf(error) : "it is none"}`,
    error,
  );

/** The error for what the library or the system has thrown while `what` was done. */
export function toLdapError(host: string, what: string, error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (!(error instanceof Error)) return toGatewayError(error);
  // The library's errors of results have the result code as a number, the system's have a word.
  if ("code" in error && typeof error.code === "number") {
    const atLogin = what === LOGIN ? AT_LOGIN.get(error.code) : undefined;
    const code = atLogin ?? BY_RESULT.get(error.code) ?? "ldap-refused";
    return ldapError(code, `${host}: ${what} failed: ${reasonOf(error)}`, error);
  }
  if (/timed out|timeout/i.test(error.message))
    return ldapError("ldap-timeout", `${host}: ${what} took too long`, error);
  const { kind, text } = connectionProblem(error);
  if (kind === "tls") return ldapError("ldap-tls", `${host}: ${text}`, error);
  if (/^(Socket|Connection) /.test(error.message))
    return ldapError("ldap-unreachable", `${host}: the connection was lost during ${what}`, error);
  if ("code" in error) return ldapError("ldap-unreachable", `${host}: ${text}`, error);
  return ldapError("ldap-incomplete", `${host}: ${what} failed: ${reasonOf(error)}`, error);
}
