import { z } from "zod";
import type { DirectorySync, SyncOutcome } from "../../engine/directories/directory-sync.ts";
import { heldText } from "../../engine/directories/held-removals.ts";
import { toGatewayError } from "../../ports/errors.ts";
import { countArgument, yesOrNoArgument } from "../argument-schemas.ts";
import { defineCommand, type SettledResult } from "../command.ts";
import { commandError } from "../command-errors.ts";
import { findDirectories } from "../find-directory.ts";
import { recordChange } from "../find-entities.ts";

/** More than this many users no gateway has. */
const MOST_CONFIRMED = 999_999;

/** A directory's name. */
export const directoryArgument = z.string().trim().toLowerCase().describe("The directory's name in the configuration.");

interface Wanted {
  readonly full?: boolean | undefined;
  readonly confirm?: number | undefined;
}

/** `directory sync`. */
export const directorySync = defineCommand({
  name: "directory sync",
  who: "admin",
  summary: "Makes the users as the directory has them, now: all directories, or one.",
  arguments: z.strictObject({
    name: directoryArgument.optional(),
    full: yesOrNoArgument.optional().describe("yes: reads everybody, not only who has changed."),
    confirm: countArgument(MOST_CONFIRMED)
      .optional()
      .describe("So many users may be removed, where the directory has stopped to ask; with its name."),
  }),
  positional: ["name"],
  examples: ["directory sync", "directory sync head-office full=yes", "directory sync head-office confirm=250"],
  run: async (context, { name, ...wanted }, signal) => {
    if (wanted.confirm !== undefined && name === undefined)
      throw commandError(
        "command-arguments",
        "Say which directory may remove so many: directory sync <name> confirm=…",
      );
    const directories = findDirectories(context, name);
    await recordChange(context, { action: "directory.sync", subject: name ?? "all", detail: describeWanted(wanted) });
    return { kind: "progress", lines: syncAll(directories, wanted, signal) };
  },
});

const describeWanted = ({ full, confirm }: Wanted): string =>
  [...(full ? ["full"] : []), ...(confirm === undefined ? [] : [`confirm=${confirm}`])].join(" ");

async function* syncAll(
  directories: readonly DirectorySync[],
  { full = false, confirm }: Wanted,
  signal: AbortSignal,
): AsyncGenerator<string, SettledResult, undefined> {
  let failed = 0;
  for (const directory of directories) {
    const { name } = directory.settings;
    yield `${name}: reading…`;
    try {
      const request = { isFull: full, ...(confirm !== undefined && { confirmed: confirm }) };
      const outcome = await directory.sync(request, signal);
      if (outcome.held !== undefined) failed++;
      yield outcome.held === undefined ? `${name}: ${describeOutcome(outcome)}` : heldText(name, outcome.held);
    } catch (error) {
      signal.throwIfAborted();
      failed++;
      const { code, message } = toGatewayError(error);
      yield `${name}: failed, nobody is removed: ${message} (${code})`;
    }
  }
  const text = failed === 0 ? "Done." : `${failed} of ${directories.length} not done.`;
  return { kind: "text", text, hasFailed: failed > 0 };
}

/** `15000 people; 3 added, 2 changed, 1 removed; 4 mismatches (1.2 s)`. */
function describeOutcome({ people, enabled, added, changed, removed, mismatches, took, isFull }: SyncOutcome): string {
  const changes = `${added} added, ${changed} changed, ${removed} removed`;
  const odd = mismatches === 0 ? "" : `; ${mismatches} in: directory mismatches`;
  const found =
    people === 0
      ? "nobody matches the filter below the base"
      : `${people === 1 ? "1 person" : `${people} people`}${nobodyEnabled(enabled)}`;
  return `${found}; ${changes}${odd} (${isFull ? "all" : "what has changed was"} read, ${(took / 1000).toFixed(1)} s)`;
}

const nobodyEnabled = (enabled: number): string => (enabled === 0 ? ", none of them enabled by a template" : "");

/** What a command needs to tell of the last synchronisation. */
export const describeLast = ({ outcome }: DirectorySync): string =>
  outcome === undefined ? "none yet" : describeOutcome(outcome);
