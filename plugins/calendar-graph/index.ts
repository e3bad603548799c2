import { z } from "zod";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { PROXY_OPTIONS, proxyOf } from "../shared-http/proxy-options.ts";
import { ca } from "../shared-microsoft/account-options.ts";
import {
  certificate,
  client,
  cloud,
  loginUrl,
  origin,
  readsTenantByGraph,
  secret,
  tenant,
} from "../shared-microsoft/application-options.ts";
import { nationalCloud } from "../shared-microsoft/national-clouds.ts";
import { GraphCalendarSource } from "./graph-calendar-source.ts";

const options = z
  .strictObject({
    tenant,
    client,
    secret,
    certificate,
    cloud,
    "login-url": loginUrl.describe(
      "Where tokens are had, for a sovereign cloud that cloud does not know; with graph-url",
    ),
    "graph-url": origin("https://graph.example.com").describe("Where Microsoft Graph is there"),
    "ews-url": origin("https://outlook.example.com").describe(
      "Where Exchange Web Services is there, for api=ews and auto",
    ),
    api: z
      .enum(["graph", "ews", "auto"])
      .default("graph")
      .describe(
        "How calendars are read: by Microsoft Graph, or while it lasts by Exchange Web Services (full_access_as_app). auto: by Graph, unless its test fails and that of EWS does not; looked at when the gateway starts",
      ),
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
    notifications: z
      .enum(["auto", "poll"])
      .default("auto")
      .describe(
        "How changes are noticed. auto: Microsoft Graph tells of them where [notifications] has a webhook. poll: calendars are only read, every office365-pull-interval",
      ),
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

/** The same tenant by EWS, with what both have in common. */
function ewsOptions(given: Given): Readonly<Record<string, unknown>> {
  const { "ews-url": url, "graph-url": _graph, "batch-size": _size, "max-requests": _most, ...rest } = given;
  const { api: _api, "mailbox-settings": _settings, notifications, ...common } = rest;
  const way = notifications === "poll" ? { notifications: "pull" } : {};
  return { ...common, auth: "oauth", ...way, ...(url !== undefined && { url }) };
}

/** Calendars of Office 365 by Microsoft Graph. */
export default definePlugin({
  kind: "calendar",
  name: "office365",
  summary: "Office 365 (Exchange Online) by Microsoft Graph, or by Exchange Web Services while it lasts",
  implements: [
    "Microsoft Graph v1.0: calendar: getSchedule; change notifications of events, with lifecycle notifications",
    "Microsoft Graph v1.0: user: get mailboxSettings, by JSON batching",
    "RFC 6749 4.4: client credentials, with a secret or a certificate (RFC 7523)",
  ],
  options,
  secrets: ["secret", "proxy-password"],
  credentials: ["tenant", "client", "secret", "certificate"],
  needs: [],
  ways: (given) => {
    const graph = { plugin: "office365", options: { ...given, api: "graph" } };
    const ews = { plugin: "ews", options: ewsOptions(given) };
    return { graph: [graph], ews: [ews], auto: [graph, ews] }[given.api];
  },
  isSucceededBy: (given, other) => given["api"] === "ews" && readsTenantByGraph(given, other),
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
        notifications: given.notifications,
      },
      context,
    ),
});
