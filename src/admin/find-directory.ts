import type { DirectorySync } from "../engine/directories/directory-sync.ts";
import type { CommandContext } from "./command.ts";
import { commandError } from "./command-errors.ts";
import { describeChoice } from "./find-entities.ts";

/** All directories, or the one of this name. Throws `command-not-running`, `command-not-found`. */
export function findDirectories({ directories }: CommandContext, name?: string): readonly DirectorySync[] {
  if (!directories)
    throw commandError("command-not-running", "The gateway is not running, so no directory is read. Start it first.");
  if (directories.length === 0)
    throw commandError(
      "command-not-found",
      "No directory is configured: see [directory.<name>] in the configuration file.",
    );
  if (name === undefined) return directories;
  const found = directories.filter(({ settings }) => settings.name === name);
  if (found.length > 0) return found;
  const names = directories.map(({ settings }) => settings.name);
  throw commandError("command-not-found", `There is no directory named ${name}${describeChoice(name, names)}`);
}
