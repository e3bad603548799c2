import { z } from "zod";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { PROXY_OPTIONS, proxyOf } from "../shared-http/proxy-options.ts";
import { account, ca, password, serverUrl, tlsExceptions } from "../shared-microsoft/account-options.ts";
import { WebdavCalendarSource } from "./webdav-calendar-source.ts";

const options = z.strictObject({
  url: serverUrl("https://mail.example.com/exchange/").describe(
    "Where the mailboxes are, https://<server>/exchange/; the path may be left out",
  ),
  account,
  password,
  auth: z
    .enum(["auto", "basic", "ntlm", "ntlm-v1", "forms"])
    .default("auto")
    .describe(
      "How to log in. auto: by NTLMv2 where the server offers it, else by Basic, or by the login page (forms) where it sends clients there. ntlm-v1 is weak: last resort",
    ),
  ca,
  "tls-exceptions": tlsExceptions,
  notifications: z
    .enum(["auto", "udp", "poll"])
    .default("auto")
    .describe(
      "How changes are heard of. udp: the server sends datagrams to the notification port. poll: it is asked every minute. auto: udp where the port can be opened",
    ),
  "calendar-name": z
    .string()
    .trim()
    .min(1)
    .max(255)
    .regex(/^(?!\.{1,2}$)[^/\\\p{Cc}\p{Cs}]+$/u, "must be the name of one folder")
    .optional()
    .describe(
      "Name of the calendar folder (such as Kalender) in mailboxes that do not tell it; else Calendar is tried",
    ),
  ...PROXY_OPTIONS,
});

/** Only the path's last slash matters: mailboxes lie below it. */
function endpoint(text: string): URL {
  const parsed = new URL(text);
  parsed.search = "";
  parsed.pathname = parsed.pathname === "/" ? "/exchange/" : parsed.pathname.replace(/\/*$/, "/");
  return parsed;
}

/** Calendars by WebDAV. */
export default definePlugin({
  kind: "calendar",
  name: "webdav",
  summary: "Legacy: Exchange 2003, and 2007 where Exchange Web Services are switched off, by WebDAV",
  implements: [
    "Exchange 2003 and 2007 WebDAV: PROPFIND, SEARCH (DAV:sql), SUBSCRIBE, POLL, NOTIFY over UDP",
    "RFC 2518: multistatus",
  ],
  options,
  secrets: ["password", "proxy-password"],
  credentials: ["account", "password"],
  needs: [],
  create: (given, context) =>
    new WebdavCalendarSource(
      {
        url: endpoint(given.url),
        account: given.account,
        password: given.password,
        auth: given.auth,
        caFile: given.ca,
        tlsExceptions: new Set(given["tls-exceptions"]),
        notifications: given.notifications,
        calendarName: given["calendar-name"],
        proxy: proxyOf(given),
      },
      context,
    ),
});
