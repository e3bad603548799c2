import { z } from "zod";
import { formatInstant } from "../../lib/time.ts";
import { hostArgument } from "../argument-schemas.ts";
import { makeRequest } from "../certificates/make-request.ts";
import { defineCommand } from "../command.ts";
import { recordChange } from "../find-entities.ts";

/** `certificate request`. */
export const certificateRequest = defineCommand({
  name: "certificate request",
  who: "admin",
  summary:
    "Makes a key for a server, kept in a file that only the gateway's account may read, and the request for its certificate.",
  arguments: z.strictObject({
    host: hostArgument.describe("The server's name or address, exactly as clients write it."),
  }),
  positional: ["host"],
  examples: ["certificate request mail.example.com"],
  run: async (context, { host }) => {
    const { key, request } = await makeRequest(host);
    const moment = formatInstant(context.clock.now()).replace(/[-:]/g, "");
    const path = await context.certificates.store.saveKey(`${host.replaceAll(":", "-")}-${moment}`, key);
    await recordChange(context, { action: "certificate.requested", subject: host, detail: `key in ${path}` });
    return {
      kind: "text",
      text: `${request}\nGive this to your certificate authority (template Web Server). The key is in ${path} on the gateway's machine.`,
    };
  },
});
