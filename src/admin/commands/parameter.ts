import { z } from "zod";
import {
  checkParameter,
  isParameterName,
  PARAMETERS,
  type ParameterDefinition,
  type ParameterName,
} from "../../ports/parameters.ts";
import { type CommandContext, type CommandResult, defineCommand } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { describeChoice, recordChange } from "../find-entities.ts";

const NAMES = Object.keys(PARAMETERS).filter(isParameterName);

/** `parameter list`. */
export const parameterList = defineCommand({
  name: "parameter list",
  who: "admin",
  summary: "Lists the service parameters: value, default, range and meaning.",
  arguments: z.strictObject({
    filter: z.string().optional().describe("Only parameters with this text in their name."),
  }),
  positional: ["filter"],
  takesRest: true,
  examples: ["parameter list", "parameter list exchange"],
  run: async ({ registry }, { filter = "" }) => {
    const stored = await registry.listParameters();
    return {
      kind: "table",
      columns: ["parameter", "value", "default and range", "meaning"],
      rows: NAMES.filter((name) => name.includes(plainName(filter))).map((name) => [
        name,
        effectiveValue(name, stored[name]),
        describeRange(PARAMETERS[name]),
        PARAMETERS[name].text,
      ]),
      empty: "No parameter has this in its name. See: parameter list",
    };
  },
});

/** Administrators know `Exchange Timeout` and `EXCHANGE_TIMEOUT` from elsewhere. */
const plainName = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replace(/[\s_]+/g, "-");

/** A stored value that is no longer allowed counts as the default, as for the engine. */
function effectiveValue(name: ParameterName, stored: string | undefined): string {
  const checked = stored === undefined ? undefined : checkParameter(name, stored);
  return checked && "value" in checked ? checked.value : String(PARAMETERS[name].default);
}

function describeRange(definition: ParameterDefinition): string {
  switch (definition.kind) {
    case "integer":
      return `${definition.default}, ${definition.min} to ${definition.max} ${definition.unit}`;
    case "choice":
      return `${definition.default}, one of: ${definition.choices.join(" ")}`;
    case "zone":
      return `${definition.default}, a time zone such as Europe/Berlin`;
  }
}

/** `parameter set`. */
export const parameterSet = defineCommand({
  name: "parameter set",
  who: "admin",
  summary: "Sets a service parameter, or its default. Takes effect at once.",
  form: "<name> <value>|default",
  arguments: z.strictObject({
    name: z
      .string()
      .optional()
      .describe("The parameter's name (in any case; spaces count as hyphens), then its value or default."),
    others: z.record(z.string(), z.string()).describe("<name>=<value> in place of both."),
  }),
  positional: ["name"],
  takesRest: true,
  examples: ["parameter set exchange-timeout 5", "parameter set Calendar Spread default"],
  run: async (context, { name: setting, others }) => {
    const pairs = Object.entries(others).map((pair) => pair.join(" "));
    const [given, ...more] = [...(setting === undefined ? [] : [setting]), ...pairs];
    if (given === undefined || more.length > 0) {
      throw commandError("command-arguments", "Name one parameter and its value: parameter set <name> <value>|default");
    }
    const [name, value] = readSetting(given);
    if (value.trim().toLowerCase() === "default") return replaceParameter(context, name, undefined);
    const checked = checkParameter(name, value);
    if ("problem" in checked) throw commandError("command-arguments", `${checked.problem}.`);
    return replaceParameter(context, name, checked.value);
  },
});

/** The last word is the value, which may be empty (`""`); all before it is the name. */
function readSetting(setting: string): readonly [ParameterName, string] {
  const [, before = setting, value] = /^(.*)\s(\S*)$/s.exec(setting) ?? [];
  const name = plainName(before);
  const whole = plainName(setting);
  if (isParameterName(name) && value !== undefined) return [name, value];
  if (isParameterName(whole)) throw commandError("command-arguments", `The value of ${whole} is missing.`);
  throw commandError(
    "command-not-found",
    `There is no parameter named ${JSON.stringify(name)}${describeChoice(name, NAMES)}`,
  );
}

async function replaceParameter(
  context: CommandContext,
  name: ParameterName,
  value: string | undefined,
): Promise<CommandResult> {
  const before = effectiveValue(name, (await context.registry.listParameters())[name]);
  const after = value ?? String(PARAMETERS[name].default);
  await context.registry.replaceParameter(name, value);
  await recordChange(context, { action: "parameter.changed", subject: name, detail: `${before} to ${after}` });
  return {
    kind: "text",
    text: `${name} is ${after} now${value === undefined ? " (the default)" : ""}; it was ${before}.`,
  };
}
