import fc from "fast-check";
import { IN_A_MEETING, ON_THE_PHONE, type PresenceDocument } from "../../../../src/core/presence.ts";
import { instant } from "../../../../src/lib/time.ts";
import { anyText } from "../../../lib/any-text.ts";

/** Years 1970 to 2100, in whole seconds. */
const aTime = fc.integer({ min: 0, max: 4_102_444_800 }).map((seconds) => instant(seconds * 1000));
const aTag = fc.oneof(fc.constantFrom("", "de", "pt-BR", "zh-Hans", "en-US"), anyText);

/** Any document that composition can make, with notes as hostile as clients write them. */
export const anyDocument: fc.Arbitrary<PresenceDocument> = fc.record(
  {
    show: fc.constantFrom("chat", "available", "away", "xa", "dnd", "unavailable"),
    source: fc.constantFrom("client", "calendar", "phone", "override"),
    activity: fc.constantFrom(IN_A_MEETING, ON_THE_PHONE, { general: "inactive", specific: "on_vacation" }),
    text: fc.constantFrom("in-a-meeting", "out-of-office", "on-the-phone"),
    note: fc.dictionary(aTag, anyText, { maxKeys: 8 }),
    from: aTime,
    until: aTime,
    idleSince: aTime,
    priority: fc.integer({ min: 1, max: 127 }),
  },
  { requiredKeys: ["show", "source"] },
);
