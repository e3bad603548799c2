import { z } from "zod";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { account, ca, password, serverUrl, tlsExceptions } from "../shared-microsoft/account-options.ts";
import { EwsCalendarSource } from "./ews-calendar-source.ts";

const url = serverUrl("https://mail.example.com/EWS/Exchange.asmx").describe(
  "EWS endpoint, https://<server>/EWS/Exchange.asmx; the path may be left out",
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
});

function endpoint(text: string): URL {
  const parsed = new URL(text);
  if (parsed.pathname === "/") parsed.pathname = "/EWS/Exchange.asmx";
  return parsed;
}

/** Calendars by Exchange Web Services. */
export default definePlugin({
  kind: "calendar",
  name: "ews",
  summary: "Exchange 2010 SP1 and later, and other servers that speak Exchange Web Services",
  implements: ["Exchange Web Services: GetUserAvailability, streaming notifications (MS-OXWAVLS, MS-OXWSNTIF)"],
  options,
  secrets: ["password"],
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
      },
      context,
    ),
});
