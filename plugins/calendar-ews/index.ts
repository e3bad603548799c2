import { z } from "zod";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { TLS_EXCEPTIONS } from "../../src/ports/trust.ts";
import { PROXY_OPTIONS, proxyOf } from "../shared-http/proxy-options.ts";
import { EwsCalendarSource } from "./ews-calendar-source.ts";
import { notificationOptions } from "./notifications/options.ts";

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);

/** What is wrong with the URL; undefined when nothing is. */
function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return "must be a URL such as https://mail.example.com/EWS/Exchange.asmx";
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (username || password) return "must not hold an account or a password: they have options of their own";
  if (hash) return "must not hold a fragment (#)";
  if (protocol === "https:" || (protocol === "http:" && isLoopback(hostname))) return undefined;
  return "must begin with https:// (http:// would send the password in clear)";
}

const url = z
  .string()
  .trim()
  .superRefine((text, context) => {
    const problem = urlProblem(text);
    if (problem) context.addIssue({ code: "custom", message: problem });
  })
  .describe("EWS endpoint, https://<server>/EWS/Exchange.asmx; the path may be left out");

// RFC 7617 2: the account ends at the first colon; neither part may hold control characters.
const account = z
  .string()
  .trim()
  .min(1)
  .max(256)
  .regex(/^[^:\p{Cc}]+$/u, "must not hold a colon or control characters")
  .describe("Service account: user@domain or DOMAIN\\user");

const password = z
  .string()
  .min(1)
  .max(1024)
  .regex(/^\P{Cc}+$/u, "must not hold control characters")
  .describe("The account's password");

const tlsExceptions = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.split(/[\s,]+/).filter((each) => each !== ""))
  .pipe(z.array(z.enum(TLS_EXCEPTIONS, `must be a list of ${TLS_EXCEPTIONS.join(", ")}`)))
  .optional()
  .describe(
    "What is let pass of this server's certificates, separated by commas: weak-key (RSA of 1024 bits), sha-1 (signatures), common-name (a name without subjectAltName)",
  );

const autodiscover = z
  .string()
  .trim()
  .superRefine((text, context) => {
    if (text === "off" || text === "on") return;
    const problem = URL.canParse(text) ? urlProblem(text) : "must be off, on or the URL of autodiscover.svc";
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
  ca: z.string().trim().min(1).optional().describe("File with the PEM certificate of a private CA that is trusted too"),
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
