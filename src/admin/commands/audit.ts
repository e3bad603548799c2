import { z } from "zod";
import { countArgument } from "../argument-schemas.ts";
import { defineCommand } from "../command.ts";
import { formatDate } from "../format-moment.ts";

/** `audit`. */
export const audit = defineCommand({
  name: "audit",
  who: "admin",
  summary: "Shows the newest lines of the audit: who changed what, and who was refused.",
  arguments: z.strictObject({
    subject: z.string().trim().optional().describe("Only lines about this JID, gateway or parameter."),
    limit: countArgument(500).optional().describe("Most lines to show; 20 if not given."),
  }),
  positional: ["subject"],
  examples: ["audit", "audit alice@example.com limit=50"],
  run: async ({ registry }, { subject, limit = 20 }) => {
    const exact = await registry.listAudit(limit, subject);
    // Subjects are kept in lower case, but for language tags.
    const lines = exact.length > 0 ? exact : await registry.listAudit(limit, subject?.toLowerCase());
    return {
      kind: "table",
      columns: ["when", "who", "what", "about", "detail"],
      rows: lines.map((line) => [formatDate(line.at), line.actor, line.action, line.subject, line.detail]),
      empty: subject === undefined ? "The audit is empty." : `The audit has nothing about ${subject}.`,
    };
  },
});
