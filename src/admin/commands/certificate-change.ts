import type { X509Certificate } from "node:crypto";
import { z } from "zod";
import { certificateArgument } from "../argument-schemas.ts";
import { factsOf, parseCertificates } from "../certificates/parse-certificates.ts";
import { type Command, type CommandContext, defineCommand } from "../command.ts";
import { recordChange } from "../find-entities.ts";
import type { Word } from "../parse-command-line.ts";
import { installCertificates } from "./certificate-import.ts";
import { findInstalled } from "./certificate-show.ts";

const add = defineCommand({
  name: "certificate add",
  who: "admin",
  summary: "Installs certificates that are pasted: a root is trusted from then on, another one completes chains.",
  arguments: z.strictObject({
    text: z.string().describe("PEM text, or the base64 text of a DER certificate or a PKCS#7 file (.p7b)."),
  }),
  positional: ["text"],
  examples: ["certificate add -----BEGIN CERTIFICATE----- MIIC… -----END CERTIFICATE-----", "certificate add MIIC…"],
  run: async (context, { text }) => {
    const certificates = parseCertificates(text);
    const addedAt = context.clock.now();
    const installed = certificates.map((each) => ({
      ...factsOf(each),
      der: each.raw,
      source: "chat",
      addedBy: context.actor.name,
      addedAt,
    }));
    await installCertificates(context, installed);
    return {
      kind: "lines",
      title: installed.length === 1 ? "1 certificate is installed." : `${installed.length} certificates are installed.`,
      lines: installed.map(({ subject, sha256 }) => `${sha256.slice(0, 8)}: ${subject}, SHA-256 ${sha256}`),
      warnings: certificates.flatMap((each) => describeDoubts(context, each)),
    };
  },
});

/** `certificate add`. The padding of base64 looks like an option, so all words are put together again. */
export const certificateAdd: Command = {
  ...add,
  run: (context, words, signal) => add.run(context, words.length === 0 ? [] : [{ value: joinWords(words) }], signal),
};

const joinWords = (words: readonly Word[]): string =>
  words.map(({ key, value }) => (key === undefined ? value : `${key}=${value}`)).join(" ");

function describeDoubts({ clock }: CommandContext, certificate: X509Certificate): readonly string[] {
  const { subject, notAfter } = factsOf(certificate);
  const isRoot = certificate.subject === certificate.issuer;
  return [
    ...(clock.now() > notAfter ? [`${subject} has expired.`] : []),
    ...(isRoot ? [] : [`${subject} is no root: it completes chains, and counts only where its root is trusted too.`]),
  ];
}

/** `certificate remove`. */
export const certificateRemove = defineCommand({
  name: "certificate remove",
  who: "admin",
  summary: "Removes an installed certificate: it is not trusted for new connections from then on.",
  arguments: z.strictObject({ id: certificateArgument }),
  positional: ["id"],
  examples: ["certificate remove 1a2b3c4d"],
  run: async (context, { id }) => {
    const { sha256, subject } = await findInstalled(context, id);
    await context.certificates.store.deleteInstalled(sha256);
    await recordChange(context, {
      action: "certificate.removed",
      subject: sha256.slice(0, 8),
      detail: `${subject}, SHA-256 ${sha256}`,
    });
    return { kind: "text", text: `Certificate ${sha256.slice(0, 8)} (${subject}) is removed.` };
  },
});
