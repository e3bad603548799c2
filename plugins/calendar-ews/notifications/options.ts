import { z } from "zod";
import { NOTIFICATION_OPTIONS } from "./way-choice.ts";

// Whole addresses and blocks are checked by whoever listens.
const sources = z
  .string()
  .trim()
  .regex(/^[\da-f.:/,\s]*$/i, "must be a list of IP addresses and blocks such as 192.0.2.0/24")
  .transform((text) => text.split(/[\s,]+/).filter((each) => each !== ""))
  .optional()
  .describe("IP addresses and blocks that pushed notifications are taken from, separated by commas. Default: all");

/** The options about notifications. */
export const notificationOptions = {
  notifications: z
    .enum(NOTIFICATION_OPTIONS)
    .default("auto")
    .describe(
      "How the server tells of changes. auto: by streaming, else by push (it connects to the gateway), else by pull. A named way is tried alone before pull; streaming and pull open no port",
    ),
  "notification-port": z.coerce
    .number()
    .int()
    .min(1024)
    .max(65_535)
    .optional()
    .describe("The port that this server pushes to. Default: the parameter exchange-notification-port"),
  "notification-sources": sources,
} as const;
