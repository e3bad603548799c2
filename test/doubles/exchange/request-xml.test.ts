import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRequestXml } from "./request-xml.ts";
import { EwsFault, escapeXml } from "./soap.ts";

function parseOrRefuse(input: Buffer): void {
  try {
    parseRequestXml(input);
  } catch (error) {
    if (!(error instanceof EwsFault)) throw error;
  }
}

describe("request parser", () => {
  it("reads any bytes or refuses them as EWS does", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (array) => parseOrRefuse(Buffer.from(array))));
    const pieces = [
      "<a",
      ">",
      "</a>",
      "&#x0;",
      "&amp;",
      "<![CDATA[",
      "]]>",
      "<!--",
      "<?x",
      'b="',
      "xmlns:q=",
      "q:",
      "\\u0000",
      "é",
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 20 });
    fc.assert(fc.property(text, (parts) => parseOrRefuse(Buffer.from(`<a>${parts.join("")}`))));
  });

  it("reads back any text that was escaped, but for characters that XML cannot carry", () => {
    const anyText = fc.array(fc.integer({ min: 0, max: 0x10ffff }), { maxLength: 40 });
    fc.assert(
      fc.property(anyText, (codePoints) => {
        const text = String.fromCodePoint(...codePoints);
        const root = parseRequestXml(Buffer.from(`<a b="${escapeXml(text)}">${escapeXml(text)}</a>`));
        const carried = text.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD");
        expect(root.text).toBe(carried.replace(/\r\n?/g, "\n"));
      }),
    );
  });
});
