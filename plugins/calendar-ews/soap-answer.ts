import { utf8Decoder as decodeUtf8 } from "../shared-http/xml-reader.ts";
import { ewsError } from "./ews-errors.ts";
import { type EwsProblem, problemError } from "./response-problem.ts";
import { type XmlHandler, XmlReader } from "./xml-reader.ts";

/** An EWS response message: an element named `…ResponseMessage`, without what is particular to an operation. */
export interface ResponseMessage extends EwsProblem {
  readonly isSuccess: boolean;
}

/** What an operation reads of an answer's body. */
export interface BodyHandler extends XmlHandler {
  /** A response message has ended; its own elements were told by `open` and `close` before. */
  message(message: ResponseMessage): void;
}

interface Draft {
  isSuccess: boolean;
  code: string;
  text: string;
  readonly values: Map<string, string>;
}

const draft = (isSuccess: boolean): Draft => ({ isSuccess, code: "", text: "", values: new Map() });

/** The envelope around every answer: the server's version, SOAP faults, response messages. */
export class SoapEnvelope implements XmlHandler {
  readonly #body: BodyHandler;
  #valueName = "";
  #fault: Draft | undefined;
  #isInFault = false;
  #message: Draft | undefined;
  /** `15.2.1544` from ServerVersionInfo; undefined when the server does not say. */
  serverVersion: string | undefined;

  constructor(body: BodyHandler) {
    this.#body = body;
  }

  /** The SOAP fault, when the answer is one. */
  get fault(): EwsProblem | undefined {
    return this.#fault;
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (name === "Value") this.#valueName = attributes["Name"] ?? "";
    if (this.#isInFault) return;
    if (name === "Fault") {
      this.#fault = draft(false);
      this.#isInFault = true;
      return;
    }
    if (name === "ServerVersionInfo") this.serverVersion = readVersion(attributes);
    else if (name.endsWith("ResponseMessage"))
      this.#message = draft((attributes["ResponseClass"] ?? "Success") === "Success");
    this.#body.open(name, attributes);
  }

  close(name: string, text: string): void {
    if (this.#isInFault) {
      this.#closeInFault(name, text);
      return;
    }
    if (this.#message) this.#closeInMessage(this.#message, name, text);
    this.#body.close(name, text);
  }

  #closeInMessage(message: Draft, name: string, text: string): void {
    if (name === "ResponseCode") message.code = text.trim();
    else if (name === "MessageText") message.text = text;
    else if (name === "Value") message.values.set(this.#valueName, text.trim());
    else if (name.endsWith("ResponseMessage")) {
      this.#message = undefined;
      this.#body.message(message);
    }
  }

  /** SOAP 1.1 (Exchange) and SOAP 1.2 forms; ResponseCode in `detail` is exact, the fault code only a hint. */
  #closeInFault(name: string, text: string): void {
    const fault = this.#fault;
    if (!fault) return;
    if (name === "Fault") this.#isInFault = false;
    else if (name === "ResponseCode") fault.code = text.trim();
    else if (name === "faultcode") fault.code ||= /(?:^|:)(Error\w+)\s*$/.exec(text)?.[1] ?? "";
    else if (name === "faultstring" || name === "Text" || name === "Message") fault.text ||= text;
    else if (name === "Value" && this.#valueName !== "") fault.values.set(this.#valueName, text.trim());
  }
}

function readVersion(attributes: Readonly<Record<string, string>>): string | undefined {
  // Never the attribute Version: 2016, 2019 and SE all say V2017_07_11.
  const numbers = ["MajorVersion", "MinorVersion", "MajorBuildNumber"].map((name) => attributes[name] ?? "");
  return numbers.every((number) => /^\d{1,6}$/.test(number)) ? numbers.join(".") : undefined;
}

/** Reads an answer that comes in pieces; both methods throw GatewayError. */
export interface AnswerDecoder<Answer> {
  write(bytes: Uint8Array): void;
  end(): Answer;
  /** Known after the answer's header. */
  readonly serverVersion: string | undefined;
}

// 100 mailboxes with 1000 entries each, the most that EWS tells, are about 15 MB.
const MAX_CHARACTERS = 16 * 1024 * 1024;

/** Bytes to text across any cut; throws GatewayError for what is no UTF-8. */
export const utf8Decoder = (host: string): ((bytes?: Uint8Array) => string) =>
  decodeUtf8((what, cause) => ewsError("ews-bad-answer", `${host}: ${what}`, { cause }));

/** A decoder of answers of one document: `finish` makes the result when there was no fault. */
export function answerDecoder<Answer>(host: string, body: BodyHandler, finish: () => Answer): AnswerDecoder<Answer> {
  const envelope = new SoapEnvelope(body);
  const reader = new XmlReader(envelope, { host, maxCharacters: MAX_CHARACTERS });
  const decode = utf8Decoder(host);
  return {
    get serverVersion() {
      return envelope.serverVersion;
    },
    write: (bytes) => reader.write(decode(bytes)),
    end() {
      reader.write(decode());
      reader.end();
      if (envelope.fault) throw problemError(envelope.fault, host);
      return finish();
    },
  };
}

/** A body of which only the response messages matter. */
export const messagesOnly = (message: (message: ResponseMessage) => void): BodyHandler => ({
  open: () => undefined,
  close: () => undefined,
  message,
});
