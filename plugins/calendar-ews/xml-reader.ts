import { SaxesParser } from "saxes";
import { GatewayError } from "../../src/ports/errors.ts";
import { ewsError } from "./ews-errors.ts";

/** What is told about elements: local names only, for real answers mix prefixes and namespaces. */
export interface XmlHandler {
  open(name: string, attributes: Readonly<Record<string, string>>): void;
  /** `text` is what stood since the last tag: the content of an element without children. */
  close(name: string, text: string): void;
}

/** Whose document it is (for error texts), and how much of it is read. */
export interface XmlSource {
  readonly host: string;
  readonly maxCharacters: number;
  /** The root element's name; `Envelope` where not given. */
  readonly root?: string;
}

// Real answers nest about 12 deep.
const MAX_DEPTH = 64;

const localName = (name: string): string => name.slice(name.indexOf(":") + 1);

/** Reads one XML document, cut anywhere, under limits. No DOCTYPE, so no entity beyond the five of XML. Throws GatewayError. */
export class XmlReader {
  readonly #parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false });
  readonly #handler: XmlHandler;
  readonly #source: XmlSource;
  #left: number;
  #depth = 0;
  #text = "";
  #isComplete = false;

  constructor(handler: XmlHandler, source: XmlSource) {
    this.#handler = handler;
    this.#source = source;
    this.#left = source.maxCharacters;
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
    if (this.#left < 0) throw this.#bad("the answer is too large");
    this.#guard(() => this.#parser.write(text));
  }

  /** The document is over; throws when it was cut short. */
  end(): void {
    if (!this.#isComplete) throw this.#bad("the answer is truncated");
    this.#guard(() => this.#parser.close());
  }

  #guard(parse: () => void): void {
    try {
      parse();
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw this.#bad("the answer is not well-formed XML", error);
    }
  }

  #open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#depth === 0) this.#checkRoot(localName(name));
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw this.#bad(`the answer nests deeper than ${MAX_DEPTH} elements`);
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
    if (name.toLowerCase() === "html") throw this.#webPage();
    const { root = "Envelope" } = this.#source;
    if (name !== root) throw this.#bad(`the answer is XML, but not ${root === "Envelope" ? "SOAP" : root}`);
  }

  #refuseDoctype(text: string): never {
    throw /^\s*html/i.test(text) ? this.#webPage() : this.#bad("the answer has a document type declaration");
  }

  #webPage(): GatewayError {
    return ewsError("ews-not-xml", `${this.#source.host}: a web page came instead of an EWS answer`);
  }

  #bad(what: string, cause?: unknown): GatewayError {
    return ewsError("ews-bad-answer", `${this.#source.host}: ${what}`, { cause });
  }
}
