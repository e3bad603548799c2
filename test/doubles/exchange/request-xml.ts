import { SaxesParser } from "saxes";
import { EwsFault } from "./soap.ts";

/** An element of a request; names are local names, attributes are by local name. */
export interface XmlElement {
  readonly name: string;
  readonly namespace: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

interface OpenElement extends XmlElement {
  readonly children: XmlElement[];
  text: string;
}

const MAXIMUM_DEPTH = 64;
const MAXIMUM_ELEMENTS = 100_000;

/** The root element of a request of at most 64 levels; anything else, a DOCTYPE included, is ErrorSchemaValidation. */
export function parseRequestXml(bytes: Uint8Array): XmlElement {
  try {
    return buildTree(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message.slice(0, 200) : "unreadable";
    throw new EwsFault("ErrorSchemaValidation", `The request failed schema validation: ${reason}`);
  }
}

function buildTree(text: string): XmlElement {
  const parser = new SaxesParser({ xmlns: true });
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let count = 0;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("doctype", () => {
    throw new Error("For security reasons DTD is prohibited in this XML document.");
  });
  parser.on("opentag", (tag) => {
    count += 1;
    if (open.length >= MAXIMUM_DEPTH || count > MAXIMUM_ELEMENTS) throw new Error("The document is too large.");
    const attributes = new Map(Object.values(tag.attributes).map((attribute) => [attribute.local, attribute.value]));
    const element = { name: tag.local, namespace: tag.uri, attributes, children: [], text: "" };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  const append = (part: string): void => {
    const element = open.at(-1);
    if (element) element.text += part;
  };
  parser.on("text", append);
  parser.on("cdata", append);
  parser.on("closetag", () => {
    root = open.pop();
  });
  parser.write(text).close();
  if (root === undefined) throw new Error("Root element is missing.");
  return root;
}

/** The first child of that local name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element?.children.find((candidate) => candidate.name === name);
}

/** The trimmed text at the end of a path of local names; undefined when any step is absent. */
export function textAt(element: XmlElement | undefined, ...path: readonly string[]): string | undefined {
  return path.reduce(child, element)?.text.trim();
}
