import type { Instant } from "../lib/time.ts";
import type { PublisherDetail } from "../ports/presence-publisher.ts";
import type { Field } from "./command.ts";
import { formatMoment } from "./format-moment.ts";

/** What publishers say of themselves, with moments as administrators read them. */
export const detailFields = (details: readonly PublisherDetail[], now: Instant): readonly Field[] =>
  details.map(([name, value]) => [name, typeof value === "string" ? value : formatMoment(value.at, now)]);

/** The same in one line: `entity tag x1, refreshed 09:00:00 UTC (3 m ago)`. */
export const describeDetails = (details: readonly PublisherDetail[], now: Instant): string =>
  detailFields(details, now)
    .map((field) => field.join(" "))
    .join(", ");
