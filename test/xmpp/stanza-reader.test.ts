import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withoutForbiddenCharacters } from "../../src/lib/xml.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { StanzaReader, StreamFormatError } from "../../src/xmpp/stanza-reader.ts";
import { encodeXml } from "../../src/xmpp/stanza-writer.ts";
import { anyText } from "../lib/any-text.ts";

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>";

/** Reads the chunks and returns the stanzas, or the error that ended them. */
function read(chunks: readonly (string | Buffer)[], limits = { bytes: 10_000, depth: 64 }) {
  const stanzas: XmlElement[] = [];
  const dropped: string[] = [];
  let isClosed = false;
  const reader = new StanzaReader(limits, {
    onOpen: () => undefined,
    onStanza: (stanza) => stanzas.push(stanza),
    onDropped: (limit) => dropped.push(limit),
    onClose: () => {
      isClosed = true;
    },
  });
  for (const chunk of chunks) reader.write(typeof chunk === "string" ? Buffer.from(chunk) : chunk);
  return { stanzas, dropped, isClosed };
}

/** Cuts the bytes at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const edges = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}

const text = anyText;
const draft: fc.Arbitrary<XmlDraft> = fc.letrec<{ node: XmlDraft }>((tie) => ({
  node: fc.record({
    name: fc.constantFrom("message", "a", "b.c", "x-y", "_z"),
    attributes: fc.dictionary(fc.constantFrom("id", "to", "xml:lang"), text, { maxKeys: 3 }),
    children: fc.array(fc.oneof({ maxDepth: 4 }, text, tie("node")), { maxLength: 4 }),
  }),
})).node;

describe("the stanza reader", () => {
  test("reads the same stanzas wherever the bytes are cut, UTF-8 sequences included", () => {
    const stanza = "<message to='j&#252;rgen'><body>Besprechung für Jürgen 会議中 🎉 &lt;&amp;&gt;</body></message>";
    const bytes = Buffer.from(`${HEADER}${stanza} ${stanza}</stream:stream>`);
    const whole = read([bytes]);
    expect(whole.stanzas).toHaveLength(2);
    for (let place = 0; place < bytes.length; place++) expect(read(cut(bytes, [place]))).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 20 }), (places) => {
        expect(read(cut(bytes, places))).toEqual(whole);
      }),
    );
  });

  test("reads back what the writer wrote, whatever the texts hold", () => {
    fc.assert(
      fc.property(draft, fc.array(fc.nat(), { maxLength: 5 }), (original, places) => {
        const { stanzas } = read(cut(Buffer.from(HEADER + encodeXml(original)), places), {
          bytes: 1_000_000,
          depth: 64,
        });
        expect(stanzas).toHaveLength(1);
        const [stanza] = stanzas;
        expect(stanza && plain(stanza)).toEqual(plain(original));
      }),
    );
  });

  test("never throws anything but its own error, whatever the bytes", () => {
    const pieces = fc.constantFrom(
      "<a>",
      "</a>",
      "<a b='c'",
      "/>",
      "&lt;",
      "&#0;",
      "&x;",
      "<![CDATA[",
      "]]>",
      "<!--",
      "-->",
      "<?",
      "<!DOCTYPE a>",
      " ",
      "\uFFFE",
      "xmlns:x='y'",
      "<x:y>",
      "</stream:stream>",
    );
    const chunk = fc.oneof(
      pieces.map((piece) => Buffer.from(piece)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 30 }), (chunks) => {
        try {
          read([HEADER, ...chunks], { bytes: 50, depth: 3 });
        } catch (error) {
          expect(error).toBeInstanceOf(StreamFormatError);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("resolves default and prefixed namespaces, and forgets them with their element", () => {
    const [stanza] = read([
      `${HEADER}<iq><x:a xmlns:x='one'><b xmlns='two'><x:c/><d/></b><e/></x:a><xml:f/><y:g/></iq>`,
    ]).stanzas;
    const names = (element: XmlElement): unknown[] => [
      `${element.namespace} ${element.name}`,
      ...element.children.map((child) => (typeof child === "string" ? child : names(child))),
    ];
    expect(stanza && names(stanza)).toEqual([
      "jabber:component:accept iq",
      ["one a", ["two b", ["one c"], ["two d"]], ["jabber:component:accept e"]],
      ["http://www.w3.org/XML/1998/namespace f"],
      [" y:g"],
    ]);
  });

  test("attributes and prefixes named like Object's own members are plain data", () => {
    const [stanza] = read([
      `${HEADER}<a __proto__='x' constructor='y' xmlns:__proto__='z'><__proto__:b/><toString:c/></a>`,
    ]).stanzas;
    expect(stanza?.attributes["constructor"]).toBe("y");
    expect(stanza?.children).toMatchObject([
      { name: "b", namespace: "z" },
      { name: "toString:c", namespace: "" },
    ]);
    expect(stanza?.attributes["toString"]).toBeUndefined();
  });

  test("drops a stanza over a limit and goes on with the next", () => {
    const deep = `${"<a>".repeat(70)}x${"</a>".repeat(70)}`;
    const long = `<b>${"y".repeat(20_000)}</b>`;
    const { stanzas, dropped } = read([`${HEADER}${deep}<c/>${long}<d/>`]);
    expect(stanzas.map(({ name }) => name)).toEqual(["c", "d"]);
    expect(dropped).toEqual(["depth", "bytes"]);
  });

  test("a stanza just within the limit is kept even when much follows in the same chunk", () => {
    const { stanzas } = read([`${HEADER}${`<a>${"y".repeat(9000)}</a>`.repeat(20)}`]);
    expect(stanzas).toHaveLength(20);
  });

  test("counts a stanza's length over all its chunks", () => {
    const bytes = Buffer.from(`${HEADER}<a>${"y".repeat(10_100)}</a><b/>`);
    for (const size of [100, 3000, 8000]) {
      const places = Array.from({ length: Math.floor(bytes.length / size) }, (_, index) => (index + 1) * size);
      expect(read(cut(bytes, places)).stanzas.map(({ name }) => name)).toEqual(["b"]);
    }
  });

  test("reading past a deep stanza takes no time that grows with its depth", () => {
    const { dropped } = read([`${HEADER}${"<a>".repeat(20_000)}${"</a>".repeat(20_000)}`], {
      bytes: 1024 * 1024,
      depth: 64,
    });
    expect(dropped).toEqual(["depth"]);
  });

  test("white space between stanzas is nothing, and nothing follows the end", () => {
    const { stanzas, isClosed } = read([`${HEADER} \n `, "<a/>  ", "</stream:stream>", "<b/>", "<broken"]);
    expect(stanzas).toHaveLength(1);
    expect(isClosed).toBe(true);
  });
});

describe("the stanza writer", () => {
  test.each(["a b", "", "1a", "a><b", "a:b:c"])("refuses the name %j", (name) => {
    expect(() => encodeXml({ name })).toThrow(TypeError);
    expect(() => encodeXml({ name: "a", attributes: { [name]: "x" } })).toThrow(TypeError);
  });
});

type Plain = readonly [string, Readonly<Record<string, string>>, readonly unknown[]];

/** What must survive the wire: forbidden characters as U+FFFD, line ends as XML 1.0 section 2.11 reads them. */
function plain({ name, attributes = {}, children = [] }: XmlDraft | XmlElement): Plain {
  const contents: unknown[] = [];
  for (const child of children) {
    if (child === undefined || child === "") continue;
    const last = contents.at(-1);
    if (typeof child !== "string") contents.push(plain(child));
    else if (typeof last === "string") contents[contents.length - 1] = last + withoutForbiddenCharacters(child);
    else contents.push(withoutForbiddenCharacters(child));
  }
  const lines = contents.map((each) => (typeof each === "string" ? each.replace(/\r\n?/g, "\n") : each));
  const values = Object.entries(attributes).map(
    ([key, value]) => [key, withoutForbiddenCharacters(value ?? "")] as const,
  );
  return [name, Object.fromEntries(values), lines];
}
