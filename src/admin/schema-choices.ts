import { z } from "zod";

/** The only words that a value may be, whatever is done with it before and after; empty when there are others. */
export function choicesOf(schema: z.core.$ZodType): readonly string[] {
  if (schema instanceof z.ZodEnum) return schema.options.map(String);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) return choicesOf(schema.def.innerType);
  if (!(schema instanceof z.ZodPipe)) return [];
  const before = choicesOf(schema.def.in);
  return before.length > 0 ? before : choicesOf(schema.def.out);
}
