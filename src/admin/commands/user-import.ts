import { z } from "zod";
import { encodeCsv } from "../../lib/csv.ts";
import { hours, plus } from "../../lib/time.ts";
import type { UserImport } from "../../ports/user-imports.ts";
import { countArgument } from "../argument-schemas.ts";
import { type Actor, type CommandContext, type CommandResult, defineCommand, type SettledResult } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { recordChange } from "../find-entities.ts";
import { formatDate, formatMoment } from "../format-moment.ts";
import { applyImport } from "../import/apply-import.ts";
import { IMPORT_COLUMNS } from "../import/read-import.ts";
import { describeCounts, type ImportReport, walkImport } from "../import/walk-import.ts";
import { parseMoment } from "../parse-moment.ts";

const LONGEST_WAIT = hours(24 * 366);
const NO_TEXT =
  "There is no list. By chat, paste the rows below the command, the header row first; files are read by: presence-gateway command user import <file>, and - is the standard input.";

const id = countArgument(999_999).describe("The number that user import gave the list.");

/** `user import`. */
export const userImport = defineCommand({
  name: "user import",
  who: "admin",
  isPerDomain: true,
  summary:
    "Reads a list of users (CSV) and says what it would change; nothing is changed before user import apply. user import sample shows the columns.",
  form: "[<file>]",
  arguments: z.strictObject({
    file: z
      .string()
      .optional()
      .describe(
        "On the command line: the file, or - for the standard input. By chat, the rows stand below the command.",
      ),
  }),
  positional: ["file"],
  takesRest: true,
  takesText: true,
  examples: ["user import", "user import users.csv", "user import -"],
  run: async (context, _args, signal): Promise<CommandResult> => {
    const { text } = context;
    if (text === undefined || text.trim() === "") throw commandError("import-invalid", NO_TEXT);
    return { kind: "progress", lines: checkList(context, text, signal) };
  },
});

async function* checkList(
  context: CommandContext,
  text: string,
  signal: AbortSignal,
): AsyncGenerator<string, SettledResult, undefined> {
  const report = yield* walkImport(context, text, { kind: "check" }, signal);
  const { counts } = report;
  const hasFailed = counts.wrong > 0;
  const title = `${describeCounts(report)}.`;
  if (counts.new + counts.changed === 0)
    return { kind: "lines", title, lines: [...describeFindings(report), "There is nothing to apply."], hasFailed };
  const number = await context.imports.keep({
    text,
    summary: describeCounts(report),
    readAt: context.clock.now(),
    readBy: context.actor.name,
  });
  const wrong = hasFailed ? " Wrong rows are left out." : "";
  const next = `Nothing is changed yet. To apply it: user import apply ${number}, or user import apply ${number} at 22:00${wrong === "" ? "" : "."}${wrong}`;
  return { kind: "lines", title, lines: [...describeFindings(report), next], hasFailed };
}

function describeFindings({ problems, moreProblems, warnings, moreWarnings }: ImportReport): readonly string[] {
  return [
    ...problems.map((problem) => `Wrong: ${problem}`),
    ...(moreProblems > 0 ? [`… and ${moreProblems} more wrong rows.`] : []),
    ...warnings.map((warning) => `Warning: ${warning}`),
    ...(moreWarnings > 0 ? [`… and ${moreWarnings} more warnings.`] : []),
  ];
}

const SAMPLE = [
  [...IMPORT_COLUMNS],
  ["alice@example.com", "alice@example.com", "hq", "en", "sip:alice@example.com", "yes"],
  ["bob@example.com", "bob.b@example.com", "hq", "auto", "", "yes"],
  ["carol@example.com", "", "", "", "none", "no"],
];

/** `user import sample`. */
export const userImportSample = defineCommand({
  name: "user import sample",
  who: "admin",
  isPerDomain: true,
  summary:
    "Shows a list as user import reads it. Only jid is needed; what is empty or has no column stays, or is found as by user enable. In place of enabled there may be both presence and meeting_information.",
  arguments: z.strictObject({}),
  examples: ["user import sample"],
  run: async () => ({ kind: "lines", lines: SAMPLE.map(encodeCsv) }),
});

