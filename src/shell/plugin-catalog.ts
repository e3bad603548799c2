import type { z } from "zod";
import calendarEws from "../../plugins/calendar-ews/index.ts";
import calendarGraph from "../../plugins/calendar-graph/index.ts";
import calendarWebdav from "../../plugins/calendar-webdav/index.ts";
import clientsXmpp from "../../plugins/clients-xmpp/index.ts";
import directoryLdap from "../../plugins/directory-ldap/index.ts";
import publishXmppOverlay from "../../plugins/publish-xmpp-overlay/index.ts";
import publishXmppPep from "../../plugins/publish-xmpp-pep/index.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import { GatewayError } from "../ports/errors.ts";
import type { PluginContext, PluginDefinition, PluginWay } from "../ports/plugin-definition.ts";
import type { CalendarServer } from "../ports/registry.ts";
import { ChosenSource } from "./chosen-source.ts";

/** Every plugin that the gateway comes with, by kind. */
export const PLUGINS = {
  calendar: [calendarEws, calendarGraph, calendarWebdav],
  clients: [clientsXmpp],
  directory: [directoryLdap],
  // The server module must know of the overlay before it sees the activity.
  publish: [publishXmppOverlay, publishXmppPep],
} as const;

/** The calendar plugins, for commands that validate options. */
export const calendarTypes: readonly PluginDefinition<"calendar">[] = [
  widen(calendarEws),
  widen(calendarGraph),
  widen(calendarWebdav),
];

/** A definition whose options are checked by its own schema each time, so that any may stand for all. */
function widen<Options extends z.ZodObject>(
  definition: PluginDefinition<"calendar", Options>,
): PluginDefinition<"calendar"> {
  const { ways, ...rest } = definition;
  return {
    ...rest,
    ...(ways && { ways: (options) => ways(definition.options.parse(options)) }),
    create: (options, context) => definition.create(definition.options.parse(options), context),
  };
}

/** What all plugins share; each has a name and a memory of its own beside it. */
export type SharedContext = Omit<PluginContext, "name" | "memory">;

/** Makes the source of a configured calendar server. Throws `calendar-type-unknown` or `calendar-options-invalid`. */
export function createCalendarSource(
  server: CalendarServer,
  secrets: Readonly<Record<string, string>>,
  context: PluginContext,
): CalendarSource {
  const given = { plugin: server.type, options: { ...server.options, ...secrets } };
  const [definition, options] = checkOptions(given, server.name);
  const ways = definition.ways?.(options) ?? [given];
  const sources = ways.map((way) => {
    const [each, checked] = checkOptions(way, server.name);
    return { name: each.name, source: each.create(checked, context) };
  });
  const [only] = sources;
  return only && sources.length === 1 ? only.source : new ChosenSource(sources, context.runtime);
}

/** The name of an enabled one that has the server's mailboxes by a service that follows on its own, if there is one. */
export function findSuccessor(server: CalendarServer, others: readonly CalendarServer[]): string | undefined {
  const definition = calendarTypes.find(({ name }) => name === server.type);
  const follows = ({ name, type: plugin, options, isEnabled }: CalendarServer): boolean =>
    isEnabled && name !== server.name && definition?.isSucceededBy?.(server.options, { plugin, options }) === true;
  return others.find(follows)?.name;
}

function checkOptions(
  { plugin, options }: PluginWay,
  server: string,
): readonly [PluginDefinition<"calendar">, Record<string, unknown>] {
  const definition = calendarTypes.find(({ name }) => name === plugin);
  if (!definition) {
    const known = calendarTypes.map(({ name }) => name).join(", ");
    throw new GatewayError(`this program has no calendar plugin "${plugin}"; it has: ${known}`, {
      type: "modify",
      code: "calendar-type-unknown",
    });
  }
  const checked = definition.options.safeParse(options);
  if (!checked.success) {
    // Only the names of the settings: a message may quote a value, and a value may be a secret.
    const names = checked.error.issues.map(({ path }) => path.join(".") || "(options)");
    throw new GatewayError(
      `the options of ${server} are not valid: ${names.join(", ")}; mend them with "gateway set"`,
      {
        type: "modify",
        code: "calendar-options-invalid",
      },
    );
  }
  return [definition, checked.data];
}
