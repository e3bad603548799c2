import { z } from "zod";
import { definePlugin, type PluginContext } from "../../src/ports/plugin-definition.ts";
import { PROXY_OPTIONS, proxyOf } from "../shared-http/proxy-options.ts";
import { account, ca, password, serverUrl, tlsExceptions, urlProblem } from "../shared-microsoft/account-options.ts";
import { readsTenantByGraph } from "../shared-microsoft/application-options.ts";
import { nationalCloud } from "../shared-microsoft/national-clouds.ts";
import { EwsCalendarSource } from "./ews-calendar-source.ts";
import { type CreateTokens, createTokens } from "./login/application.ts";
import { accountLogin, applicationLogin, type EwsLogin } from "./login/ews-login.ts";
import { cloudEndpoint, type GivenLogin, loginProblems, OAUTH_OPTIONS } from "./login/oauth-options.ts";
import { notificationOptions } from "./notifications/options.ts";

const url = serverUrl("https://mail.example.com/EWS/Exchange.asmx")
  .optional()
  .describe(
    "EWS endpoint, https://<server>/EWS/Exchange.asmx; the path may be left out. With auth=oauth: that of the cloud where not given",
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

const fields = z.strictObject({
  url,
  account: account.optional().describe(`${account.description}; not with auth=oauth`),
  password: password.optional().describe(`${password.description}; not with auth=oauth`),
  auth: z
    .enum(["auto", "basic", "ntlm", "ntlm-v1", "oauth"])
    .default("auto")
    .describe(
      "How to log in. auto: by NTLMv2 where the server offers it, else by Basic. oauth: as an application of Office 365. ntlm-v1 is weak: last resort",
    ),
  ...OAUTH_OPTIONS,
  ca,
  "tls-exceptions": tlsExceptions,
  ...notificationOptions,
  autodiscover,
  "autodiscover-hosts": autodiscoverHosts,
  ...PROXY_OPTIONS,
});

// Looked at whatever is wrong with single options, so that all is told at once.
const options = fields.superRefine(
  (given: GivenLogin, context) => {
    for (const [name, message] of loginProblems(given)) context.addIssue({ code: "custom", path: [name], message });
  },
  { when: ({ value }) => typeof value === "object" && value !== null },
);

type Options = z.infer<typeof fields>;

function endpoint({ url: text, cloud = "global" }: Options): URL {
  const parsed = text === undefined ? cloudEndpoint(cloud) : new URL(text);
  if (!parsed) throw new TypeError("an endpoint without a URL"); // the schema refuses it
  if (parsed.pathname === "/") parsed.pathname = "/EWS/Exchange.asmx";
  return parsed;
}

function autodiscoverSetting(text: string, hosts: readonly string[] = []) {
  if (text === "off") return undefined;
  return { endpoint: text === "on" ? undefined : new URL(text), hosts };
}

function loginOf(given: Options, context: PluginContext, tokensOf: CreateTokens): EwsLogin {
  const { auth, account: name = "", password: secret = "", tenant = "", client = "", cloud = "global" } = given;
  if (auth !== "oauth") return accountLogin(name, secret, auth);
  const { certificate, "login-url": authority } = given;
  const application = {
    authority: authority === undefined ? nationalCloud(cloud).authority : new URL(authority),
    tenant,
    client,
    credential: certificate === undefined ? { secret: given.secret ?? "" } : { certificateFile: certificate },
    resource: endpoint(given),
    proxy: proxyOf(given),
    caFile: given.ca,
  };
  return applicationLogin(client, tokensOf(application, context));
}

/** The plugin, with what makes sources of tokens for auth=oauth. */
export const ewsPlugin = (tokensOf: CreateTokens) =>
  definePlugin({
    kind: "calendar",
    name: "ews",
    summary: "Exchange 2007 SP1 and later, and other servers that speak Exchange Web Services",
    implements: [
      "Exchange Web Services: GetUserAvailability; streaming, push and pull notifications (MS-OXWAVLS, MS-OXWSNTIF)",
    ],
    options,
    secrets: ["password", "secret", "proxy-password"],
    credentials: ["account", "password", "tenant", "client", "secret", "certificate", "cloud", "login-url"],
    needs: [],
    isSucceededBy: (given, other) => given["auth"] === "oauth" && readsTenantByGraph(given, other),
    create: (given, context) =>
      new EwsCalendarSource(
        {
          url: endpoint(given),
          login: loginOf(given, context, tokensOf),
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

/** Calendars by Exchange Web Services. */
export default ewsPlugin(createTokens);
