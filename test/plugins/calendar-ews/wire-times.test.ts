import fc from "fast-check";
import { expect, it } from "vitest";
import { wireTimeParser } from "../../../plugins/calendar-ews/wire-times.ts";
import { formatLocalUtc, instant, parseInstant } from "../../../src/lib/time.ts";

it("reads every time as parseInstant does, in the usual form and in any other", () => {
  const parse = wireTimeParser();
  const usual = fc.integer({ min: -1e13, max: 2e14 }).map((at) => formatLocalUtc(instant(at)));
  const digit = fc.constantFrom(..."0123456789T:-+Z. ");
  const broken = fc
    .tuple(usual, fc.nat(18), digit)
    .map(([text, at, other]) => text.slice(0, at) + other + text.slice(at + 1));
  const suffixed = fc
    .tuple(usual, fc.constantFrom("Z", "+01:00", "-0530", ".5", " ", "T"))
    .map(([text, end]) => text + end);
  fc.assert(
    fc.property(fc.oneof(usual, broken, suffixed, fc.string({ maxLength: 19 })), (text) => {
      expect(parse(text)).toBe(parseInstant(text));
    }),
    { numRuns: 2000 },
  );
});
