import { z } from "zod";
import type { PluginDefinition } from "../ports/plugin-definition.ts";

/** What `.describe` said of a value. */
export const describeSchema = (schema: z.core.$ZodType): string => z.globalRegistry.get(schema)?.description ?? "";

/** True when there is no default and leaving it out is refused. */
export const isRequired = (schema: z.core.$ZodType): boolean => !z.safeParse(schema, undefined).success;

/** One line an option of a calendar server's type: name, whether it is needed or secret, meaning. */
export function describeOptions({ options, secrets }: PluginDefinition<"calendar">): readonly string[] {
  const secretNames: readonly string[] = secrets;
  return Object.entries(options.shape).map(([name, schema]) => {
    const marks = [...(isRequired(schema) ? [] : ["optional"]), ...(secretNames.includes(name) ? ["secret"] : [])];
    const text = describeSchema(schema);
    return `${name}${marks.length > 0 ? ` (${marks.join(", ")})` : ""}${text === "" ? "" : `: ${text}`}`;
  });
}
