import type { PluginDefinition } from "../ports/plugin-definition.ts";
import type { CalendarServer } from "../ports/registry.ts";
import { describeUnknownKey, findKey } from "./bind-arguments.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";
import { describeChoice } from "./find-entities.ts";
import { findSecret } from "./secret-lookup.ts";

/** The options of a calendar server, plain and secret ones apart. */
export interface GatewayOptions {
  readonly options: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** Checked options, ready to be stored. */
export interface CheckedOptions extends GatewayOptions {
  /** Secrets as `Registry.replaceCalendarServer` takes them: only those that change. */
  readonly changedSecrets: Readonly<Record<string, string | undefined>>;
  readonly warnings: readonly string[];
  /** What was given, for the audit: secrets as `***`. */
  readonly audit: string;
}

const CLEAR_SECRET =
  "The password came in clear text: your server may archive this message. Next time give it as password=@file or password=$VARIABLE.";

/** The plugin of a type, or `command-arguments` with the nearest type. */
export function findCalendarType(context: CommandContext, type: string): PluginDefinition<"calendar"> {
  const wanted = type.trim().toLowerCase();
  const found = context.calendarTypes.find((each) => each.name === wanted);
  if (found) return found;
  const names = context.calendarTypes.map((each) => each.name);
  throw commandError("command-arguments", `type: there is no such type of gateway${describeChoice(wanted, names)}`);
}

/**
 * The options `given` by a command laid over those that are set, checked by the plugin's schema as one. An empty value
 * takes an option away. Throws `command-arguments` with all problems at once, never with a secret.
 */
export async function checkGatewayOptions(
  context: CommandContext,
  definition: PluginDefinition<"calendar">,
  set: GatewayOptions,
  given: Readonly<Record<string, string>>,
): Promise<CheckedOptions> {
  const change = await readGiven(context, definition, given);
  const merged = { options: withChange(set.options, change.options), secrets: withChange(set.secrets, change.secrets) };
  const problems = [...change.problems, ...checkAll(definition, merged, change.faulty)];
  if (problems.length > 0) throw commandError("command-arguments", `${problems.join("; ")}.`);
  return {
    ...merged,
    changedSecrets: change.secrets,
    warnings: change.hasClearSecret ? [CLEAR_SECRET] : [],
    audit: [...describeOptions(change.options), ...Object.keys(change.secrets).map((key) => `${key}=***`)].join(" "),
  };
}

/** `key=value` of each option; a removed one has no value. */
const describeOptions = (options: Readonly<Record<string, string | undefined>>): string[] =>
  Object.entries(options).map(([key, value]) => `${key}=${value ?? ""}`);

interface Given {
  readonly options: Record<string, string | undefined>;
  readonly secrets: Record<string, string | undefined>;
  readonly problems: string[];
  /** Options with a problem of their own, so that the schema need not complain of them again. */
  readonly faulty: Set<string>;
  hasClearSecret: boolean;
}

async function readGiven(
  context: CommandContext,
  definition: PluginDefinition<"calendar">,
  given: Readonly<Record<string, string>>,
): Promise<Given> {
  const known = Object.keys(definition.options.shape);
  const secretNames: readonly string[] = definition.secrets;
  const result: Given = { options: {}, secrets: {}, problems: [], faulty: new Set(), hasClearSecret: false };
  for (const [key, value] of Object.entries(given)) {
    const name = findKey(key, known);
    if (name === undefined) result.problems.push(describeUnknownKey(key, known));
    else if (secretNames.includes(name)) await readSecret(context, name, value, result);
    else readOption(name, value, result);
  }
  return result;
}

function readOption(name: string, value: string, result: Given): void {
  if (hasCredentials(value)) {
    result.faulty.add(name);
    result.problems.push(
      `${name}: an address here must not hold a user name or password; give them as options of their own`,
    );
  } else result.options[name] = value === "" ? undefined : value;
}

/** Options are shown and audited: what stands before an `@` in a URL would be too. */
const hasCredentials = (value: string): boolean => /^https?:[\\/]*[^\\/?#]*@/i.test(value.trim());

async function readSecret(context: CommandContext, name: string, value: string, result: Given): Promise<void> {
  if (value === "") {
    result.secrets[name] = undefined;
    return;
  }
  try {
    const found = await findSecret(context.secrets, name, value);
    result.secrets[name] = found.value;
    result.hasClearSecret ||= found.isClear;
  } catch (error) {
    result.faulty.add(name);
    result.problems.push(error instanceof Error ? error.message.replace(/\.$/, "") : name);
  }
}

const withChange = (
  set: Readonly<Record<string, string>>,
  change: Readonly<Record<string, string | undefined>>,
): Record<string, string> => {
  const entries = Object.entries<string | undefined>({ ...set, ...change });
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
};

function checkAll(
  definition: PluginDefinition<"calendar">,
  { options, secrets }: GatewayOptions,
  faulty: ReadonlySet<string>,
): string[] {
  const values: Record<string, string> = { ...options, ...secrets };
  const checked = definition.options.safeParse(values);
  if (checked.success) return [];
  return checked.error.issues.flatMap((issue) => {
    const name = String(issue.path[0] ?? "options");
    if (faulty.has(name)) return [];
    if (issue.path.length > 0 && values[name] === undefined) return [`${name} is missing`];
    const message = issue.code === "invalid_value" ? `must be ${issue.values.join(" or ")}` : issue.message;
    return [leaks(message, secrets) ? `${name} is not valid` : `${name}: ${message}`];
  });
}

/** A very short secret is part of any text by chance. */
const leaks = (message: string, secrets: Readonly<Record<string, string>>): boolean =>
  Object.values(secrets).some((secret) => secret.length > 3 && message.includes(secret));

/** The options of a stored calendar server with its secrets opened, to be checked together with a change. */
export const openOptions = async (context: CommandContext, server: CalendarServer): Promise<GatewayOptions> => ({
  options: server.options,
  secrets: await context.registry.openSecrets(server.name),
});
