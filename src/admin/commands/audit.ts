import { z } from "zod";
import type { Instant } from "../../lib/time.ts";
import { countArgument } from "../argument-schemas.ts";
import { defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { formatDate } from "../format-moment.ts";
import { parseMoment } from "../parse-moment.ts";

const MOST_LINES = 500;
const USUAL_LINES = 20;

/** `audit`. */
export const audit = defineCommand({
  name: "audit",
  who: "admin",
  summary: "Shows the newest lines of the audit: who changed what, and who was refused.",
  arguments: z.strictObject({
    subject: z.string().trim().optional().describe("Only lines about this JID, gateway or parameter."),
    since: z
      .string()
      .transform((text) => text.replace(/^\s*since\b/i, "").trim())
      .optional()
      .describe("Only lines from this moment on, in UTC: 2h, 3 days ago, 09:00, 2026-11-22 or 2026-11-22 09:00."),
    limit: countArgument(MOST_LINES)
      .optional()
      .describe(`Most lines to show; ${USUAL_LINES} if not given, ${MOST_LINES} with since.`),
  }),
  positional: ["subject", "since"],
  takesRest: true,
  examples: ["audit", "audit alice@example.com 2h", "audit alice@example.com since 2026-11-22", "audit limit=50"],
  run: async ({ registry, clock }, args) => {
    const { subject, limit = args.since === undefined ? USUAL_LINES : MOST_LINES } = args;
    const since = args.since === undefined ? undefined : parseSince(args.since, clock.now());
    // One line more than is shown tells whether there are more.
    const exact = await registry.listAudit(limit + 1, subject);
    // Subjects are kept in lower case, but for language tags.
    const found = exact.length > 0 ? exact : await registry.listAudit(limit + 1, subject?.toLowerCase());
    const recent = since === undefined ? found : found.filter(({ at }) => at >= since);
    const lines = recent.slice(0, limit);
    return {
      kind: "table",
      columns: ["when", "who", "what", "about", "detail"],
      rows: lines.map((line) => [formatDate(line.at), line.actor, line.action, line.subject, line.detail]),
      empty: describeNothing(subject, since),
      warnings: since !== undefined && recent.length > limit ? [`There are more: these are the newest ${limit}.`] : [],
    };
  },
});

function parseSince(text: string, now: Instant): Instant {
  const since = parseMoment(text, now, "past");
  if (since !== undefined) return since;
  throw commandError(
    "command-arguments",
    "since must be a moment that is past, in UTC: 2h, 3 days ago, 09:00, 2026-11-22 or 2026-11-22 09:00.",
  );
}

function describeNothing(subject: string | undefined, since: Instant | undefined): string {
  const time = since === undefined ? "" : ` since ${formatDate(since)}`;
  return subject === undefined ? `The audit is empty${time}.` : `The audit has nothing about ${subject}${time}.`;
}
