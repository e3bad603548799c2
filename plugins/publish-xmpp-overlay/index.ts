import { z } from "zod";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { OverlayPublisher } from "./overlay-publisher.ts";

/** Puts show and status over the user's own resources, through our module in the XMPP server. */
export default definePlugin({
  kind: "publish",
  name: "xmpp-overlay",
  summary:
    "Shows the composed show and status on the user's own resources, through the gateway's module in the server.",
  implements: ["urn:x-presence-gateway:server:1", "RFC 6121 section 4.7"],
  options: z.strictObject({}),
  secrets: [],
  needs: ["xmpp"],
  create: (_options, { xmpp, runtime, parameters }) =>
    new OverlayPublisher(xmpp, TEXT_CATALOGUE, runtime.clock, () => parameters.choice("default-language")),
});
