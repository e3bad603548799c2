import { isIP } from "node:net";
import { z } from "zod";
import { AddressError, type BareJid, isPresentityId, parseBareJid, parsePresentityId } from "../core/addresses.ts";
import { isLoopback, withoutBrackets } from "../lib/host.ts";
import { DIRECTORY_SECTIONS } from "./directory-section.ts";
import { LOG_LEVELS } from "./runtime.ts";
import { SECRET_SCHEMA } from "./secret-schema.ts";
import { SIP_SECTION } from "./sip-section.ts";

const parsedBy = <Result>(parse: (text: string) => Result) =>
  z.string().transform((text, context): Result => {
    try {
      return parse(text);
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof AddressError ? error.message : String(error) });
      return z.NEVER;
    }
  });

function parseDomain(text: string): BareJid {
  const jid = parseBareJid(text);
  if (isPresentityId(jid)) throw new AddressError(`${JSON.stringify(text)} is somebody's JID, not a domain`);
  return jid;
}

/** Host and port of `xmpp://host:port`. */
export interface ServiceAddress {
  readonly host: string;
  readonly port: number;
}

function parseService(text: string): ServiceAddress {
  const match = /^(?:xmpp|tcp):\/\/(\[[0-9a-f:.]+\]|[^\s:/[\]]+)(?::(\d{1,5}))?\/?$/i.exec(text);
  const port = Number(match?.[2] ?? 5347);
  if (!match || port < 1 || port > 65_535) {
    throw new AddressError(`${JSON.stringify(text)} is not an address such as xmpp://127.0.0.1:5347`);
  }
  return { host: withoutBrackets(match[1] ?? ""), port };
}

function parseListen(text: string): ServiceAddress {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:]+):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[2]);
  if (!match || port > 65_535)
    throw new AddressError(`${JSON.stringify(text)} is not an address such as 127.0.0.1:9464`);
  return { host: withoutBrackets(match[1] ?? ""), port };
}

/** A port alone is one of this machine only. */
const parseLocalListen = (text: string): ServiceAddress => parseListen(/^\d+$/.test(text) ? `127.0.0.1:${text}` : text);

const isHost = (text: string): boolean => isIP(text) !== 0 || /^(?=.{1,253}$)[a-z\d]([a-z\d.-]*[a-z\d])?$/i.test(text);

const isPublicUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "https:" && `${url.username}${url.password}${url.search}${url.hash}` === "";
};

const xmpp = z
  .strictObject({
    service: parsedBy(parseService).describe("Where the XMPP server takes components, `xmpp://host:port` (XEP-0114)."),
    component: parsedBy(parseDomain).describe("The component's own domain, as the XMPP server knows it."),
    secret: SECRET_SCHEMA.describe("The component's secret."),
    domains: z.array(parsedBy(parseDomain)).min(1).describe("The domains whose users the gateway serves."),
    admins: z.array(parsedBy(parsePresentityId)).describe("Bare JIDs of those who may administer the gateway by chat."),
    "domain-admins": z
      .array(parsedBy(parsePresentityId))
      .default([])
      .describe("Bare JIDs of those who may administer, by chat, the users of their own domain and nothing else."),
    "acts-by": z
      .enum(["auto", "privilege", "trusted"])
      .default("auto")
      .describe(
        "How the gateway acts for users: by XEP-0356 privilege, or by a trusted `from` (ejabberd `check_from: false`, Prosody `validate_from_addresses = false`). `auto` takes the privilege that the server offers.",
      ),
    "watch-activity": z
      .enum(["auto", "always", "never"])
      .default("auto")
      .describe(
        "Whether the gateway subscribes to the users' activity to overwrite a forged meeting. It needs an entry in each user's roster. `auto`: only where the server module is missing.",
      ),
    "contact-domains": z
      .array(parsedBy(parseDomain))
      .default([])
      .describe(
        "Those of the domains whose users have contact JIDs, `alice\\40example.com@calendar.example.com`: contacts that show their presence to whoever adds them, without a module in the server (docs/OPERATIONS.md).",
      ),
    "contact-watchers": z
      .enum(["own-domain", "served-domains"])
      .default("own-domain")
      .describe("Who may add a user's contact JID: users of the same domain, or of every domain that is served."),
    "allow-plain-text-to": z
      .array(z.string())
      .default([])
      .describe(
        "Component connections are not encrypted. A host that is not this machine must be named here, e.g. one behind a tunnel.",
      ),
  })
  .superRefine(({ component, domains, "contact-domains": contactDomains }, context) => {
    if (domains.includes(component)) {
      const message = `${component} is in xmpp.domains: the component needs a domain of its own, such as calendar.${component}`;
      context.addIssue({ code: "custom", path: ["component"], message });
    }
    for (const domain of contactDomains.filter((each) => !domains.includes(each))) {
      context.addIssue({
        code: "custom",
        path: ["contact-domains"],
        message: `${domain} is not in xmpp.domains: the gateway does not serve it`,
      });
    }
  })
  .superRefine((value, context) => {
    const { host } = value.service;
    if (isLoopback(host) || value["allow-plain-text-to"].includes(host)) return;
    context.addIssue({
      code: "custom",
      path: ["service"],
      message: `${host} is another machine and component connections are not encrypted: use a tunnel to 127.0.0.1, or name the host in xmpp.allow-plain-text-to`,
    });
  });

