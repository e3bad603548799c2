import { z } from "zod";
import { plus, seconds } from "../../lib/time.ts";
import { type GatewayError, toGatewayError } from "../../ports/errors.ts";
import type { CalendarServer } from "../../ports/registry.ts";
import { gatewayNameArgument, mailboxArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand, type Field } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { describeHealth } from "../describe-health.ts";
import { findKnownGateway, isCandidate } from "../find-entities.ts";
import type { LiveGateway } from "../live-gateway.ts";

const name = gatewayNameArgument.describe("The gateway's name.");

/** Longest time a test of all steps may take before the rest is given up. */
const TEST_LIMIT = seconds(60);

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
        server.pool ?? server.name,
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
      ["pool", server.pool ?? server.name],
      ...(server.weight === undefined ? [] : [["weight", String(server.weight)] as const]),
      ...(server.credentialsOf === undefined
        ? []
        : [["account and password", `those of ${server.credentialsOf}`] as const]),
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

function describeCondition(
  { live, clock }: CommandContext,
  server: { readonly name: string; readonly isEnabled: boolean },
): string {
  if (!server.isEnabled) return "disabled";
  const part = live?.parts().find((each) => each.kind === "calendar" && each.name === server.name);
  return part ? describeHealth(part.health, clock.now()) : "not running";
}

/** `gateway test`. */
export const gatewayTest = defineCommand({
  name: "gateway test",
  who: "admin",
  summary: "Tries a calendar server step by step, with user=<mailbox> also the access to that mailbox.",
  arguments: z.strictObject({
    name,
    user: mailboxArgument.optional().describe("A mailbox (SMTP address) whose calendar shall be tried."),
  }),
  positional: ["name"],
  examples: ["gateway test head-office", "gateway test head-office user=alice@example.com"],
  run: async (context, args, signal) => {
    const server = await findKnownGateway(context.registry, args.name);
    if (!context.live) {
      throw commandError(
        "command-not-running",
        "The gateway is not running, so nothing can be tried. Start it, or use `presence-gateway check`.",
      );
    }
    if (!server.isEnabled) {
      throw commandError("command-conflict", `${server.name} is disabled. Use: gateway set ${server.name} enabled=yes`);
    }
    const { lines, failed } = await collectSteps(context, context.live, { ...args, signal });
    return {
      kind: "lines",
      title: `Test of ${server.name}${args.user === undefined ? "" : ` for ${args.user}`}`,
      lines,
      warnings: failed === 0 ? [] : [failed === 1 ? "1 step failed." : `${failed} steps failed.`],
    };
  },
});

/** A server that could not be started has no test; then it counts why not. */
function describeFailure({ code, message }: GatewayError, live: LiveGateway, server: string): string {
  const health = live.parts().find(({ kind, name: each }) => kind === "calendar" && each === server)?.health;
  return code === "calendar-no-test" && health && "error" in health ? `start: ${health.error.message}` : message;
}

async function collectSteps(
  { clock }: CommandContext,
  live: NonNullable<CommandContext["live"]>,
  {
    name: server,
    user,
    signal,
  }: { name: string; user?: Parameters<typeof live.testCalendarServer>[1]; signal: AbortSignal },
): Promise<{ readonly lines: readonly string[]; readonly failed: number }> {
  const limit = new AbortController();
  const cancel = clock.at(plus(clock.now(), TEST_LIMIT), () => limit.abort(new Error("the test took too long")));
  const lines: string[] = [];
  let failed = 0;
  try {
    for await (const step of live.testCalendarServer(server, user, AbortSignal.any([signal, limit.signal]))) {
      if (!step.ok) failed++;
      lines.push(`${step.ok ? "ok" : "FAILED"}: ${step.step}: ${step.detail} (${Math.round(step.milliseconds)} ms)`);
    }
  } catch (error) {
    signal.throwIfAborted();
    failed++;
    lines.push(`FAILED: ${describeFailure(toGatewayError(error), live, server)}`);
  } finally {
    cancel();
  }
  return { lines, failed };
}
