import { nearest } from "../lib/nearest.ts";
import type { Command, Role } from "./command.ts";
import { commandError } from "./command-errors.ts";
import type { Word } from "./parse-command-line.ts";

/** A command and the words after its name. */
export interface FoundCommand {
  readonly command: Command;
  readonly words: readonly Word[];
}

/** The commands that somebody of the role may give. */
export const commandsFor = (role: Role, commands: readonly Command[]): readonly Command[] =>
  role === "admin" ? commands : commands.filter((command) => command.who === "user");

/**
 * The command that the first words name, in any case. Throws `command-forbidden` for one that the role may not give and
 * `command-unknown`, with the nearest that it may, for none.
 */
export function findCommand(role: Role, commands: readonly Command[], words: readonly Word[]): FoundCommand {
  const allowed = commandsFor(role, commands);
  for (const length of [3, 2, 1]) {
    const name = leadingWords(words, length);
    const command = commands.find((each) => each.name === name.join(" "));
    if (!command) continue;
    if (!allowed.includes(command)) {
      throw commandError(
        "command-forbidden",
        `“${command.name}” is for administrators. Send help for what you may use.`,
      );
    }
    return { command, words: words.slice(name.length) };
  }
  throw commandError("command-unknown", describeUnknownCommand(leadingWords(words, 2).join(" "), allowed));
}

/** The first words, which may name a command, up to an option, which may hold a secret. */
const leadingWords = (words: readonly Word[], length: number): readonly string[] => {
  const firstOption = words.slice(0, length).findIndex(({ key }) => key !== undefined);
  return words.slice(0, firstOption < 0 ? length : firstOption).map(({ value }) => plainWord(value));
};

/** East Asian keyboards write wide letters (`ＭＥ`). */
const plainWord = (word: string): string => word.normalize("NFKC").toLowerCase();

/** What to say of a name that is no command: the nearest, or those of its group, or where to look. Never the name itself. */
export function describeUnknownCommand(name: string, allowed: readonly Command[]): string {
  const names = allowed.map((command) => command.name);
  const [first = "", second] = name.split(" ");
  const groups = [...new Set(names.map((each) => each.split(" ")[0] ?? each))];
  const group = names.filter((each) => each.startsWith(`${first} `));
  const close = nearest(name, names) ?? (group.length === 0 ? nearest(first, groups) : undefined);
  if (close !== undefined) return `There is no such command. Did you mean: ${close}?`;
  if (group.length > 0) {
    const problem = second === undefined ? `“${first}” needs a word more` : `There is no such “${first}” command`;
    return `${problem}. There are: ${group.join(", ")}.`;
  }
  return "There is no such command. Send help for a list.";
}
