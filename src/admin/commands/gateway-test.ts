import { z } from "zod";
import { mergeLimited } from "../../lib/merge-limited.ts";
import { minutes, seconds } from "../../lib/time.ts";
import { after } from "../../ports/after.ts";
import type { TestStep, TestSubject } from "../../ports/calendar-source.ts";
import { toGatewayError } from "../../ports/errors.ts";
import type { CalendarServer } from "../../ports/registry.ts";
import { gatewayNameArgument, mailboxArgument, testedUserArgument } from "../argument-schemas.ts";
import { type CommandContext, defineCommand, type SettledResult } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findKnownGateway } from "../find-entities.ts";
import type { LiveGateway } from "../live-gateway.ts";

/** Longest time the test of one server may take before the rest of it is given up. */
const TEST_LIMIT = seconds(90);
/** Longest time of one command, however many servers there are. */
const RUN_LIMIT = minutes(5);
/** Servers that are tried at a time. */
const MOST_AT_ONCE = 16;

/** `gateway test`. */
export const gatewayTest = defineCommand({
  name: "gateway test",
  who: "admin",
  summary:
    "Tries one calendar server, or all at the same time, step by step: connection, certificate, login, and what the account may do with a mailbox.",
  form: "<name>|all [user=…] [outside=…]",
  arguments: z.strictObject({
    name: gatewayNameArgument.describe("The gateway's name; all tries every one that is enabled."),
    user: testedUserArgument
      .optional()
      .describe("A mailbox (SMTP address) that shall be impersonated, read and watched; or a user's SID."),
    outside: mailboxArgument
      .optional()
      .describe("A mailbox that the account should have no rights for: it is a warning when it has."),
  }),
  positional: ["name"],
  examples: [
    "gateway test head-office",
    "gateway test head-office user=alice@example.com outside=carol@example.com",
    "gateway test all",
  ],
  run: async (context, { name, user, outside }, signal) => {
    const { live } = context;
    if (!live) {
      throw commandError(
        "command-not-running",
        "The gateway is not running, so nothing can be tried. Start it, or use `presence-gateway check`.",
      );
    }
    const run = { context, live, subject: { ...user, outside }, signal };
    const whom = user === undefined ? "" : ` for ${user.mailbox ?? user.sid}`;
    if (name === "all") {
      const lines = testAll(run, await context.registry.listCalendarServers());
      return { kind: "progress", title: `Test of all gateways${whom}`, lines };
    }
    const server = await findKnownGateway(context.registry, name);
    if (!server.isEnabled) {
      throw commandError("command-conflict", `${server.name} is disabled. Use: gateway set ${server.name} enabled=yes`);
    }
    const lines = testOne(run, server);
    return { kind: "progress", title: `Test of ${server.name}${whom}`, lines };
  },
});

/** What every test of one command needs. */
interface Run {
  readonly context: CommandContext;
  readonly live: LiveGateway;
  readonly subject: TestSubject;
  /** Aborts when the gateway stops. */
  readonly signal: AbortSignal;
}

/** A step, or why there are no more. */
type Outcome = TestStep | { readonly ok: false; readonly reason: string };

type Progress = AsyncGenerator<string, SettledResult, undefined>;

async function* testOne(run: Run, server: CalendarServer): Progress {
  let [count, failed] = [0, 0];
  for await (const outcome of stepsOf(run, server, run.signal)) {
    count++;
    if (!outcome.ok) failed++;
    yield drawOutcome(outcome);
  }
  const text = failed === 0 ? `All ${count} steps went well.` : `${failed} of ${count} steps failed.`;
  return { kind: "text", text, hasFailed: failed > 0 };
}

async function* testAll(run: Run, all: readonly CalendarServer[]): Progress {
  const servers = all.filter(({ isEnabled }) => isEnabled);
  for (const { name } of all.filter(({ isEnabled }) => !isEnabled)) yield `${name}: is disabled and not tried`;
  const failed = new Set<string>();
  const limit = new AbortController();
  const cancel = after(run.context.clock, RUN_LIMIT, () => limit.abort(new Error("the tests took too long")));
  const ended = AbortSignal.any([run.signal, limit.signal]);
  const tests = servers.map(
    (server) =>
      async function* () {
        for await (const outcome of stepsOf(run, server, ended)) yield [server.name, outcome] as const;
      },
  );
  try {
    for await (const [name, outcome] of mergeLimited(tests, MOST_AT_ONCE)) {
      if (!outcome.ok) failed.add(name);
      yield `${name}: ${drawOutcome(outcome)}`;
    }
  } finally {
    cancel();
  }
  const text =
    failed.size === 0
      ? `${servers.length} gateways tried, all went well.`
      : `${servers.length} gateways tried, ${failed.size} failed: ${[...failed].join(", ")}.`;
  return { kind: "text", text, hasFailed: failed.size > 0 };
}

/** The steps, and last what ended the test where it is not complete. */
async function* stepsOf({ context, live, subject, signal: stop }: Run, server: CalendarServer, signal: AbortSignal) {
  const limit = new AbortController();
  const cancel = after(context.clock, TEST_LIMIT, () => limit.abort(new Error("the test took too long")));
  try {
    yield* live.testCalendarServer(server.name, subject, AbortSignal.any([signal, limit.signal]));
  } catch (error) {
    stop.throwIfAborted();
    yield { ok: false, reason: describeFailure(error, live, server.name) } as const;
  } finally {
    cancel();
  }
}

function drawOutcome(outcome: Outcome): string {
  if ("reason" in outcome) return `FAILED: ${outcome.reason}`;
  const { step, ok, isWarning, detail, milliseconds } = outcome;
  const word = ok ? (isWarning ? "Warning" : "ok") : "FAILED";
  return `${word}: ${step}: ${detail} (${Math.round(milliseconds)} ms)`;
}

/** A server that could not be started has no test; then it counts why not. */
function describeFailure(error: unknown, live: LiveGateway, server: string): string {
  const { code, message } = toGatewayError(error);
  const health = live.parts().find(({ kind, name }) => kind === "calendar" && name === server)?.health;
  return code === "calendar-no-test" && health && "error" in health ? `start: ${health.error.message}` : message;
}
