import { SaxesParser } from "saxes";
import { GatewayError } from "../../src/ports/errors.ts";

/** What is told about elements: local names only, for real answers mix prefixes and namespaces. */
export interface XmlHandler {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  /** `text` is what stood since the last tag: the content of an element without children. */
  close(name: string, text: string): void;
}

/** How much of a document is read, what its root may be, and how it is refused. */
export interface XmlTerms {
  readonly maxCharacters: number;
  /** Local name of the root element. */
  readonly root: string;
  /** What follows "the answer is XML, but not". */
  readonly format: string;
  /** The error for a web page (a login page, a proxy in between) where XML was expected. */
  readonly webPage: () => GatewayError;
  /** The error for a document that is not taken; `what` is a sentence without its end. */
  readonly bad: (what: string, cause?: unknown) => GatewayError;
}

// Real answers nest about 12 deep.
const MAX_DEPTH = 64;

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

/** Reads one XML document, cut anywhere, under limits. No DOCTYPE, so no entity beyond the five of XML. Throws GatewayError. */
export class XmlReader {
  readonly #parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false });
  readonly #handler: XmlHandler;
  readonly #terms: XmlTerms;
  #left: number;
  #depth = 0;
  #text = "";
  #isComplete = false;

  constructor(handler: XmlHandler, terms: XmlTerms) {
    this.#handler = handler;
    this.#terms = terms;
    this.#left = terms.maxCharacters;
    this.#parser.on("opentag", ({ name, attributes }) => this.#open(name, attributes));
    this.#parser.on("closetag", ({ name }) => this.#close(name));
    this.#parser.on("text", (text) => this.#addText(text));
    this.#parser.on("cdata", (text) => this.#addText(text));
    this.#parser.on("doctype", (text) => this.#refuseDoctype(text));
  }

  /** True once the root element has ended. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** Takes the next piece of the document. */
  write(text: string): void {
    this.#left -= text.length;
    if (this.#left < 0) throw this.#terms.bad("the answer is too large");
    this.#guard(() => this.#parser.write(text));
  }

  /** The document is over; throws when it was cut short. */
  end(): void {
    if (!this.#isComplete) throw this.#terms.bad("the answer is truncated");
    this.#guard(() => this.#parser.close());
  }

  #guard(parse: () => void): void {
    try {
      parse();
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw this.#terms.bad("the answer is not well-formed XML", error);
    }
  }

  #open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#depth === 0) this.#checkRoot(localName(name));
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#terms.bad(`the answer nests deeper than ${MAX_DEPTH} elements`);
    this.#text = "";
    this.#handler.open(localName(name), attributes);
  }

  #close(name: string): void {
    this.#depth -= 1;
    this.#handler.close(localName(name), this.#text);
    this.#text = "";
    this.#isComplete = this.#depth === 0;
  }

  #addText(text: string): void {
    this.#text = this.#text === "" ? text : this.#text + text;
  }

  #checkRoot(name: string): void {
    if (name.toLowerCase() === "html") throw this.#terms.webPage();
    if (name !== this.#terms.root) throw this.#terms.bad(`the answer is XML, but not ${this.#terms.format}`);
  }

  #refuseDoctype(text: string): never {
    throw /^\s*html/i.test(text)
      ? this.#terms.webPage()
      : this.#terms.bad("the answer has a document type declaration");
  }
}

/** Bytes to text across any cut; throws the error of `bad` for what is no UTF-8. */
export function utf8Decoder(bad: XmlTerms["bad"]): (bytes?: Uint8Array) => string {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  return (bytes) => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (error) {
      throw bad("the answer is not UTF-8", error);
    }
  };
}
