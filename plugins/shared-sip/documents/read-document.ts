import { SaxesParser } from "saxes";
import { GatewayError } from "../../../src/ports/errors.ts";
import type { XmlElement } from "../../../src/ports/xml-element.ts";

/** Bodies of NOTIFY that are read; Kamailio's unions of five phones have about 6 kB. */
const LONGEST_DOCUMENT = 65_536;
/** Real documents nest 5 deep. */
const MAX_DEPTH = 16;
const MOST_ELEMENTS = 1000;

interface OpenElement extends XmlElement {
  readonly children: (XmlElement | string)[];
}

/** The document cannot be taken; `what` is a sentence without its end. */
const badDocument = (what: string, cause?: unknown): GatewayError =>
  new GatewayError(`a presence document cannot be read: ${what}`, { type: "modify", code: "sip-bad-document", cause });

/**
 * Reads one XML document with its namespaces, under limits, as a tree. No DOCTYPE, so no entity beyond the five of XML.
 * Throws GatewayError `sip-bad-document`, and nothing else.
 *
 * @param root the root's local name, which must be in the namespace
 */
export function readDocument(text: string, root: string, namespace: string): XmlElement {
  if (text.length > LONGEST_DOCUMENT) throw badDocument("it is too large");
  const element = parse(text);
  if (element.name !== root || element.namespace !== namespace) throw badDocument(`it is no ${root} document`);
  return element;
}

function parse(text: string): XmlElement {
  const parser = new SaxesParser<{ xmlns: true; position: false }>({ xmlns: true, position: false });
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let count = 0;
  const addText = (piece: string): void => {
    open.at(-1)?.children.push(piece);
  };
  parser.on("opentag", ({ local, uri, attributes }) => {
    if (open.length >= MAX_DEPTH || ++count > MOST_ELEMENTS)
      throw badDocument("it nests too deep or has too many elements");
    const element: OpenElement = { name: local, namespace: uri, attributes: valuesOf(attributes), children: [] };
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on("closetag", () => {
    open.pop();
  });
  parser.on("text", addText);
  parser.on("cdata", addText);
  parser.on("doctype", () => {
    throw badDocument("it has a document type declaration");
  });
  try {
    parser.write(text).close();
  } catch (error) {
    throw error instanceof GatewayError ? error : badDocument("it is not well-formed XML", error);
  }
  if (!root) throw badDocument("it is empty");
  return root;
}

/** By the names as written; the parser knows its attributes by these too. */
const valuesOf = (attributes: Readonly<Record<string, { readonly value: string }>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(attributes).map(([name, { value }]) => [name, value]));
