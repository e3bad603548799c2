import { z } from "zod";

/** Microsoft's clouds; tokens of one are not valid in another. */
export const CLOUDS = ["global", "usgov", "usgov-dod", "china"] as const;

/** Where EWS of each cloud is, as far as it is known. */
export const CLOUD_URLS: Readonly<Partial<Record<(typeof CLOUDS)[number], string>>> = {
  global: "https://outlook.office365.com/EWS/Exchange.asmx",
  usgov: "https://outlook.office365.us/EWS/Exchange.asmx",
  china: "https://partner.outlook.cn/EWS/Exchange.asmx",
};

const id = (what: string) =>
  z
    .string()
    .trim()
    .toLowerCase()
    .regex(/^[a-z0-9][a-z0-9.-]{0,252}$/, `must be ${what}`)
    .optional();

/** Options of an application (auth=oauth); `secret` is a secret. */
export const OAUTH_OPTIONS = {
  tenant: id("the directory (tenant) ID or a domain of the tenant").describe(
    "auth=oauth: directory (tenant) ID, or a domain of the tenant",
  ),
  client: id("the application (client) ID").describe("auth=oauth: application (client) ID"),
  secret: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^\P{Cc}+$/u, "must not hold control characters")
    .optional()
    .describe("auth=oauth: the application's client secret; or give a certificate"),
  certificate: z
    .string()
    .trim()
    .min(1)
    .optional()
    .describe("auth=oauth: PEM file with the application's certificate and its private key, instead of a secret"),
  cloud: z
    .enum(CLOUDS)
    .optional()
    .describe("auth=oauth: which of Microsoft's clouds the tenant is in; global where not given"),
};

/** What a login takes, as far as it is given. */
export interface GivenLogin {
  readonly auth?: unknown;
  readonly url?: unknown;
  readonly account?: unknown;
  readonly password?: unknown;
  readonly tenant?: unknown;
  readonly client?: unknown;
  readonly secret?: unknown;
  readonly certificate?: unknown;
  readonly cloud?: unknown;
  readonly autodiscover?: unknown;
}

const ACCOUNT = ["account", "password"] as const;
const APPLICATION = ["tenant", "client", "secret", "certificate", "cloud"] as const;

const hasUrl = (cloud: unknown): boolean => cloud === undefined || Object.keys(CLOUD_URLS).includes(String(cloud));

/** What is wrong with options that are right one by one: each problem with the option that has it. */
export function loginProblems(given: GivenLogin): readonly (readonly [keyof GivenLogin, string])[] {
  return given.auth === "oauth" ? applicationProblems(given) : accountProblems(given);
}

function accountProblems(given: GivenLogin): readonly (readonly [keyof GivenLogin, string])[] {
  const missing = (["url", ...ACCOUNT] as const).filter((name) => given[name] === undefined);
  const foreign = APPLICATION.filter((name) => given[name] !== undefined);
  return [
    ...missing.map((name) => [name, "is missing"] as const),
    ...foreign.map((name) => [name, "is for auth=oauth only"] as const),
  ];
}

function applicationProblems(given: GivenLogin): readonly (readonly [keyof GivenLogin, string])[] {
  const missing = (["tenant", "client"] as const).filter((name) => given[name] === undefined);
  const foreign = ACCOUNT.filter((name) => given[name] !== undefined);
  const hasAutodiscover = given.autodiscover !== undefined && given.autodiscover !== "off";
  return [
    ...missing.map((name) => [name, "is missing"] as const),
    ...foreign.map((name) => [name, "is not used with auth=oauth"] as const),
    ...(given.url === undefined && !hasUrl(given.cloud) ? [["url", "is missing"] as const] : []),
    ...(given.secret === undefined && given.certificate === undefined
      ? [["secret", "or certificate is missing"] as const]
      : []),
    ...(given.secret !== undefined && given.certificate !== undefined
      ? [["certificate", "must not be given beside secret"] as const]
      : []),
    // The token is for one server; and Office 365 leads every mailbox's requests to the right one itself.
    ...(hasAutodiscover ? [["autodiscover", "must be off with auth=oauth"] as const] : []),
  ];
}
