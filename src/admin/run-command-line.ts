import { GatewayError, toGatewayError } from "../ports/errors.ts";
import { promoteDomainAdmin } from "./authorization.ts";
import type { CommandContext, CommandResult, ProgressResult } from "./command.ts";
import { commandError } from "./command-errors.ts";
import { type FoundCommand, findCommand } from "./find-command.ts";
import { parseCommandLine } from "./parse-command-line.ts";

/**
 * Reads and runs one command as its actor. Throws GatewayError and nothing else: `command-…` for what the actor can
 * mend, others as the store and the gateway throw them; when the signal aborts, its reason.
 */
export async function runCommandLine(asked: CommandContext, text: string, signal: AbortSignal): Promise<CommandResult> {
  const { context, found } = readCommandLine(asked, text, signal);
  return await runCommand(context, found, signal);
}

function readCommandLine(
  asked: CommandContext,
  text: string,
  signal: AbortSignal,
): { readonly context: CommandContext; readonly found: FoundCommand } {
  try {
    const context = promoteDomainAdmin(asked);
    const { line, below } = splitText(context, text);
    const words = parseCommandLine(line);
    if (words.length === 0) throw commandError("command-unknown", "Send help for a list of commands.");
    return { context: { ...context, ...below }, found: findCommand(context.actor.role, context.commands, words) };
  } catch (error) {
    throw translate(error, signal);
  }
}

/** A command that takes a text ends with its line; what stands below is the text, where none came with it. */
function splitText(
  { commands, text: given }: CommandContext,
  whole: string,
): { readonly line: string; readonly below?: { readonly text: string } } {
  const [, line = "", text = ""] = /^\s*([^\r\n]*)(?:\r\n|\n|\r)?([\s\S]*)$/.exec(whole) ?? [];
  const name = line.split(/\s+/, 2).join(" ").toLowerCase();
  const isTaken =
    given === undefined && text.trim() !== "" && commands.some((each) => each.takesText && each.name === name);
  return isTaken ? { line, below: { text } } : { line: whole };
}

/** Runs a command that was found for its actor, with the words after its name. Throws as `runCommandLine` does. */
export async function runCommand(
  context: CommandContext,
  { command, words }: FoundCommand,
  signal: AbortSignal,
): Promise<CommandResult> {
  try {
    const result = await command.run(context, words, signal);
    return result.kind === "progress" ? { ...result, lines: translating(result.lines, signal) } : result;
  } catch (error) {
    throw translate(error, signal);
  }
}

async function* translating(lines: ProgressResult["lines"], signal: AbortSignal): ProgressResult["lines"] {
  try {
    return yield* lines;
  } catch (error) {
    throw translate(error, signal);
  }
}

function translate(error: unknown, signal: AbortSignal): GatewayError {
  signal.throwIfAborted();
  const failure = toGatewayError(error);
  // The text of a defect may quote what was sent.
  return failure.code === "internal-error" ? describeDefect(error) : failure;
}

/** Where a defect happened, without the text of its error, which may quote what was sent. */
export function placeOf({ cause }: GatewayError): string {
  const stack = cause instanceof Error ? (cause.stack ?? "") : "";
  const where = stack.split("\n").filter((line) => line.startsWith("    at "));
  return where.slice(0, 6).join("\n");
}

const describeDefect = (cause: unknown): GatewayError =>
  new GatewayError("Something went wrong inside the gateway; its log says where.", {
    type: "wait",
    code: "internal-error",
    cause,
  });
