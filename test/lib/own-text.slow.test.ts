import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ownText } from "../../src/lib/own-text.ts";

describe("a text on its own", () => {
  it("is the same text, lone surrogates included", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), (text) => {
        expect(ownText(text)).toBe(text);
      }),
    );
    expect(ownText(`${"x".repeat(20)}\uD800`)).toBe(`${"x".repeat(20)}\uD800`);
  });
});
