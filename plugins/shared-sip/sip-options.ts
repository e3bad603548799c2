import { z } from "zod";
import { parseServerNames } from "./locate-servers.ts";
import type { SipSettings } from "./open-sip-connection.ts";

/** The keys of the section [sip] that say where the server is and who the gateway is to it. */
export const connectionOptions = {
  server: z
    .string()
    .trim()
    .refine((text) => parseServerNames(text) !== undefined, "must be a host, host:port or a domain, or a list of these")
    .describe(
      "The presence server: `host:port`, or a host or domain whose SRV records say where (RFC 3263). Several, separated by commas, stand in for each other.",
    ),
  transport: z
    .enum(["udp", "tcp", "tls"])
    .default("tcp")
    .describe("How messages travel. `tcp` and `tls` lose nothing in a burst."),
  user: z.string().min(1).max(256).optional().describe("Who logs in, where the server asks (digest)."),
  secret: z.string().min(1).optional().describe("The user's secret."),
  ca: z
    .string()
    .min(1)
    .optional()
    .describe("PEM file of certificate authorities that are trusted for this server too."),
  certificate: z.string().min(1).optional().describe("PEM file of the gateway's own certificate, for mutual TLS."),
  key: z.string().min(1).optional().describe("PEM file of the certificate's private key."),
  asserted_identity: z
    .string()
    .min(1)
    .max(1024)
    .optional()
    .describe("P-Asserted-Identity (RFC 3325), `<sip:gateway@example.com>`, for servers that trust the gateway by it."),
} as const;

/** The settings that these options make. */
export function connectionSettings(given: z.infer<z.ZodObject<typeof connectionOptions>>): SipSettings {
  const { server, transport, user, secret, ca, certificate, key } = given;
  return {
    server,
    transport,
    user,
    secret,
    caFile: ca,
    certificateFile: certificate,
    keyFile: key,
    assertedIdentity: given.asserted_identity,
  };
}
