import { z } from "zod";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { definePlugin } from "../../src/ports/plugin-definition.ts";
import { openSipConnection } from "../shared-sip/open-sip-connection.ts";
import { connectionOptions, connectionSettings } from "../shared-sip/sip-options.ts";
import { SipClients } from "./sip-clients.ts";
import type { PhoneEvent } from "./subscription.ts";

const EVENTS = ["presence", "dialog"] as const satisfies readonly PhoneEvent[];

const wordsOf = (text: string): readonly string[] => text.split(",").map((word) => word.trim());

const isListOfEvents = (text: string): boolean =>
  text.trim() === "off" || wordsOf(text).every((word) => EVENTS.some((event) => event === word));

const options = z.strictObject({
  ...connectionOptions,
  phones: z
    .string()
    .refine(isListOfEvents, "must be presence, dialog, both with a comma between, or off")
    .default("presence, dialog")
    .describe(
      "What is asked of the users' phones: `presence` (what they publish), `dialog` (whether somebody talks on them), both, or `off`.",
    ),
  subscriptions_per_second: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe("Subscriptions to phones made or refreshed in a second, at most."),
});

/** Hears the users' phones through the SIP presence server. */
export default definePlugin({
  kind: "clients",
  name: "sip",
  summary: "Hears what the users' phones publish, and who is in a call, through a SIP presence server.",
  implements: ["RFC 6665", "RFC 3856", "RFC 4235", "RFC 3863, RFC 4479, RFC 4480", "RFC 8048 section 6.3"],
  options,
  secrets: ["secret"],
  needs: [],
  create: (given, { runtime, trust }) =>
    new SipClients(
      {
        events: EVENTS.filter((event) => wordsOf(given.phones).includes(event)),
        perSecond: given.subscriptions_per_second,
        reservedTexts: reservedTexts(TEXT_CATALOGUE),
      },
      (signal) => openSipConnection(connectionSettings(given), { runtime, trust }, signal),
      runtime,
    ),
});
