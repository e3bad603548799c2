import fc from "fast-check";

const codeUnit = fc.oneof(
  fc.integer({ min: 0x20, max: 0x7e }),
  fc.integer({ min: 0, max: 0x3ff }),
  fc.integer({ min: 0, max: 0xffff }),
  // Half of a pair each: whole pairs come out often, and lone surrogates too.
  fc.integer({ min: 0xd800, max: 0xdbff }),
  fc.integer({ min: 0xdc00, max: 0xdfff }),
);

/** Any text that a JavaScript string can be. (fast-check's unit "binary" takes a second to set itself up, in every file.) */
export const anyText: fc.Arbitrary<string> = fc
  .array(codeUnit, { maxLength: 40 })
  .map((units) => String.fromCharCode(...units));
