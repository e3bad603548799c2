import { createHash } from "node:crypto";
import { z } from "zod";
import { hours, plus } from "../../lib/time.ts";
import type { ChainEntry, ChainReport } from "../../ports/trust.ts";
import type { InstalledCertificate } from "../../ports/trust-store.ts";
import { serverArgument, yesOrNoArgument } from "../argument-schemas.ts";
import { describeChain, formatServer } from "../certificates/describe-chain.ts";
import { examineServer } from "../certificates/examine-server.ts";
import { createFetchIssuer } from "../certificates/fetch-issuer.ts";
import { factsOf, parseCertificate } from "../certificates/parse-certificates.ts";
import { type CommandContext, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { recordChange } from "../find-entities.ts";

/** An offer that nobody accepted for so long has to be made anew. */
const LONGEST_OFFER = hours(24);

/** `certificate import`. */
export const certificateImport = defineCommand({
  name: "certificate import",
  who: "admin",
  summary:
    "Fetches a server's certificates, says of each whether it is trusted, and offers to install what is missing.",
  arguments: z.strictObject({
    server: serverArgument.describe(
      "Host name or address, as the gateway's url has it, and the port where it is not 443.",
    ),
    "fetch-issuers": yesOrNoArgument
      .optional()
      .describe("yes: fetches what the server does not send from where its certificates say (by HTTP)."),
    "allow-private": yesOrNoArgument
      .optional()
      .describe("yes: fetches issuers also from private and loopback addresses and other ports than 80."),
  }),
  positional: ["server"],
  examples: ["certificate import mail.example.com", "certificate import 192.0.2.7:8443 fetch-issuers=yes"],
  run: async (context, args, signal) => {
    const reach = args["allow-private"] ? "private" : "public";
    const fetchIssuer = args["fetch-issuers"] ? createFetchIssuer(reach) : undefined;
    const report = await examineServer(context, args.server, { exceptions: new Set(), fetchIssuer }, signal);
    const server = formatServer(args.server);
    return {
      kind: "lines",
      title: `Certificates of ${server}`,
      lines: [
        "Peer Server Reachability Status: reachable",
        `SSL Connection/Certificate Verification Status: ${report.status} (${report.protocol})`,
        ...describeChain(report),
        await offerMissing(context, server, report),
      ],
    };
  },
});

async function offerMissing(context: CommandContext, server: string, report: ChainReport): Promise<string> {
  if (report.isAcceptable) return "Nothing has to be installed.";
  const missing = report.entries.filter(({ verdict }) => verdict === "missing");
  const certificates = missing.flatMap(({ der }) => (der ? [der] : []));
  const hasBadSignature = report.entries.some(({ findings }) => findings.some(({ kind }) => kind === "bad-signature"));
  if (missing.length === 0 || hasBadSignature)
    return "Nothing is offered: installing certificates would not cure this.";
  const advice = missing.flatMap(adviseAbsent);
  if (certificates.length === 0) return advice.join(" ");
  const id = createHash("sha256")
    .update([server, ...certificates.map(sha256Of)].join(" "))
    .digest("hex")
    .slice(0, 8);
  const madeAt = context.clock.now();
  await context.certificates.store.recordOffer({ id, server, certificates, madeBy: context.actor.name, madeAt });
  return [
    `Compare the SHA-256 of what is missing with what the authority or the server's administrator says; then install it with: certificate accept ${id}`,
    ...advice,
  ].join(" ");
}

const sha256Of = (der: Uint8Array): string => factsOf(parseCertificate(der)).sha256;

/** C9: which certificate is needed, and where to get it. */
function adviseAbsent({ subject, der, issuerUrls }: ChainEntry): readonly string[] {
  if (der) return [];
  const fetching = issuerUrls.length > 0 ? "add fetch-issuers=yes to this command, or " : "";
  return [
    `The server does not send the certificate ${subject}: ${fetching}get it from that authority and install it with: certificate add`,
  ];
}

/** `certificate accept`. */
export const certificateAccept = defineCommand({
  name: "certificate accept",
  who: "admin",
  summary: "Installs what certificate import has offered. It is used for connections from then on.",
  arguments: z.strictObject({
    id: z
      .string()
      .trim()
      .toLowerCase()
      .regex(/^[0-9a-f]{8}$/, "has eight hexadecimal digits")
      .describe("The id of the offer."),
  }),
  positional: ["id"],
  examples: ["certificate accept 1a2b3c4d"],
  run: async (context, { id }) => {
    const { store } = context.certificates;
    const now = context.clock.now();
    const offer = await store.findOffer(id);
    if (!offer || plus(offer.madeAt, LONGEST_OFFER) < now) {
      throw commandError(
        "command-not-found",
        `There is no offer ${id} (any more). Make one with: certificate import <host>`,
      );
    }
    const installed = offer.certificates.map(
      (der): InstalledCertificate => ({
        ...factsOf(parseCertificate(der)),
        der,
        source: offer.server,
        addedBy: context.actor.name,
        addedAt: now,
      }),
    );
    await installCertificates(context, installed);
    await store.deleteOffer(id);
    return {
      kind: "lines",
      title: installed.length === 1 ? "1 certificate is installed." : `${installed.length} certificates are installed.`,
      lines: installed.map(({ subject, sha256 }) => `${sha256.slice(0, 8)}: ${subject}`),
    };
  },
});

/** Installs certificates, with an audit line each. */
export async function installCertificates(
  context: CommandContext,
  certificates: readonly InstalledCertificate[],
): Promise<void> {
  await context.certificates.store.recordInstalled(certificates);
  for (const { sha256, subject, source } of certificates) {
    const detail = `${subject}, from ${source}, SHA-256 ${sha256}`;
    await recordChange(context, { action: "certificate.added", subject: sha256.slice(0, 8), detail });
  }
}
