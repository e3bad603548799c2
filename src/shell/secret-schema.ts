import { z } from "zod";

/** A secret in clear, or where to find it. */
export const SECRET_SCHEMA = z
  .union([
    z.string().min(1),
    z.strictObject({ file: z.string().min(1) }),
    z.strictObject({ env: z.string().regex(/^[A-Za-z_]\w*$/, "must be the name of an environment variable") }),
  ])
  .describe('A string, `{ file = "…" }` (its first line) or `{ env = "…" }` (an environment variable).');

/** A secret as it is written. */
export type SecretSource = z.infer<typeof SECRET_SCHEMA>;
