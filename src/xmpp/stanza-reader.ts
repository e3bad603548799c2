import { StringDecoder } from "node:string_decoder";
import { SaxesParser } from "saxes";
import type { XmlElement } from "../ports/xml-element.ts";
import { readSimpleStanza } from "./simple-stanza.ts";

/** What a stanza may cost. */
export interface StanzaLimits {
  /** Bytes of one stanza; a longer one is read past. */
  readonly bytes: number;
  /** Levels of elements in one stanza; a deeper one is read past. */
  readonly depth: number;
}

/** What the reader tells. */
export interface StanzaReaderHandlers {
  readonly onOpen: (header: XmlElement) => void;
  readonly onStanza: (element: XmlElement) => void;
  /** A stanza was over a limit and is lost; the stream goes on. */
  readonly onDropped: (limit: keyof StanzaLimits) => void;
  readonly onClose: () => void;
}

/** The stream's XML is not what RFC 6120 allows; the stream cannot be read any further. */
export class StreamFormatError extends Error {
  override readonly name = "StreamFormatError";
}

/** A stanza this many times over the limit ends the stream: the parser holds one text or attribute as a whole. */
const UNREADABLE_FACTOR = 8;

/** Characters of a stanza cut by the chunk's end that wait for the rest of it rather than go to the parser. */
const LONGEST_REMAINDER = 4096;

const XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace";

type Scope = Readonly<Record<string, string>>;

interface Building extends XmlElement {
  readonly children: (Building | string)[];
}

interface Tag {
  readonly name: string;
  readonly attributes: Record<string, string>;
}

/**
 * Cuts an XML stream into stanzas, whatever the chunks. A stanza over a limit is read past rather than answered with
 * the stream's end: users can make the server forward one (a quotation mark grows six times when it is escaped), and
 * nobody may cut the link for all. Document types, comments, processing instructions (RFC 6120 11.1) and what is not
 * well-formed throw StreamFormatError.
 */
export class StanzaReader {
  readonly #limits: StanzaLimits;
  readonly #handlers: StanzaReaderHandlers;
  readonly #decoder = new StringDecoder("utf8");
  readonly #parser = new SaxesParser({ xmlns: false, position: false });
  readonly #open: { readonly element: Building; readonly scope: Scope }[] = [];
  #rootScope: Scope = Object.create(null);
  #depth = 0;
  #dropped: keyof StanzaLimits | undefined;
  /** Bytes since the last stanza ended, up to the end of the present chunk. */
  #bytes = 0;
  /** Where the present chunk ends, in UTF-16 units since the beginning, like the parser's position while it parses. */
  #chunkEnd = 0;
  /** Where the parser was when the last stanza, or the header, ended. */
  #lastEnd = -1;
  /** The beginning of a stanza that the parser has not seen. */
  #remainder = "";
  #isOver = false;

  constructor(limits: StanzaLimits, handlers: StanzaReaderHandlers) {
    this.#limits = limits;
    this.#handlers = handlers;
    const refuse = (what: string) => (): void => this.#fail(`${what} is not allowed in a stream (RFC 6120 11.1)`);
    this.#parser.on("doctype", refuse("a document type"));
    this.#parser.on("comment", refuse("a comment"));
    this.#parser.on("processinginstruction", refuse("a processing instruction"));
    this.#parser.on("error", (error) => this.#fail(error.message));
    this.#parser.on("opentag", (tag) => this.#onOpenTag(tag));
    this.#parser.on("closetag", () => this.#onCloseTag());
    this.#parser.on("text", (text) => this.#onText(text));
    this.#parser.on("cdata", (text) => this.#onText(text));
  }

  /** Reads a chunk; ignores what comes after the stream's end. Throws StreamFormatError, and ignores all after that. */
  write(chunk: Buffer): void {
    if (this.#isOver) return;
    const text = this.#remainder + this.#decoder.write(chunk);
    this.#remainder = "";
    for (let at = 0; at < text.length && !this.#isOver; )
      at = this.#isBetween ? this.#readNext(text, at) : this.#parse(text, at);
  }

  /** Between two stanzas, with nothing half read. */
  get #isBetween(): boolean {
    return this.#depth === 1 && this.#lastEnd === this.#chunkEnd;
  }

  /** Reads a simple stanza, or sets aside the beginning of one, or leaves it to the parser; returns the index behind. */
  #readNext(text: string, at: number): number {
    const from = skipSpace(text, at);
    if (from === text.length) return from;
    const { bytes, depth } = this.#limits;
    // No character takes more than three bytes of UTF-8 per code unit.
    const limits = { namespace: this.#rootScope[""] ?? "", length: bytes / 3, depth };
    const simple = readSimpleStanza(text, from, limits);
    if (simple === "incomplete" && text.length - from <= LONGEST_REMAINDER) {
      this.#remainder = text.slice(from);
      return text.length;
    }
    if (typeof simple === "string") return this.#parse(text, from);
    this.#handlers.onStanza(simple.stanza);
    return simple.end;
  }

  /** Gives the parser what goes up to the end of a tag, so that it never sees what may be read without it. */
  #parse(text: string, from: number): number {
    const end = text.indexOf(">", from) + 1 || text.length;
    const part = text.slice(from, end);
    this.#bytes += Buffer.byteLength(part);
    this.#chunkEnd += part.length;
    this.#parser.write(part);
    if (this.#bytes > this.#limits.bytes * UNREADABLE_FACTOR) this.#fail(`a stanza is over ${this.#bytes} bytes long`);
    return end;
  }

  #fail(message: string): never {
    this.#isOver = true;
    throw new StreamFormatError(message);
  }

