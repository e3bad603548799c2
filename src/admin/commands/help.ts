import { z } from "zod";
import { type Command, type CommandContext, type CommandResult, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { describeOptions } from "../describe-schema.ts";
import { commandsFor, describeUnknownCommand } from "../find-command.ts";
import type { SummaryKey } from "../languages/chat-texts.ts";
import { EN } from "../languages/en.ts";
import { plainUsage, SUMMARIES, sayForm } from "../own-command.ts";
import { type Speech, speechTo } from "../speech.ts";

/** `help`. */
export const help = defineCommand({
  name: "help",
  who: "user",
  summary: EN.doesHelp,
  arguments: z.strictObject({
    command: z.string().trim().toLowerCase().optional().describe("The command to explain, or its first word."),
  }),
  positional: ["command"],
  takesRest: true,
  examples: ["help", "help gateway add"],
  run: async (context, args) => {
    const { actor, registry } = context;
    const speech = actor.presentity && (await speechTo(registry, actor.presentity));
    return args.command ? explain(context, args.command, speech) : list(context, speech);
  },
});

const ADMIN_TITLE = "Commands (help <command> explains one; values with spaces are quoted):";

const list = ({ commands, actor }: CommandContext, speech: Speech | undefined): CommandResult => ({
  kind: "lines",
  title: actor.role === "user" && speech ? speech.say("helpTitle", {}) : ADMIN_TITLE,
  lines: commandsFor(actor.role, commands).map((command) => summarize(command, speech)),
});

/** Commands of administrators are explained in English. */
function summarize({ name, usage, summary }: Command, speech: Speech | undefined): string {
  const key = SUMMARIES[name];
  if (!key || !speech) return `${usage} — ${summary}`;
  return `${speech.embed(plainUsage({ usage }, speech))} — ${speech.say(key, {})}`;
}

function explain(
  { commands, actor, calendarTypes }: CommandContext,
  wanted: string,
  speech: Speech | undefined,
): CommandResult {
  const allowed = commandsFor(actor.role, commands);
  const name = wanted.replace(/\s+/g, " ");
  const exact = allowed.find((command) => command.name === name);
  const key = exact && SUMMARIES[exact.name];
  if (key && speech && speech.language !== "en") return explainOwn(exact, key, speech);
  if (exact) return explainOne(exact, calendarTypes);
  const group = allowed.filter((command) => command.name.startsWith(`${name} `));
  if (group.length === 0) throw commandError("command-unknown", describeUnknownCommand(name, allowed));
  return { kind: "lines", lines: group.map((command) => summarize(command, speech)) };
}

/** Arguments have no texts in other languages: the form and the examples say it. */
const explainOwn = (command: Command, key: SummaryKey, speech: Speech): CommandResult => ({
  kind: "lines",
  title: speech.say(key, {}),
  lines: sayForm(command, speech),
});

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
