import { z } from "zod";
import { isCandidate, poolOf } from "../../core/server-pool.ts";
import type { CalendarServer } from "../../ports/registry.ts";
import { gatewayNameArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { describeHealth } from "../describe-health.ts";
import { findKnownGateway } from "../find-entities.ts";
import { formatMoment } from "../format-moment.ts";

const name = gatewayNameArgument.describe("The gateway's name.");

/** `gateway list`. */
export const gatewayList = defineCommand({
  name: "gateway list",
  who: "admin",
  summary: "Lists the calendar servers with their condition.",
  arguments: z.strictObject({}),
  examples: ["gateway list"],
  run: async (context) => {
    const servers = await context.registry.listCalendarServers();
    const users = await createUserCounter(context);
    return {
      kind: "table",
      columns: ["gateway", "type", "pool", "users", "condition"],
      rows: servers.map((server) => [
        server.name,
        server.type,
        poolOf(server),
        String(users(server)),
        describeCondition(context, server),
      ]),
      empty: "There is no gateway yet. Add one with: gateway add <name> type=… url=… account=… password=…",
    };
  },
});

/** `gateway show`. */
export const gatewayShow = defineCommand({
  name: "gateway show",
  who: "admin",
  summary: "Shows a calendar server's options (never its secrets) and condition.",
  arguments: z.strictObject({ name }),
  positional: ["name"],
  examples: ["gateway show head-office"],
  run: async (context, args) => {
    const server = await findKnownGateway(context.registry, args.name);
    const secrets = await context.registry.listSecretNames(server.name);
    const users = await createUserCounter(context);
    const fields: Field[] = [
      ...(server.description === undefined ? [] : [["description", server.description] as const]),
      ["type", server.type],
      ...Object.entries(server.options),
      ...secrets.map((secret): Field => [secret, "(set, never shown)"]),
      ["pool", poolOf(server)],
      ...(server.weight === undefined ? [] : [["weight", String(server.weight)] as const]),
      ...(server.credentialsOf === undefined
        ? []
        : [["account and password", `those of ${server.credentialsOf}`] as const]),
      ...(server.successor === undefined ? [] : [["successor", server.successor] as const]),
      ["users", String(users(server))],
      ["condition", describeCondition(context, server)],
    ];
    return { kind: "fields", title: `Gateway ${server.name}`, fields };
  },
});

/** Counts who is on a server now; while the gateway is stopped, who may be. */
async function createUserCounter({ live, registry }: CommandContext): Promise<(server: CalendarServer) => number> {
  if (live) return ({ name: server }) => live.mailboxesOn(server);
  const users = await registry.listUsers();
  return (server) => users.filter(({ gateway, isEnabled }) => isEnabled && isCandidate(gateway, server)).length;
}

function describeCondition({ live, clock }: CommandContext, server: CalendarServer): string {
  if (!server.isEnabled) return "disabled";
  if (server.retired) {
    const { at, because } = server.retired;
    return `retired since ${formatMoment(at, clock.now())}: ${server.successor} has its mailboxes. ${because}`;
  }
  const part = live?.parts().find((each) => each.kind === "calendar" && each.name === server.name);
  return part ? describeHealth(part.health, clock.now()) : "not running";
}
