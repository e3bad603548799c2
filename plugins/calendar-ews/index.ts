import { z } from "zod";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { PROXY_OPTIONS, proxyOf } from "../shared-http/proxy-options.ts";
import { account, ca, password, serverUrl, tlsExceptions, urlProblem } from "../shared-microsoft/account-options.ts";
import { EwsCalendarSource } from "./ews-calendar-source.ts";
import { notificationOptions } from "./notifications/options.ts";

const url = serverUrl("https://mail.example.com/EWS/Exchange.asmx").describe(
  "EWS endpoint, https://<server>/EWS/Exchange.asmx; the path may be left out",
);

const AUTODISCOVER = "https://mail.example.com/autodiscover/autodiscover.svc";
const autodiscover = z
  .string()
  .trim()
  .superRefine((text, context) => {
    if (text === "off" || text === "on") return;
    const problem = URL.canParse(text)
      ? urlProblem(text, AUTODISCOVER)
      : "must be off, on or the URL of autodiscover.svc";
    if (problem) context.addIssue({ code: "custom", message: problem });
  })
  .default("off")
  .describe(
    "Autodiscover tells which mailboxes are watched together, and at which server. on: the endpoint is looked for; or its URL, https://<server>/autodiscover/autodiscover.svc",
  );

const HOST = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
const autodiscoverHosts = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.split(/[\s,]+/).filter((each) => each !== ""))
  .pipe(z.array(z.string().max(253).regex(HOST, "must be a list of hosts such as mail.example.net, *.example.org")))
  .optional()
  .describe(
    "Hosts besides those of the url's own domain that Autodiscover may send the password to, separated by commas; *.example.org: all below",
  );

const options = z.strictObject({
  url,
  account,
  password,
  auth: z
    .enum(["auto", "basic", "ntlm", "ntlm-v1"])
    .default("auto")
    .describe("How to log in. auto: by NTLMv2 where the server offers it, else by Basic. ntlm-v1 is weak: last resort"),
  ca,
  "tls-exceptions": tlsExceptions,
  ...notificationOptions,
  autodiscover,
  "autodiscover-hosts": autodiscoverHosts,
  ...PROXY_OPTIONS,
});

function endpoint(text: string): URL {
  const parsed = new URL(text);
  if (parsed.pathname === "/") parsed.pathname = "/EWS/Exchange.asmx";
  return parsed;
}

function autodiscoverSetting(text: string, hosts: readonly string[] = []) {
  if (text === "off") return undefined;
  return { endpoint: text === "on" ? undefined : new URL(text), hosts };
}

/** Calendars by Exchange Web Services. */
export default definePlugin({
  kind: "calendar",
  name: "ews",
  summary: "Exchange 2007 SP1 and later, and other servers that speak Exchange Web Services",
  implements: [
    "Exchange Web Services: GetUserAvailability; streaming, push and pull notifications (MS-OXWAVLS, MS-OXWSNTIF)",
  ],
  options,
  secrets: ["password", "proxy-password"],
  credentials: ["account", "password"],
  needs: [],
  create: (given, context) =>
    new EwsCalendarSource(
      {
        url: endpoint(given.url),
        account: given.account,
        password: given.password,
        auth: given.auth,
        caFile: given.ca,
        tlsExceptions: new Set(given["tls-exceptions"]),
        notifications: {
          way: given.notifications,
          port: given["notification-port"],
          sources: given["notification-sources"] ?? [],
        },
        autodiscover: autodiscoverSetting(given.autodiscover, given["autodiscover-hosts"]),
        proxy: proxyOf(given),
      },
      context,
    ),
});
