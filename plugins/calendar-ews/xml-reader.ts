import { type XmlHandler, XmlReader as XmlStream } from "../shared-http/xml-reader.ts";
import { ewsError } from "./ews-errors.ts";

export type { XmlHandler };

/** Whose document it is (for error texts), and how much of it is read. */
export interface XmlSource {
  readonly host: string;
  readonly maxCharacters: number;
  /** The root element's name; `Envelope` where not given. */
  readonly root?: string;
}

/** Reads one SOAP envelope, or a document of another root, cut anywhere, under limits. Throws GatewayError. */
export class XmlReader {
  readonly #stream: XmlStream;

  constructor(handler: XmlHandler, { host, maxCharacters, root = "Envelope" }: XmlSource) {
    this.#stream = new XmlStream(handler, {
      maxCharacters,
      root,
      format: root === "Envelope" ? "SOAP" : root,
      webPage: () => ewsError("ews-not-xml", `${host}: a web page came instead of an EWS answer`),
      bad: (what, cause) => ewsError("ews-bad-answer", `${host}: ${what}`, { cause }),
    });
  }

  /** True once the root element has ended. */
  get isComplete(): boolean {
    return this.#stream.isComplete;
  }

  /** Takes the next piece of the document. */
  write(text: string): void {
    this.#stream.write(text);
  }

  /** The document is over; throws when it was cut short. */
  end(): void {
    this.#stream.end();
  }
}
