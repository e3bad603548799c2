import type { UserImport } from "../../ports/user-imports.ts";
import type { CommandContext } from "../command.ts";
import { recordChange } from "../find-entities.ts";
import { describeCounts, type ImportReport, walkImport } from "./walk-import.ts";

/** Applies a list in the actor's name and notes that it is done; yields a line now and then. Throws as the store does. */
export async function* applyImport(
  context: CommandContext,
  { id, text }: UserImport & { readonly text: string },
  signal: AbortSignal,
): AsyncGenerator<string, ImportReport, undefined> {
  const report = yield* walkImport(context, text, { kind: "apply", id }, signal);
  const outcome = describeCounts(report);
  await context.imports.recordApplied(id, { at: context.clock.now(), outcome });
  await recordChange(context, { action: "import.applied", subject: `import ${id}`, detail: outcome });
  return report;
}
