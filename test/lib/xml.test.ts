import fc from "fast-check";
import { SaxesParser } from "saxes";
import { describe, expect, it } from "vitest";
import { escapeXml, withoutForbiddenCharacters } from "../../src/lib/xml.ts";
import { anyText } from "./any-text.ts";

const hostileText = fc.oneof(
  anyText,
  fc.string({ unit: fc.constantFrom(..."<>&\"'];a \ud83d\ude00\ufffe\uffff\u0000\u001b\u007f".split("")) }),
);

/** What a conforming parser reads from the text as element content and as attribute. */
function readBack(escaped: string): { readonly content: string; readonly attribute: string | undefined } {
  const parser = new SaxesParser();
  let content = "";
  let attribute: string | undefined;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("text", (text) => {
    content += text;
  });
  parser.on("opentag", ({ attributes }) => {
    attribute = attributes["a"];
  });
  parser.write(`<x a="${escaped}">${escaped}</x>`).close();
  return { content, attribute };
}

describe("escaped XML text", () => {
  it("is read back as it was, whatever it holds, except for what XML forbids and the ends of lines", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const plain = text.replace(/[\r\n\t]/g, " ");
        const { content, attribute } = readBack(escapeXml(plain));
        expect(content).toBe(withoutForbiddenCharacters(plain));
        expect(attribute).toBe(withoutForbiddenCharacters(plain));
      }),
      { numRuns: 300 },
    );
  });

  it("keeps whole surrogate pairs and replaces halves", () => {
    expect(escapeXml("a😀b")).toBe("a😀b");
    expect(escapeXml("\ud83d")).toBe("\ufffd");
    expect(escapeXml("\ude00\ud83d")).toBe("\ufffd\ufffd");
    expect(escapeXml("\ud83d\ud83d\ude00\ude00")).toBe("\ufffd😀\ufffd");
  });

  it("escapes every character that means something in markup", () => {
    expect(escapeXml(`<a b="c" d='e'>&amp;]]>`)).toBe("&lt;a b=&quot;c&quot; d=&apos;e&apos;&gt;&amp;amp;]]&gt;");
    expect(escapeXml("\u0000\u000b\ufffe\t\n")).toBe("\ufffd\ufffd\ufffd\t\n");
  });
});
