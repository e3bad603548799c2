import { z } from "zod";
import { gatewayNameArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { describeHealth } from "../describe-health.ts";
import { findKnownGateway } from "../find-entities.ts";

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
    const users = await countUsers(context);
    return {
      kind: "table",
      columns: ["gateway", "type", "users", "condition"],
      rows: servers.map((server) => [
        server.name,
        server.type,
        String(users.get(server.name) ?? 0),
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
    const users = await countUsers(context);
    const fields: Field[] = [
      ["type", server.type],
      ...Object.entries(server.options),
      ...secrets.map((secret): Field => [secret, "(set, never shown)"]),
      ["users", String(users.get(server.name) ?? 0)],
      ["condition", describeCondition(context, server)],
    ];
    return { kind: "fields", title: `Gateway ${server.name}`, fields };
  },
});

async function countUsers({ registry }: CommandContext): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  for (const { gateway, isEnabled } of await registry.listUsers()) {
    if (isEnabled) counts.set(gateway, (counts.get(gateway) ?? 0) + 1);
  }
  return counts;
}

function describeCondition(
  { live, clock }: CommandContext,
  server: { readonly name: string; readonly isEnabled: boolean },
): string {
  if (!server.isEnabled) return "disabled";
  const part = live?.parts().find((each) => each.kind === "calendar" && each.name === server.name);
  return part ? describeHealth(part.health, clock.now()) : "not running";
}