/** The configuration file. Everything else is configured while the gateway runs, by chat commands. */
export const CONFIG_SCHEMA = z.strictObject({
  xmpp: xmpp.describe("The connection to the XMPP server."),
  store: z
    .strictObject({
      path: z
        .string()
        .min(1)
        .describe("The SQLite file; made when absent. Relative paths start at the configuration file."),
      key: SECRET_SCHEMA.optional().describe(
        "Base64 of the 32 bytes that seal stored secrets. Default: the file `<path>.key`, made when absent.",
      ),
      "secrets-directory": z
        .string()
        .optional()
        .describe("Folder of files that chat commands may name as `password=@name`."),
    })
    .describe("Where users, calendar servers and what is published are kept."),
  log: z
    .strictObject({ level: z.enum(LOG_LEVELS).default("info").describe("The least that is logged.") })
    .prefault({})
    .describe("Logging, one JSON object a line on standard output."),
  metrics: z
    .strictObject({
      listen: z
        .union([z.string(), z.int().transform(String)])
        .pipe(parsedBy(parseLocalListen))
        .optional()
        .describe(
          "Where `/metrics` (Prometheus), `/healthz` and `/readyz` are served: a port of 127.0.0.1 such as `9464`, or `address:port`; absent: nowhere. They name no people, and are neither encrypted nor protected.",
        ),
    })
    .prefault({})
    .describe("Metrics and health for monitoring."),
  notifications: z
    .strictObject({
      listen: z
        .string()
        .refine((text) => isIP(text) !== 0, "must be an IP address of this machine, or :: for all")
        .default("::")
        .describe(
          "The address that is listened at when calendar servers push notifications; `::` is all, also those of IPv4. The port is the parameter `exchange-notification-port`.",
        ),
      address: z
        .string()
        .refine(isHost, "must be a host name or an IP address")
        .optional()
        .describe("The name or address under which calendar servers reach the gateway. Default: the host's full name."),
      "webhook-listen": parsedBy(parseListen)
        .optional()
        .describe(
          "Where webhooks (Office 365) are listened for, `address:port`. Default: `[::]:50443` with a certificate, else `127.0.0.1:50443` for a reverse proxy.",
        ),
      certificate: z
        .string()
        .min(1)
        .optional()
        .describe(
          "PEM file with the certificate for webhooks, then those of its issuers, for which the outside trusts it. Read again when it changes.",
        ),
      key: z.string().min(1).optional().describe("PEM file with the certificate's private key."),
      "public-url": z
        .string()
        .refine(isPublicUrl, "must be an https:// URL without account, query and fragment")
        .optional()
        .describe(
          "Under which URL the outside reaches the webhooks, e.g. `https://gw.example.com/graph` at a reverse proxy that hands on what lies below it, with or without that path. Default with a certificate: `https://<address>:<port>`.",
        ),
    })
    .refine((value) => (value.certificate === undefined) === (value.key === undefined), {
      path: ["certificate"],
      message: "notifications.certificate and notifications.key belong together",
    })
    .prefault({})
    .describe("Hearing what calendar servers push (Exchange push notifications; webhooks of Office 365)."),
  sip: SIP_SECTION.optional().describe(
    "The SIP presence server at which users with a SIP address are published (docs/SIP.md); absent: nothing is done by SIP.",
  ),
  directory: DIRECTORY_SECTIONS.prefault({}).describe(
    "A directory from which users are taken, one section each, `[directory.head-office]` (docs/DIRECTORY.md).",
  ),
});

/** The configuration as read. */
export type Config = z.infer<typeof CONFIG_SCHEMA>;
