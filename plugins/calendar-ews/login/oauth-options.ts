import * as application from "../../shared-microsoft/application-options.ts";
import { CLOUD_NAMES, type CloudName, nationalCloud } from "../../shared-microsoft/national-clouds.ts";

const only = "auth=oauth: ";

/** Options of an application (auth=oauth); `secret` is a secret. */
export const OAUTH_OPTIONS = {
  tenant: application.tenant.optional().describe(`${only}${application.tenant.description}`),
  client: application.client.optional().describe(`${only}${application.client.description}`),
  secret: application.secret.describe(`${only}${application.secret.description}`),
  certificate: application.certificate.describe(`${only}${application.certificate.description}`),
  cloud: application.cloud.removeDefault().optional().describe(`${only}${application.cloud.description}`),
  "login-url": application.loginUrl.describe(
    `${only}where tokens are had, for a sovereign cloud that cloud does not know; with url`,
  ),
};

/** Where EWS of a cloud is; undefined where Microsoft's documents do not name it. */
export function cloudEndpoint(cloud: CloudName): URL | undefined {
  const { ews } = nationalCloud(cloud);
  return ews && new URL("/EWS/Exchange.asmx", ews);
}

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
  readonly "login-url"?: unknown;
  readonly autodiscover?: unknown;
}

const ACCOUNT = ["account", "password"] as const;
const APPLICATION = ["tenant", "client", "secret", "certificate", "cloud", "login-url"] as const;

const hasUrl = (given: unknown): boolean =>
  given === undefined || CLOUD_NAMES.some((cloud) => cloud === given && cloudEndpoint(cloud) !== undefined);

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
