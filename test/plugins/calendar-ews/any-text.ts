import fc from "fast-check";

/** Any UTF-16, lone surrogates and controls included; fast-check's own binary strings take a second to set up. */
export const anyText = (maxLength: number): fc.Arbitrary<string> =>
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength }).map((units) => String.fromCharCode(...units));
