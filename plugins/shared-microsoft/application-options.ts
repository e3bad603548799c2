import { z } from "zod";
import type { PluginWay } from "../../src/ports/plugin-definition.ts";
import { CLOUD_NAMES } from "./national-clouds.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/;

/** The tenant that an application is registered in. */
export const tenant = z
  .string()
  .trim()
  .toLowerCase()
  .max(253)
  .refine((text) => UUID.test(text) || DOMAIN.test(text), "must be a Directory (tenant) ID, or a domain of the tenant")
  .describe("Directory (tenant) ID, or a domain of the tenant such as example.onmicrosoft.com");

/** The application. */
export const client = z
  .string()
  .trim()
  .toLowerCase()
  .regex(UUID, "must be an Application (client) ID such as 11111111-2222-3333-4444-555555555555")
  .describe("Application (client) ID of the registration");

/** What it proves itself with: this is a secret. */
export const secret = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^\P{Cc}+$/u, "must not hold control characters")
  .optional()
  .describe("The application's client secret: its value, not its id");

/** Or this. */
export const certificate = z
  .string()
  .trim()
  .min(1)
  .optional()
  .describe("In place of a secret: PEM file with the application's certificate and its RSA key");

/** The cloud that the tenant is in. */
export const cloud = z
  .enum(CLOUD_NAMES)
  .default("global")
  .describe("Microsoft's cloud that the tenant is in; usgov is GCC High, usgov-dod L5, china that of 21Vianet");

/** Origin of a service, for a sovereign cloud that `cloud` does not know. */
export const origin = (example: string) =>
  z
    .string()
    .trim()
    .refine((text) => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      return url?.protocol === "https:" && `${url.origin}/` === url.href;
    }, `must be a URL such as ${example}`)
    .optional();

/** Origin of the token authority there. */
export const loginUrl = origin("https://login.example.com");

/** True for a calendar server that reads the mailboxes of the same tenant by Microsoft Graph. */
export const readsTenantByGraph = (options: PluginWay["options"], other: PluginWay): boolean =>
  other.plugin === "office365" && other.options["api"] !== "ews" && placeOf(options) === placeOf(other.options);

const placeOf = ({ tenant = "", cloud = "global" }: PluginWay["options"]): string => `${tenant} ${cloud}`.toLowerCase();
