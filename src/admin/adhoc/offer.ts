import type { Command, CommandContext } from "../command.ts";
import { commandsFor } from "../find-command.ts";
import { SUMMARIES, sayForm } from "../own-command.ts";
import type { Speech } from "../speech.ts";
import type { AdhocCommand } from "./adhoc-command.ts";
import { ADMIN_NODES } from "./admin-nodes.ts";
import type { Conductor } from "./conduct-command.ts";
import { toAdhocCommand } from "./form-commands.ts";

/** The commands that somebody may use, those of users in the user's language. */
export function offerTo({ actor, commands }: CommandContext, speech: Speech): readonly AdhocCommand[] {
  const own = commandsFor(actor.role, commands).map((command) => toAdhocCommand(inLanguage(command, speech)));
  return actor.role === "admin" && actor.domains === undefined ? [...own, ...ADMIN_NODES] : own;
}

/** Arguments have no texts in other languages than English: the form of chat and the examples say it. */
function inLanguage(command: Command, speech: Speech): Command {
  const key = SUMMARIES[command.name];
  if (!key) return command;
  const summary = speech.say(key, {});
  if (speech.language === "en") return { ...command, summary };
  const plain = command.arguments.map((argument) => ({ ...argument, text: "" }));
  return { ...command, summary, arguments: plain, hints: sayForm(command, speech) };
}

/** What is said of a form that came back: to users in their language, where the particulars have none. */
export function describeForm(
  { who, node }: AdhocCommand,
  speech: Speech,
): Pick<Conductor, "describeProblems" | "describeRefusal"> {
  if (who !== "user" || speech.language === "en") {
    return {
      describeProblems: (problems) => `${problems.join("; ")}.`,
      describeRefusal: (problem) => `Not done: ${problem}`,
    };
  }
  return {
    describeProblems: () => speech.say("notUnderstood", { command: `help ${node}` }),
    describeRefusal: (problem) => problem,
  };
}
