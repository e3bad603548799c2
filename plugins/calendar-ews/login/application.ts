import type { PluginContext } from "../../../src/ports/plugin-definition.ts";
import type { HttpProxy } from "../../../src/ports/trust.ts";
import { ewsError } from "../ews-errors.ts";
import type { ApplicationTokens } from "./ews-login.ts";
import type { CLOUDS } from "./oauth-options.ts";

/** Which application calls, and how it proves that it is the one. */
interface Application {
  readonly tenant: string;
  readonly client: string;
  readonly secret: string | undefined;
  /** Path of a PEM file with certificate and key. */
  readonly certificate: string | undefined;
  readonly cloud: (typeof CLOUDS)[number];
  /** The server that takes the token: its origin with `/.default` is the scope. */
  readonly resource: URL;
  readonly proxy: HttpProxy | undefined;
  readonly caFile: string | undefined;
}

/** Makes the source of an application's tokens; only wires. */
export type CreateTokens = (application: Application, context: PluginContext) => ApplicationTokens;

/**
 * The place where the program's own source of tokens is plugged in; a build without one refuses `auth=oauth`. Throws
 * `ews-oauth-unavailable`.
 */
export const createTokens: CreateTokens = ({ resource }) => {
  throw ewsError("ews-oauth-unavailable", `${resource.host}: this program cannot fetch tokens for EWS`);
};
