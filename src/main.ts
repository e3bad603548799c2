#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { type GatewayError, toGatewayError } from "./ports/errors.ts";
import { backUp, restore } from "./shell/back-up.ts";
import { checkConnections } from "./shell/check-connections.ts";
import { loadConfig } from "./shell/config-file.ts";
import { EXIT } from "./shell/exit-codes.ts";
import { programVersion } from "./shell/program-version.ts";
import { runCommand } from "./shell/run-command.ts";
import { runGateway } from "./shell/run-gateway.ts";
import { createClock } from "./shell/runtime.ts";

const DEFAULT_CONFIG = "/etc/presence-gateway/config.toml";
/** A stop that hangs is cut off after this, in milliseconds. */
const LONGEST_STOP = 5000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const complain = (text: string): void => void process.stderr.write(`${text}\n`);

/** Whoever reads may have enough (`| head`), which needs no word; a full disk does. Either way not all was said. */
function endWithoutOutput(error: NodeJS.ErrnoException): never {
  if (error.code !== "EPIPE") complain(`presence-gateway: cannot write the output: ${error.message}`);
  process.exit(EXIT.failure);
}

/** The exit code of an error; see docs/OPERATIONS.md. */
function exitCodeOf({ code }: GatewayError): number {
  if (code.startsWith("config-")) return EXIT.configuration;
  if (code.startsWith("store-")) return EXIT.store;
  if (code === "gateway-already-running") return EXIT["already running"];
  return EXIT.failure;
}

/**
 * Resolves when a signal asks the process to end; SIGHUP: its terminal is closed. From then on it has LONGEST_STOP, in the
 * middle of the start too. Later signals change nothing: whoever is impatient must not leave states behind.
 */
const untilAsked = (): Promise<void> =>
  new Promise((resolve) => {
    const ask = (): void => {
      setTimeout(() => process.exit(EXIT.failure), LONGEST_STOP).unref();
      resolve();
    };
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, ask);
  });

async function run({ config }: { config: string }): Promise<number> {
  const asked = untilAsked();
  const gateway = await runGateway(loadConfig(config, process.env), process.env);
  await asked;
  await gateway.stop();
  return EXIT.ok;
}

async function check({ config }: { config: string }): Promise<number> {
  const loaded = loadConfig(config, process.env);
  say(`ok    configuration: ${config}`);
  let areAllOk = true;
  for await (const { name, ok, detail } of checkConnections(loaded)) {
    areAllOk &&= ok;
    say(`${ok ? "ok   " : "FAILED"} ${name}: ${detail}`);
  }
  return areAllOk ? EXIT.ok : EXIT.failure;
}

async function command(words: readonly string[], { config }: { config: string }): Promise<number> {
  const request = { line: words.join(" "), tell: say };
  const answer = await runCommand(loadConfig(config, process.env), process.env, request, new AbortController().signal);
  if (answer.text !== "") (answer.isError ? complain : say)(answer.text);
  return answer.isError ? EXIT.failure : EXIT.ok;
}

function backup(target: string, { config }: { config: string }): number {
  say(backUp(loadConfig(config, process.env), target));
  return EXIT.ok;
}

async function restoreFrom(source: string, { config }: { config: string }): Promise<number> {
  say(await restore(loadConfig(config, process.env), source, createClock().now()));
  return EXIT.ok;
}

function createProgram(finish: (code: number) => void): Command {
  const program = new Command("presence-gateway")
    .description("Shows Exchange calendars as XMPP and SIP presence.")
    .version(programVersion())
    .exitOverride()
    .showHelpAfterError("(add --help for more)")
    .addHelpText(
      "after",
      `\nExit codes: ${Object.entries(EXIT)
        .map(([name, code]) => `${code} ${name}`)
        .join(", ")}`,
    );
  const file = ["-c, --config <file>", "configuration file", DEFAULT_CONFIG] as const;
  program
    .command("run")
    .description("run the gateway until SIGTERM, SIGINT or SIGHUP")
    .option(...file)
    .action(async (options: { config: string }) => finish(await run(options)));
  program
    .command("check")
    .description("check the configuration and try every connection")
    .option(...file)
    .action(async (options: { config: string }) => finish(await check(options)));
  program
    .command("command")
    .description('run a chat command as local administrator, e.g. "status" or "user import users.csv"')
    .argument("<words...>", "the chat command, best as one quoted argument")
    .option(...file)
    .action(async (words: string[], options: { config: string }) => finish(await command(words, options)));
  program
    .command("backup")
    .description("copy the store into a new file; the gateway may run meanwhile")
    .argument("<file>", "the backup, which must not exist yet")
    .option(...file)
    .action((target: string, options: { config: string }) => finish(backup(target, options)));
  program
    .command("restore")
    .description("put a backup in the place of the store; the gateway must be stopped")
    .argument("<file>", "the backup")
    .option(...file)
    .action(async (source: string, options: { config: string }) => finish(await restoreFrom(source, options)));
  return program;
}

process.stdout.on("error", endWithoutOutput);
let code: number = EXIT.ok;
try {
  await createProgram((result) => {
    code = result;
  }).parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    code = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  } else {
    const failure = toGatewayError(error);
    complain(`presence-gateway: ${failure.message} (${failure.code})`);
    if (failure.code === "internal-error" && error instanceof Error) complain(error.stack ?? "");
    code = exitCodeOf(failure);
  }
}
// What could not be written is told by an event.
await new Promise((resolve) => setImmediate(resolve));
process.exit(code);
