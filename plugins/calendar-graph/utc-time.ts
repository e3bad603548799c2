import { z } from "zod";
import { parseInstant } from "../../src/lib/time.ts";

/** dateTimeTimeZone in UTC, whose names are several; as an instant. */
export const utcTime = z
  .object({ dateTime: z.string().max(64), timeZone: z.string().max(64) })
  .transform(({ dateTime, timeZone }, context) => {
    const at = /^(utc|(etc\/)?(utc|gmt)|tzone:\/\/microsoft\/utc)$/i.test(timeZone)
      ? parseInstant(dateTime)
      : undefined;
    if (at !== undefined) return at;
    context.addIssue("no time in UTC");
    return z.NEVER;
  });
