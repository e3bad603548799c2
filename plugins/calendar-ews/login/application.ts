import type { PluginContext } from "../../../src/ports/plugin-definition.ts";
import { type Application, ApplicationTokens as EntraTokens } from "../../shared-microsoft/application-tokens.ts";
import { ewsError } from "../ews-errors.ts";
import type { ApplicationTokens } from "./ews-login.ts";

/** Makes the source of an application's tokens; only wires. */
export type CreateTokens = (application: Application, context: PluginContext) => ApplicationTokens;

/** Tokens of Microsoft Entra ID. */
export const createTokens: CreateTokens = (application, context) =>
  new EntraTokens(application, context, (text, cause) => ewsError("ews-ca-unreadable", text, { cause }));
