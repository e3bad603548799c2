import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { formatDay, type Instant } from "../../lib/time.ts";
import type { InstalledCertificate } from "../../ports/trust-store.ts";
import { certificateArgument } from "../argument-schemas.ts";
import { namesOf } from "../certificates/match-host.ts";
import { readDetails } from "../certificates/read-der.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { formatDistance } from "../format-moment.ts";

/** `certificate list`. */
export const certificateList = defineCommand({
  name: "certificate list",
  who: "admin",
  summary: "Lists the certificates that are trusted beside the system's, and those that servers showed lately.",
  arguments: z.strictObject({}),
  examples: ["certificate list"],
  run: async ({ certificates: { store }, clock }) => {
    const now = clock.now();
    const installed = (await store.listInstalled()).map((each) => [
      each.sha256.slice(0, 8),
      each.subject,
      describeEnd(each.notAfter, now),
      `installed by ${each.addedBy} on ${formatDay(each.addedAt)}`,
    ]);
    const seen = (await store.listSeen()).map((each) => [
      each.sha256.slice(0, 8),
      each.subject,
      describeEnd(each.notAfter, now),
      `shown by ${each.host} on ${formatDay(each.seenAt)}`,
    ]);
    return {
      kind: "table",
      columns: ["id", "subject", "until", "where"],
      rows: [...installed, ...seen],
      empty: "Only the system's certificate authorities are trusted. Add others with: certificate import <host>",
    };
  },
});

const describeEnd = (notAfter: Instant, now: Instant): string =>
  `${formatDay(notAfter)} (${formatDistance(notAfter, now)})`;

/** `certificate show`. */
export const certificateShow = defineCommand({
  name: "certificate show",
  who: "admin",
  summary: "Shows an installed certificate.",
  arguments: z.strictObject({ id: certificateArgument }),
  positional: ["id"],
  examples: ["certificate show 1a2b3c4d"],
  run: async (context, { id }) => {
    const found = await findInstalled(context, id);
    const certificate = new X509Certificate(found.der);
    const { asymmetricKeyType = "unknown", asymmetricKeyDetails: key } = certificate.publicKey;
    return {
      kind: "fields",
      title: `Certificate ${found.sha256.slice(0, 8)}`,
      fields: [
        ["subject", found.subject],
        ["issuer", found.issuer],
        ["names", namesOf(readDetails(found.der)).join(", ") || "(none)"],
        ["valid", `${formatDay(found.notBefore)} to ${formatDay(found.notAfter)}`],
        ["key", `${asymmetricKeyType} ${key?.modulusLength ?? key?.namedCurve ?? ""}`.trim()],
        ["may issue certificates", certificate.ca ? "yes" : "no"],
        ["SHA-256", found.sha256],
        ["added", `by ${found.addedBy} on ${formatDay(found.addedAt)}, from ${found.source}`],
      ],
    };
  },
});

/** The one installed certificate whose SHA-256 begins so; `command-not-found` or `command-conflict` otherwise. */
export async function findInstalled({ certificates }: CommandContext, id: string): Promise<InstalledCertificate> {
  const found = (await certificates.store.listInstalled()).filter(({ sha256 }) => sha256.startsWith(id));
  const [first, second] = found;
  if (!first) throw commandError("command-not-found", `No certificate ${id} is installed. See: certificate list`);
  if (second)
    throw commandError("command-conflict", `Several certificates begin with ${id}: give more of the SHA-256.`);
  return first;
}