  /** Bytes of the stanza so far; what of the chunk was not read yet is counted in UTF-16 units. */
  #size(): number {
    return this.#bytes - Math.max(0, this.#chunkEnd - this.#parser.position);
  }

  #onOpenTag(tag: Tag): void {
    if (this.#isOver) return;
    this.#depth++;
    if (this.#depth === 1) this.#onHeader(tag);
    else this.#onElement(tag);
  }

  #onElement(tag: Tag): void {
    if (this.#depth - 1 > this.#limits.depth) this.#dropped ??= "depth";
    if (this.#size() > this.#limits.bytes) this.#dropped ??= "bytes";
    if (this.#dropped) return;
    const parent = this.#open.at(-1);
    const scope = scopeOf(tag, parent?.scope ?? this.#rootScope);
    const element = buildElement(tag, scope);
    parent?.element.children.push(element);
    this.#open.push({ element, scope });
  }

  #onHeader(tag: Tag): void {
    this.#rootScope = scopeOf(tag, this.#rootScope);
    this.#bytes = Math.max(0, this.#chunkEnd - this.#parser.position);
    this.#lastEnd = this.#parser.position;
    this.#handlers.onOpen(buildElement(tag, this.#rootScope));
  }

  #onCloseTag(): void {
    if (this.#isOver) return;
    this.#depth--;
    if (this.#depth === 0) {
      this.#isOver = true;
      this.#handlers.onClose();
    } else if (this.#depth === 1) this.#onStanzaEnd();
    else if (!this.#dropped) this.#open.pop();
  }

  #onStanzaEnd(): void {
    const limit = this.#dropped ?? (this.#size() > this.#limits.bytes ? "bytes" : undefined);
    const stanza = this.#open[0]?.element;
    this.#open.length = 0;
    this.#dropped = undefined;
    this.#bytes = Math.max(0, this.#chunkEnd - this.#parser.position);
    this.#lastEnd = this.#parser.position;
    if (limit) this.#handlers.onDropped(limit);
    else if (stanza) this.#handlers.onStanza(stanza);
  }

  #onText(text: string): void {
    if (this.#dropped) return;
    const children = this.#open.at(-1)?.element.children;
    // Between stanzas there is only white space that keeps the connection alive (RFC 6120 4.6.1).
    if (!children) return;
    const last = children.length - 1;
    const before = children[last];
    if (typeof before === "string") children[last] = before + text;
    else children.push(text);
  }
}

const SPACE = /[ \t\r\n]*/y;

function skipSpace(text: string, from: number): number {
  SPACE.lastIndex = from;
  SPACE.exec(text);
  return SPACE.lastIndex;
}

/** The namespaces declared by the tag on top of its parent's; prefix "" is the default. */
function scopeOf(tag: Tag, parent: Scope): Scope {
  let scope: Record<string, string> | undefined;
  for (const name in tag.attributes) {
    if (!name.startsWith("xmlns") || (name.length > 5 && name[5] !== ":")) continue;
    // A chain rather than a copy: a hostile stanza cannot make each element pay for all prefixes above it.
    const own: Record<string, string> = scope ?? Object.create(parent);
    scope = own;
    own[name.slice("xmlns:".length)] = tag.attributes[name] ?? "";
  }
  return scope ?? parent;
}

/** Not every server checks prefixes: one that is not declared stays part of the name, in no namespace. */
function buildElement(tag: Tag, scope: Scope): Building {
  const colon = tag.name.indexOf(":");
  const prefix = colon < 0 ? "" : tag.name.slice(0, colon);
  const namespace = prefix === "xml" ? XML_NAMESPACE : scope[prefix];
  return {
    name: colon < 0 || namespace === undefined ? tag.name : tag.name.slice(colon + 1),
    namespace: namespace ?? "",
    attributes: tag.attributes,
    children: [],
  };
}
