import { z } from "zod";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { ContactPublisher } from "./contact-publisher.ts";

/** Shows the composed presence on contact JIDs, for servers without our module. */
export default definePlugin({
  kind: "publish",
  name: "xmpp-contact",
  summary: "Shows the composed show and status on a contact of the user's own, an address on the component.",
  implements: ["RFC 6121 sections 3 and 4", "XEP-0106 1.1"],
  options: z.strictObject({
    domains: z.array(z.string()),
    watchers: z.enum(["own-domain", "served-domains"]).default("own-domain"),
  }),
  secrets: [],
  needs: ["xmpp"],
  create: (options, { xmpp, runtime, memory, parameters }) =>
    new ContactPublisher(options, {
      link: xmpp,
      runtime,
      memory,
      catalogue: TEXT_CATALOGUE,
      defaultLanguage: () => parameters.choice("default-language"),
    }),
});
