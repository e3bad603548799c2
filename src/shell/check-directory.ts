import directoryLdap from "../../plugins/directory-ldap/index.ts";
import { minutes } from "../lib/time.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { PluginContext } from "../ports/plugin-definition.ts";
import type { CheckLine } from "./check-line.ts";
import type { LoadedDirectory } from "./directory-section.ts";

/** A large directory takes some seconds. */
const READ_LIMIT = minutes(2);

/** Reads a directory as the gateway does, and changes nothing. */
export async function checkDirectory(
  { settings, options }: LoadedDirectory,
  context: Omit<PluginContext, "name">,
): Promise<CheckLine> {
  const name = `directory ${settings.name}`;
  const source = directoryLdap.create(options, { ...context, name: settings.name });
  try {
    const { entries } = await source.read(undefined, AbortSignal.timeout(READ_LIMIT));
    const wanted = [...entries.values()].filter(
      ({ template }) => template !== undefined && settings.templates[template]?.isEnabled,
    );
    return { name, ok: true, detail: `${entries.size} people, ${wanted.length} of them enabled by a template` };
  } catch (error) {
    if (error instanceof DOMException) return { name, ok: false, detail: "the directory was not read in time" };
    const { message, code } = toGatewayError(error);
    return { name, ok: false, detail: `${message} (${code})` };
  } finally {
    await source.stop();
  }
}
