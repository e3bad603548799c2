import { isParameterName, PARAMETERS, type ParameterDefinition } from "../../ports/parameters.ts";
import { presentityArgument } from "../argument-schemas.ts";
import { isOwnDomain } from "../authorization.ts";
import type { Command } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownGateway, findKnownUser } from "../find-entities.ts";
import { findCalendarType } from "../gateway-options.ts";
import type { Word } from "../parse-command-line.ts";
import { runCommand } from "../run-command-line.ts";
import type { AdhocCommand, MakeStep } from "./adhoc-command.ts";
import { fieldOfArgument, fieldOfOption } from "./argument-fields.ts";
import type { Answers, FormField, FormStep } from "./form.ts";

/** The node of a command's name: its words with hyphens between. */
const nodeOf = (name: string): string => name.replaceAll(" ", "-");

/** A command of chat as ad-hoc command: what chat reads as words is asked by forms. */
export const toAdhocCommand = (command: Command): AdhocCommand => ({
  node: nodeOf(command.name),
  name: `${command.name}: ${firstClause(command.summary)}`,
  who: command.who,
  steps: stepsOf(command),
  run: (context, entered, signal) =>
    command.takesText
      ? runCommand({ ...context, text: entered.get(TEXT) ?? "" }, { command, words: [] }, signal)
      : runCommand(context, { command, words: toWords(command, entered) }, signal),
});

/** What stands below a command in chat; what chat reads of the arguments of such a command names files elsewhere. */
const TEXT = "text";
const askText =
  (command: Command): MakeStep =>
  async () =>
    describeStep(command, [
      { name: TEXT, kind: "text-multi", label: "The rows, with the header row", isRequired: true },
    ]);

/** Clients show the name in a list of one line each. */
const firstClause = (summary: string): string => summary.split(/[.:;](?:\s|$)/, 1).join("");

/**
 * The words that chat would have given. Positional arguments stand without their names as far as they are all given,
 * since a command may read its first word as it is (`certificate add`).
 */
function toWords({ name: command, positional: places = [] }: Command, entered: Answers): readonly Word[] {
  if (command === "parameter set") return [entered.get("name"), entered.get("value")].map((value = "") => ({ value }));
  const gap = places.findIndex((name) => !entered.has(name));
  const leading = gap < 0 ? places : places.slice(0, gap);
  const free = leading.map((name) => ({ value: entered.get(name) ?? "" }));
  const named = [...entered].filter(([name]) => !leading.includes(name)).map(([key, value]) => ({ key, value }));
  return [...free, ...named];
}

function stepsOf(command: Command): readonly MakeStep[] {
  switch (command.name) {
    case "gateway add":
      return [askAll(command), askOptionsOfNew(command)];
    case "gateway set":
      return [ask(command, ["name"]), askOptionsOfKnown(command)];
    case "user set":
      return [ask(command, ["jid"]), askUser(command)];
    case "parameter set":
      return [askParameter(command), askValue(command)];
    default:
      if (command.takesText) return [askText(command)];
      return command.arguments.length === 0 ? [] : [askAll(command)];
  }
}

/** The form of every argument but the options that are not known yet. */
const askAll = (command: Command): MakeStep =>
  ask(
    command,
    command.arguments.map(({ name }) => name).filter((name) => name !== "option"),
  );

/** The form of these arguments; `configured`: what each is now. */
const ask =
  (
    command: Command,
    names: readonly string[],
    configured: Readonly<Record<string, string | undefined>> = {},
  ): MakeStep =>
  async (context) => {
    const wanted = command.arguments.filter(({ name }) => names.includes(name));
    const fields = await Promise.all(wanted.map((argument) => fieldOfArgument(context, command, argument)));
    return describeStep(
      command,
      fields.map((field) => preset(field, configured[field.name])),
    );
  };

/** What is configured may be no choice any more, such as a gateway that is gone. */
function preset(field: FormField, value: string | undefined): FormField {
  if (value === undefined) return field;
  const isKnown = field.choices?.some((choice) => choice.value === value) ?? true;
  const choices = isKnown ? field.choices : [...(field.choices ?? []), { value, label: value }];
  return { ...field, value, ...(choices && { choices }) };
}

