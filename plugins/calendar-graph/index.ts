import { z } from "zod";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { PROXY_OPTIONS, proxyOf } from "../shared-http/proxy-options.ts";
import { ca } from "../shared-microsoft/account-options.ts";
import { CLOUD_NAMES, nationalCloud } from "../shared-microsoft/national-clouds.ts";
import { GraphCalendarSource } from "./graph-calendar-source.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/;

const tenant = z
  .string()
  .trim()
  .toLowerCase()
  .max(253)
  .refine((text) => UUID.test(text) || DOMAIN.test(text), "must be a Directory (tenant) ID, or a domain of the tenant")
  .describe("Directory (tenant) ID, or a domain of the tenant such as example.onmicrosoft.com");

const client = z
  .string()
  .trim()
  .toLowerCase()
  .regex(UUID, "must be an Application (client) ID such as 11111111-2222-3333-4444-555555555555")
  .describe("Application (client) ID of the registration");

const secret = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^\P{Cc}+$/u, "must not hold control characters")
  .optional()
  .describe("The application's client secret: its value, not its id");

const certificate = z
  .string()
  .trim()
  .min(1)
  .optional()
  .describe("In place of a secret: PEM file with the application's certificate and its RSA key");

const origin = (example: string) =>
  z
    .string()
    .trim()
    .refine((text) => {
      const url = URL.canParse(text) ? new URL(text) : undefined;
      return url?.protocol === "https:" && `${url.origin}/` === url.href;
    }, `must be a URL such as ${example}`)
    .optional();

const options = z
  .strictObject({
    tenant,
    client,
    secret,
    certificate,
    cloud: z
      .enum(CLOUD_NAMES)
      .default("global")
      .describe("Microsoft's cloud that the tenant is in; usgov is GCC High, usgov-dod L5, china that of 21Vianet"),
    "login-url": origin("https://login.example.com").describe(
      "Where tokens are had, for a sovereign cloud that cloud does not know; with graph-url",
    ),
    "graph-url": origin("https://graph.example.com").describe("Where Microsoft Graph is there"),
    api: z.enum(["graph"]).default("graph").describe("How calendars are read: by Microsoft Graph"),
    "batch-size": z.coerce
      .number()
      .int()
      .min(1)
      .max(100)
      .default(20)
      .describe("Mailboxes in one request. Microsoft documents 20; more are tried when set, and fewer where refused"),
    "max-requests": z.coerce
      .number()
      .int()
      .min(1)
      .max(40)
      .default(4)
      .describe("Most requests at a time. Microsoft documents 4 for an application"),
    "mailbox-settings": z
      .enum(["auto", "locale", "automatic-replies", "off"])
      .default("auto")
      .describe(
        "What is read of mailboxes' settings once a day, with the permission MailboxSettings.Read. auto: all, where that is granted; or only the locale, only the automatic replies (out of office), or nothing",
      ),
    ca,
    ...PROXY_OPTIONS,
  })
  .superRefine((given, context) => {
    if ((given.secret === undefined) === (given.certificate === undefined)) {
      context.addIssue({ code: "custom", path: ["secret"], message: "either a secret or a certificate is needed" });
    }
    if ((given["login-url"] === undefined) !== (given["graph-url"] === undefined)) {
      context.addIssue({ code: "custom", path: ["login-url"], message: "login-url and graph-url belong together" });
    }
  });

type Given = z.infer<typeof options>;

function cloudOf({ cloud, "login-url": authority, "graph-url": graph }: Given) {
  if (authority === undefined || graph === undefined) return nationalCloud(cloud);
  return { authority: new URL(authority), graph: new URL(graph) };
}

const credentialOf = ({ secret: given, certificate: file = "" }: Given) =>
  given === undefined ? { certificateFile: file } : { secret: given };

/** Calendars of Office 365 by Microsoft Graph. */
export default definePlugin({
  kind: "calendar",
  name: "office365",
  summary: "Office 365 (Exchange Online) by Microsoft Graph",
  implements: [
    "Microsoft Graph v1.0: calendar: getSchedule",
    "Microsoft Graph v1.0: user: get mailboxSettings, by JSON batching",
    "RFC 6749 4.4: client credentials, with a secret or a certificate (RFC 7523)",
  ],
  options,
  secrets: ["secret", "proxy-password"],
  credentials: ["tenant", "client", "secret", "certificate"],
  needs: [],
  create: (given, context) =>
    new GraphCalendarSource(
      {
        cloud: cloudOf(given),
        tenant: given.tenant,
        client: given.client,
        credential: credentialOf(given),
        caFile: given.ca,
        proxy: proxyOf(given),
        batchSize: given["batch-size"],
        maxRequests: given["max-requests"],
        mailboxSettings: given["mailbox-settings"],
      },
      context,
    ),
});
