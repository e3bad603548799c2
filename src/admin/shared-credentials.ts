import type { PluginDefinition } from "../ports/plugin-definition.ts";
import type { CalendarServer } from "../ports/registry.ts";
import { findKey } from "./bind-arguments.ts";
import type { CommandContext } from "./command.ts";
import type { CheckedOptions } from "./gateway-options.ts";

type Given = Readonly<Record<string, string>>;

/** True when what is given says as whom. */
function givesCredentials({ options, credentials = [] }: PluginDefinition<"calendar">, given: Given): boolean {
  const known = Object.keys(options.shape);
  const names: readonly string[] = credentials;
  return Object.keys(given).some((key) => names.includes(findKey(key, known) ?? ""));
}

/** Whose account and password a gateway made like the model has; `undefined` when some of its own are given. */
export const credentialsSource = (
  model: CalendarServer,
  definition: PluginDefinition<"calendar">,
  given: Given,
): string | undefined => (givesCredentials(definition, given) ? undefined : (model.credentialsOf ?? model.name));

/** The server as it is after the change: one that is given credentials of its own shares none any more. */
export function unshareCredentials(
  server: CalendarServer,
  definition: PluginDefinition<"calendar">,
  given: Given,
): CalendarServer {
  if (!givesCredentials(definition, given)) return server;
  const { credentialsOf: _, ...own } = server;
  return own;
}

/** Gives the changed account and password to the gateways that have the same; returns their names. */
export async function shareCredentials(
  { registry }: CommandContext,
  changed: {
    readonly name: string;
    readonly definition: PluginDefinition<"calendar">;
    readonly checked: CheckedOptions;
  },
  given: Given,
): Promise<readonly string[]> {
  const { name, definition, checked } = changed;
  if (!givesCredentials(definition, given)) return [];
  const sharers = (await registry.listCalendarServers()).filter(({ credentialsOf }) => credentialsOf === name);
  const isShared = ([key]: readonly [string, unknown]): boolean => definition.credentials?.includes(key) ?? false;
  const shared = Object.fromEntries(Object.entries(checked.options).filter(isShared));
  const secrets = Object.fromEntries(Object.entries(checked.changedSecrets).filter(isShared));
  for (const each of sharers)
    await registry.replaceCalendarServer({ ...each, options: { ...each.options, ...shared } }, secrets);
  return sharers.map((each) => each.name);
}