const describeStep = (command: Command, fields: readonly FormField[], remark?: string): FormStep => ({
  title: command.name,
  instructions: [command.summary, ...(command.hints ?? []), ...(remark === undefined ? [] : [remark])],
  fields,
});

/** XEP-0050 3.2: what is asked second depends on what was answered first. */
const askOptionsOfNew =
  (command: Command): MakeStep =>
  async (context, entered) => {
    const like = entered.get("like");
    const model = like === undefined ? undefined : await findKnownGateway(context.registry, like);
    const type = entered.get("type") ?? model?.type;
    if (type === undefined)
      throw commandError("command-arguments", "Choose a type, or a gateway that it shall be like.");
    const definition = findCalendarType(context, type);
    const names = Object.keys(definition.options.shape);
    const fields = names.map((name) => fieldOfOption(definition, name, model !== undefined));
    const remark = model && `What is left empty is taken from ${model.name}.`;
    return describeStep(command, fields, remark);
  };

const askOptionsOfKnown =
  (command: Command): MakeStep =>
  async (context, entered) => {
    const server = await findKnownGateway(context.registry, entered.get("name") ?? "");
    const definition = findCalendarType(context, server.type);
    const names = command.arguments.map(({ name }) => name).filter((name) => name !== "name" && name !== "option");
    const place = await ask(command, names, {
      enabled: server.isEnabled ? "yes" : "no",
      description: server.description,
      pool: server.pool,
      weight: server.weight?.toString(),
      successor: server.successor,
      retired: server.retired ? "yes" : "no",
    })(context, entered);
    const options = Object.keys(definition.options.shape).map((name) =>
      preset(fieldOfOption(definition, name, true), server.options[name]),
    );
    return describeStep(
      command,
      [...place.fields, ...options],
      `${server.name}: what is left as it is does not change; what is emptied is taken away; a secret that is left empty stays.`,
    );
  };

const askUser =
  (command: Command): MakeStep =>
  async (context, entered) => {
    const jid = presentityArgument.safeParse(entered.get("jid"));
    if (!jid.success) throw commandError("command-arguments", `jid: ${jid.error.issues[0]?.message ?? "is not valid"}`);
    // The form shows what is configured: nothing of users of other domains to an administrator of one.
    if (!isOwnDomain(context.actor, jid.data))
      throw commandError("command-forbidden", "This user is of another domain.");
    const user = await findKnownUser(context.registry, jid.data);
    const names = command.arguments.map(({ name }) => name).filter((name) => name !== "jid");
    return ask(command, names, {
      mailbox: user.mailbox,
      gateway: user.gateway,
      locale: user.localeFrom === undefined ? user.locale : "auto",
      sip: user.sip,
    })(context, entered);
  };

const askParameter =
  (command: Command): MakeStep =>
  async () => {
    const choices = Object.entries<ParameterDefinition>(PARAMETERS).map(([name]) => ({ value: name, label: name }));
    const field = {
      name: "name",
      kind: "list-single",
      label: "name: The parameter",
      isRequired: true,
      choices,
    } as const;
    return describeStep(command, [field]);
  };

const askValue =
  (command: Command): MakeStep =>
  async ({ registry }, entered) => {
    const name = entered.get("name") ?? "";
    if (!isParameterName(name)) throw commandError("command-not-found", "There is no such parameter.");
    const definition: ParameterDefinition = PARAMETERS[name];
    const value = (await registry.listParameters())[name] ?? String(definition.default);
    const field = { name: "value", label: `${name}: its value`, isRequired: true };
    const remark = `${definition.text} It is ${value} now. Default ${definition.default}`;
    if ("choices" in definition) {
      const choices = definition.choices.map((each) => ({ value: each, label: each }));
      return describeStep(command, [{ ...field, kind: "list-single", choices }], `${remark}.`);
    }
    const range = "min" in definition ? `, range ${definition.min} to ${definition.max} ${definition.unit}` : "";
    return describeStep(command, [{ ...field, kind: "text-single" }], `${remark}${range}.`);
  };
