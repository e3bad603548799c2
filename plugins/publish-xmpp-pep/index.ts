import { z } from "zod";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { PepPublisher } from "./pep-publisher.ts";

/** Publishes the activity in each user's own PEP node. */
export default definePlugin({
  kind: "publish",
  name: "xmpp-pep",
  summary: "Publishes the user's activity (XEP-0108) in the user's own PEP node.",
  implements: ["XEP-0108 1.3", "XEP-0163 1.2.2", "XEP-0060 1.26 section 7.1", "XEP-0356 0.4.1"],
  options: z.strictObject({}),
  secrets: [],
  needs: ["xmpp"],
  create: (_options, { xmpp }) => new PepPublisher(xmpp, TEXT_CATALOGUE),
});
