import type { XmlElement } from "../ports/xml-element.ts";

/** Where the stanza stands, and what it may cost. */
export interface SimpleStanzaOptions {
  /** The stream's default namespace. */
  readonly namespace: string;
  /** Characters. */
  readonly length: number;
  readonly depth: number;
}

/** A stanza and the index behind it; `incomplete`: its end has not come yet; `complex`: a matter for the parser. */
export type SimpleStanza = { readonly stanza: XmlElement; readonly end: number } | "incomplete" | "complex";

interface Building extends XmlElement {
  readonly children: (Building | string)[];
}

const START_TAG = /<[A-Za-z_][\w.-]*(?: [A-Za-z_][\w.:-]*=(?:"[^"<\t\n]*"|'[^'<\t\n]*'))*\/?>/y;
const SPACE = 0x20;
const SLASH = 0x2f;
const END_OF_TAG = 0x3e;
/** What XML forbids, reads as something else (line ends), or writes with two code units. */
const UNUSUAL = /[^\n\u0020-\uD7FF\uE000-\uFFFD]/;
const REFERENCE = /&[^;]*;?/g;
const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["&amp;", "&"],
  ["&lt;", "<"],
  ["&gt;", ">"],
  ["&quot;", '"'],
  ["&apos;", "'"],
]);

/** Attributes without a prototype, so that no name means anything; made by a constructor they take a third of the time. */
const Attributes = function Attributes() {
  return;
} as unknown as new () => Record<string, string>;
Attributes.prototype = Object.create(null);

/** Thrown and caught in this file only. */
class Complex extends Error {}

/**
 * Reads the stanza that begins at `from` when it is written as servers write nearly all of theirs: no prefixes but
 * `xml:lang`, no references but the five named ones, nothing else beside tags and text. For those it gives what the
 * parser would, in a fifth of the time: a burst is answered by thousands. Everything else is `complex`.
 */
export function readSimpleStanza(text: string, from: number, options: SimpleStanzaOptions): SimpleStanza {
  try {
    const reading: Reading = { text, at: from, open: [], namespace: options.namespace };
    for (;;) {
      const step = readTag(reading);
      if (step === "incomplete") return step;
      if (reading.open.length >= options.depth) return "complex";
      if (step === "more") continue;
      const isSimple = !isUnusual(text.slice(from, reading.at), options.length);
      return isSimple ? { stanza: step, end: reading.at } : "complex";
    }
  } catch (error) {
    if (error instanceof Complex) return "complex";
    throw error;
  }
}

interface Reading {
  readonly text: string;
  readonly namespace: string;
  readonly open: Building[];
  at: number;
}

const isUnusual = (source: string, longest: number): boolean =>
  source.length > longest || UNUSUAL.test(source) || source.includes("]]>");

/** Reads on behind the next tag; the stanza when it is complete. */
function readTag(reading: Reading): XmlElement | "more" | "incomplete" {
  const { text, open } = reading;
  const parent = open.at(-1);
  const tag = text.indexOf("<", reading.at);
  if (tag < 0) return "incomplete";
  if (tag > reading.at) parent?.children.push(decodeText(text.slice(reading.at, tag)));
  if (parent && text.startsWith("</", tag)) return readEndTag(reading, tag, parent);
  const element = readStartTag(text, tag, parent?.namespace ?? reading.namespace);
  if (element === "incomplete") return element;
  parent?.children.push(element);
  reading.at = START_TAG.lastIndex;
  if (text.startsWith("/>", reading.at - 2)) return parent ? "more" : element;
  open.push(element);
  return "more";
}

function readEndTag(reading: Reading, tag: number, element: Building): XmlElement | "more" | "incomplete" {
  const { text, open } = reading;
  reading.at = tag + element.name.length + 3;
  if (!text.startsWith(element.name, tag + 2) || text.charAt(reading.at - 1) !== ">") return unfinished(text, tag);
  open.pop();
  return open.length === 0 ? element : "more";
}

/** What does not fit may only lack its end. */
function unfinished(text: string, tag: number): "incomplete" {
  if (text.indexOf(">", tag) < 0) return "incomplete";
  throw new Complex();
}

/** The element that the tag begins; leaves START_TAG's index behind it. */
function readStartTag(text: string, tag: number, parentNamespace: string): Building | "incomplete" {
  START_TAG.lastIndex = tag;
  if (!START_TAG.test(text)) return unfinished(text, tag);
  // The expression has seen that all is in its place: now it is found by plain looking, without an array for each match.
  const endOfName = skipName(text, tag + 1);
  const name = text.slice(tag + 1, endOfName);
  const attributes = readAttributes(text, endOfName);
  return { name, namespace: attributes["xmlns"] ?? parentNamespace, attributes, children: [] };
}

/** The index of the first character that is no part of a name in a tag. */
function skipName(text: string, from: number): number {
  for (let at = from; ; at++) {
    const code = text.charCodeAt(at);
    if (code === SPACE || code === SLASH || code === END_OF_TAG) return at;
  }
}

function readAttributes(text: string, from: number): Record<string, string> {
  const attributes = new Attributes();
  for (let at = from; text.charCodeAt(at) === SPACE; ) {
    const equals = text.indexOf("=", at);
    const name = text.slice(at + 1, equals);
    if (name in attributes || (name.includes(":") && name !== "xml:lang")) throw new Complex();
    const end = text.indexOf(text.charAt(equals + 1), equals + 2);
    attributes[name] = decodeText(text.slice(equals + 2, end));
    at = end + 1;
  }
  return attributes;
}

const decodeText = (text: string): string => (text.includes("&") ? text.replace(REFERENCE, decodeReference) : text);

function decodeReference(reference: string): string {
  const character = ENTITIES.get(reference);
  if (character === undefined) throw new Complex();
  return character;
}
