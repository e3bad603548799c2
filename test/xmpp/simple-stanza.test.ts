import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { readSimpleStanza } from "../../src/xmpp/simple-stanza.ts";
import { StanzaReader } from "../../src/xmpp/stanza-reader.ts";
import { encodeXml } from "../../src/xmpp/stanza-writer.ts";
import { anyText } from "../lib/any-text.ts";

const OPTIONS = { namespace: "jabber:component:accept", length: 10_000, depth: 64 };
const HEADER = "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

/** The stanza as the full parser reads it: white space that nobody writes keeps it from the short way. */
function readByParser(stanza: string): XmlElement | undefined {
  const stanzas: XmlElement[] = [];
  const ignore = (): void => undefined;
  const onStanza = (element: XmlElement): void => void stanzas.push(element);
  const reader = new StanzaReader(
    { bytes: 1_000_000, depth: 64 },
    { onOpen: ignore, onDropped: ignore, onClose: ignore, onStanza },
  );
  reader.write(Buffer.from(HEADER + stanza.replace(/^<[\w.:-]+/, "$& ")));
  return stanzas[0];
}

const draft: fc.Arbitrary<XmlDraft> = fc.letrec<{ node: XmlDraft }>((tie) => ({
  node: fc.record({
    name: fc.constantFrom("message", "a", "b.c", "x-y", "_z", "p:q"),
    attributes: fc.dictionary(fc.constantFrom("id", "to", "xmlns", "xml:lang", "xmlns:p", "p:r"), anyText, {
      maxKeys: 3,
    }),
    children: fc.array(fc.oneof({ maxDepth: 4 }, anyText, tie("node")), { maxLength: 4 }),
  }),
})).node;

describe("the short way to read a stanza", () => {
  test("gives what the parser gives, or leaves the stanza to it", () => {
    let simple = 0;
    fc.assert(
      fc.property(draft, fc.nat({ max: 20 }), (original, before) => {
        const stanza = encodeXml({ ...original, children: [...(original.children ?? []), { name: "end" }] });
        const read = readSimpleStanza(`${" ".repeat(before)}${stanza}<next`, before, OPTIONS);
        if (read === "complex") return;
        simple++;
        expect(read).toEqual({ stanza: readByParser(stanza), end: before + stanza.length });
      }),
      { numRuns: 500 },
    );
    expect(simple).toBeGreaterThan(50);
  });

  test("says that a stanza is incomplete, or complex, wherever it is cut", () => {
    const stanza = `<iq type='result' id="1"><a xmlns='x'>t &amp; t<b/></a></iq>`;
    for (let end = 1; end < stanza.length; end++)
      expect(readSimpleStanza(stanza.slice(0, end), 0, OPTIONS)).toBe("incomplete");
    expect(readSimpleStanza(stanza, 0, OPTIONS)).toMatchObject({ end: stanza.length });
  });

  test.each([
    ["a document type", "<!DOCTYPE a>"],
    ["a comment", "<a><!-- c --></a>"],
    ["CDATA", "<a><![CDATA[x]]></a>"],
    ["a processing instruction", "<a><?b?></a>"],
    ["a character reference", "<a>&#65;</a>"],
    ["an unknown entity", "<a>&constructor;</a>"],
    ["a bare ampersand", "<a>& b</a>"],
    ["the end of CDATA in text", "<a>]]></a>"],
    ["a prefix", "<x:a xmlns:x='y'/>"],
    ["an attribute given twice", "<a b='1' b='2'/>"],
    ["a wrong end tag", "<a><b></a></b>"],
    ["a control character", "<a>\u0001</a>"],
    ["a line end of another system", "<a>\r\n</a>"],
    ["a pair of surrogates", "<a>🎉</a>"],
    ["too many levels", `${"<a>".repeat(64)}${"</a>".repeat(64)}`],
    ["too many characters", `<a>${"x".repeat(10_000)}</a>`],
  ])("leaves %s to the parser", (_what, stanza) => {
    expect(readSimpleStanza(stanza, 0, OPTIONS)).toBe("complex");
  });
});
