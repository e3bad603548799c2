import type { CommandContext, CommandResult, Role } from "../command.ts";
import type { NamedForm } from "./encode-result.ts";
import type { Answers, FormStep } from "./form.ts";

/** Makes one form of a command from what was entered before. Throws GatewayError as commands do. */
export type MakeStep = (context: CommandContext, entered: Answers) => Promise<FormStep>;

/** A command as XEP-0050 shows it. */
export interface AdhocCommand {
  /** Stable: people and programs write it down. */
  readonly node: string;
  readonly name: string;
  readonly who: Role;
  /** None: it is carried out at once. */
  readonly steps: readonly MakeStep[];
  /** Throws GatewayError. */
  run(context: CommandContext, entered: Answers, signal: AbortSignal): Promise<CommandResult | NamedForm>;
}
