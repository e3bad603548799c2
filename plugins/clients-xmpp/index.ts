import { z } from "zod";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { XmppClients } from "./xmpp-clients.ts";

/** Hears the users' own clients through the XMPP server. */
export default definePlugin({
  kind: "clients",
  name: "xmpp",
  summary: "Hears the presence of the users' own clients (XEP-0356), and what they claim of meetings.",
  implements: [
    "RFC 6121 section 4.7",
    "XEP-0356 0.4.1 section 5",
    "XEP-0108 1.3",
    "XEP-0115 1.6",
    "XEP-0163 1.2.2",
    "XEP-0319 1.0.2",
  ],
  options: z.strictObject({
    "watch-activity": z
      .enum(["auto", "always", "never"])
      .default("auto")
      .describe(
        "Whether to subscribe to the users' activity so that a forged meeting is overwritten. auto: where the server has no module of the gateway. It needs an entry in each user's roster.",
      ),
  }),
  secrets: [],
  needs: ["xmpp"],
  create: (options, { xmpp, runtime }) =>
    new XmppClients(
      { watchActivity: options["watch-activity"], reservedTexts: reservedTexts(TEXT_CATALOGUE) },
      xmpp,
      runtime,
    ),
});
