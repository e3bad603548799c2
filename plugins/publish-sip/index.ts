import { z } from "zod";
import { seconds } from "../../src/lib/time.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { encodePidf } from "../shared-sip/documents/encode-pidf.ts";
import { connectionOptions, connectionSettings } from "../shared-sip/sip-options.ts";
import { SipPublisher } from "./sip-publisher.ts";

const options = z.strictObject({
  ...connectionOptions,
  expires: z.coerce
    .number()
    .int()
    .min(60)
    .max(86_400)
    .default(3600)
    .describe("Seconds that a publication is asked to last; it is refreshed after 50 to 90 % of what is granted."),
  max_per_second: z.coerce
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(500)
    .describe("Publications in a second, at most; changes go before refreshes."),
  window: z.coerce.number().int().min(1).max(10_000).default(200).describe("Publications under way at once, at most."),
});

/** Publishes presence documents at a SIP presence server. */
export default definePlugin({
  kind: "publish",
  name: "sip",
  summary: "Publishes the user's presence document (PIDF) at a SIP presence server.",
  implements: ["RFC 3903", "RFC 3261 section 17.1.2", "RFC 3263", "RFC 7616, RFC 8760", "RFC 3863, RFC 4479, RFC 4480"],
  options,
  secrets: ["secret"],
  needs: [],
  create: (given, { runtime, trust, memory }) =>
    new SipPublisher(
      {
        ...connectionSettings(given),
        expires: seconds(given.expires),
        perSecond: given.max_per_second,
        window: given.window,
      },
      encodePidf,
      { runtime, trust, memory },
    ),
});
