import { SETTABLE_SHOWS } from "../../core/compose.ts";
import { poolOf } from "../../core/server-pool.ts";
import type { PluginDefinition } from "../../ports/plugin-definition.ts";
import type { ArgumentText, Command, CommandContext } from "../command.ts";
import { describeSchema, isRequired as isNeeded } from "../describe-schema.ts";
import { choicesOf } from "../schema-choices.ts";
import type { FieldKind, FormField } from "./form.ts";

/** A list that is longer than this is typed faster than it is searched. */
const MOST_CHOICES = 200;
/** What explains a field in its own label may be this long. */
const LONGEST_LABEL = 60;
/** Arguments that are pasted. */
const LONG_TEXTS: readonly string[] = ["certificate add text"];

/** The field that asks for a command's argument, with what there is to choose from just now. */
export async function fieldOfArgument(
  context: CommandContext,
  command: Command,
  argument: ArgumentText,
): Promise<FormField> {
  const { name, text, isRequired, choices } = argument;
  if (isYesOrNo(choices)) return { ...describeField(name, text), kind: "boolean", isRequired: false };
  if (command.name === "set" && name === "state")
    return { ...describeField(name, ""), isRequired: true, ...chooseKind(SETTABLE_SHOWS, "text-single") };
  const words = choices.length > 0 ? choices : await wordsFor(context, command.name, name);
  return { ...describeField(name, text), isRequired, ...chooseKind(words, kindOf(command, name)) };
}

/** The field that asks for an option of a calendar server's type; `isKnown`: it may be left out all the same. */
export function fieldOfOption(type: PluginDefinition<"calendar">, name: string, isKnown: boolean): FormField {
  const schema = type.options.shape[name];
  const secretNames: readonly string[] = type.secrets;
  const text = schema === undefined ? "" : describeSchema(schema);
  const isRequired = schema !== undefined && !isKnown && isNeeded(schema);
  if (secretNames.includes(name)) {
    const secret = `${text.replace(/\.$/, "")}${text === "" ? "" : ". "}@file or $VARIABLE names a stored one.`;
    return { ...describeField(name, secret), kind: "text-private", isRequired };
  }
  const words = schema === undefined ? [] : choicesOf(schema);
  return { ...describeField(name, text), isRequired, ...chooseKind(words, "text-single") };
}

/** The names that an argument may have, where the gateway knows them all. */
async function wordsFor({ registry, calendarTypes }: CommandContext, command: string, argument: string) {
  if (argument === "type") return calendarTypes.map((type) => type.name);
  const isGateway = argument === "like" || (argument === "name" && /^gateway (?!add$)/.test(command));
  if (!isGateway && argument !== "gateway") return [];
  const servers = await registry.listCalendarServers();
  const names = [...new Set(servers.map((server) => (isGateway ? server.name : poolOf(server))))];
  return command === "gateway test" && names.length > 0 ? ["all", ...names] : names;
}

const isYesOrNo = (choices: readonly string[]): boolean => choices.join(" ") === "yes no";

function kindOf({ name: command }: Command, argument: string): FieldKind {
  if (argument === "jid") return "jid-single";
  return LONG_TEXTS.includes(`${command} ${argument}`) ? "text-multi" : "text-single";
}

/** A list where there is one, else the other kind. No choice is empty: Profanity 0.13 ends when one is. */
function chooseKind(words: readonly string[], kind: FieldKind) {
  if (words.length === 0 || words.length > MOST_CHOICES) return { kind };
  return { kind: "list-single", choices: words.map((value) => ({ value, label: value })) } as const;
}

function describeField(name: string, text: string): Pick<FormField, "label" | "name" | "text"> {
  const plain = text.replace(/\.$/, "");
  if (plain === "") return { name, label: name };
  return plain.length <= LONGEST_LABEL ? { name, label: `${name}: ${plain}` } : { name, label: name, text };
}
