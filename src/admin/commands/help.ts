import { z } from "zod";
import { type Actor, type Command, type CommandContext, type CommandResult, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { describeOptions } from "../describe-schema.ts";
import { commandsFor, describeUnknownCommand } from "../find-command.ts";

/** `help`. */
export const help = defineCommand({
  name: "help",
  who: "user",
  summary: "Lists the commands you may use, or explains one.",
  arguments: z.strictObject({
    command: z.string().trim().toLowerCase().optional().describe("The command to explain, or its first word."),
  }),
  positional: ["command"],
  takesRest: true,
  examples: ["help", "help gateway add"],
  run: async (context, args) => (args.command ? explain(context, args.command) : list(context)),
});

const list = ({ commands, actor }: CommandContext): CommandResult => ({
  kind: "lines",
  title: introduce(actor),
  lines: commandsFor(actor.role, commands).map(({ usage, summary }) => `${usage} — ${summary}`),
});

const introduce = ({ role }: Actor): string =>
  role === "admin"
    ? "Commands (help <command> explains one; values with spaces are quoted):"
    : "This gateway shows “In a meeting” from your calendar. Commands:";

function explain({ commands, actor, calendarTypes }: CommandContext, wanted: string): CommandResult {
  const allowed = commandsFor(actor.role, commands);
  const name = wanted.replace(/\s+/g, " ");
  const exact = allowed.find((command) => command.name === name);
  if (exact) return explainOne(exact, calendarTypes);
  const group = allowed.filter((command) => command.name.startsWith(`${name} `));
  if (group.length === 0) throw commandError("command-unknown", describeUnknownCommand(name, allowed));
  return { kind: "lines", lines: group.map(({ usage, summary }) => `${usage} — ${summary}`) };
}

const explainOne = (command: Command, calendarTypes: CommandContext["calendarTypes"]): CommandResult => ({
  kind: "lines",
  title: command.summary,
  lines: [
    `Usage: ${command.usage}`,
    ...command.arguments.map(({ name, text, isRequired }) => `${name}${isRequired ? "" : " (optional)"}: ${text}`),
    ...(command.name.startsWith("gateway ") && command.arguments.some(({ name }) => name === "option")
      ? calendarTypes.flatMap(explainType)
      : []),
    ...command.examples.map((example) => `Example: ${example}`),
  ],
});

const explainType = (type: CommandContext["calendarTypes"][number]): readonly string[] =>
  describeOptions(type).map((option) => `type ${type.name}: ${option}`);