/** `user import apply`. */
export const userImportApply = defineCommand({
  name: "user import apply",
  who: "admin",
  isPerDomain: true,
  summary:
    "Applies a list that user import has read, now or later; a time that has come while the gateway was stopped counts at its start.",
  form: "<id> [at <time>]",
  arguments: z.strictObject({
    id,
    at: z
      .string()
      .transform((text) => text.replace(/^\s*at\b/i, "").trim())
      .optional()
      .describe("When, in UTC: 22:00, 2026-11-22 22:00, or in 2h."),
  }),
  positional: ["id", "at"],
  takesRest: true,
  examples: ["user import apply 7", "user import apply 7 at 22:00", "user import apply 7 at 2026-11-22 22:00"],
  run: async (context, { id: number, at }, signal) => {
    const list = await findList(context, number);
    if (at !== undefined) return schedule(context, number, at);
    return { kind: "progress", lines: applyNow(context, list, signal) };
  },
});

/** An administrator of one domain has to do with the lists of no other. */
const isOwnList = ({ domains, name }: Actor, { readBy }: UserImport): boolean => !domains || readBy === name;

async function findList(
  { imports, actor }: CommandContext,
  number: number,
): Promise<UserImport & { readonly text: string }> {
  const list = await imports.find(number);
  if (!list || !isOwnList(actor, list))
    throw commandError("command-not-found", `There is no import ${number}; see: user import list`);
  if (!list.applied) return list;
  throw commandError(
    "command-not-possible",
    `Import ${number} was applied at ${formatDate(list.applied.at)} (${list.applied.outcome}); its rows are kept no longer. To apply them again, read the list again.`,
  );
}

async function* applyNow(
  context: CommandContext,
  list: UserImport & { readonly text: string },
  signal: AbortSignal,
): AsyncGenerator<string, SettledResult, undefined> {
  const report = yield* applyImport(context, list, signal);
  return {
    kind: "lines",
    title: `Import ${list.id} is applied. ${describeCounts(report)}.`,
    lines: describeFindings(report),
    hasFailed: report.counts.wrong > 0,
  };
}

async function schedule(context: CommandContext, number: number, text: string): Promise<SettledResult> {
  const { clock, imports, actor, live } = context;
  const now = clock.now();
  const at = parseMoment(text, now, "future");
  if (at === undefined || at > plus(now, LONGEST_WAIT))
    throw commandError(
      "command-arguments",
      "at must be a time to come, in UTC: 22:00, 2026-11-22 22:00 or in 2h, at most 366 days away.",
    );
  await imports.schedule(number, { at, by: actor.name });
  const detail = `due at ${formatDate(at)}`;
  await recordChange(context, { action: "import.scheduled", subject: `import ${number}`, detail });
  return {
    kind: "text",
    text: `Import ${number} will be applied at ${formatMoment(at, now)}. To take that back: user import cancel ${number}`,
    warnings: live ? [] : ["The gateway is not running: whatever is due is applied when it starts."],
  };
}

/** `user import list`. */
export const userImportList = defineCommand({
  name: "user import list",
  who: "admin",
  isPerDomain: true,
  summary: "Lists what user import has read, newest first: what it would change, and whether and when it is applied.",
  arguments: z.strictObject({}),
  examples: ["user import list"],
  run: async ({ imports, actor }) => ({
    kind: "table",
    columns: ["id", "read", "by", "found", "applied"],
    rows: (await imports.list()).filter((list) => isOwnList(actor, list)).map(describeList),
    empty: "No list of users was read. Use: user import",
  }),
});

const describeList = (list: UserImport): readonly string[] => [
  String(list.id),
  formatDate(list.readAt),
  list.readBy,
  list.summary,
  describeState(list),
];

function describeState({ due, applied }: UserImport): string {
  if (applied) return `${formatDate(applied.at)}: ${applied.outcome}`;
  return due ? `due at ${formatDate(due.at)}, for ${due.by}` : "not yet";
}

/** `user import cancel`. */
export const userImportCancel = defineCommand({
  name: "user import cancel",
  who: "admin",
  isPerDomain: true,
  summary: "Forgets a list that was read, and that it is to be applied later.",
  arguments: z.strictObject({ id }),
  positional: ["id"],
  examples: ["user import cancel 7"],
  run: async (context, { id: number }) => {
    await findList(context, number);
    await context.imports.delete(number);
    await recordChange(context, { action: "import.cancelled", subject: `import ${number}` });
    return { kind: "text", text: `Import ${number} is forgotten; from now on nothing of it is applied.` };
  },
});
