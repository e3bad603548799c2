import { utf8Decoder, type XmlHandler, XmlReader } from "../shared-http/xml-reader.ts";
import { webdavError } from "./webdav-errors.ts";

/** One response of a multistatus (RFC 2518 12.9). */
export interface DavResponse {
  readonly href: string;
  /** Its own, or that of its properties; 200 when it has none. */
  readonly status: number;
  /** Properties that the server has (propstat 200), by local name: text only. */
  readonly properties: ReadonlyMap<string, string>;
  /** Exchange's answers to POLL and the like name the subscriptions that they are about. */
  readonly subscriptionIds: readonly string[];
}

interface Draft {
  href: string;
  status: number | undefined;
  readonly properties: Map<string, string>;
  readonly subscriptionIds: string[];
}

interface PropstatDraft {
  status: number | undefined;
  readonly properties: Map<string, string>;
}

// 1001 entries of a calendar, with long names of folders and entries in each, are less than 2 MB.
const MAX_CHARACTERS = 4 * 1024 * 1024;
const MAX_RESPONSES = 2000;
const MAX_IDS = 1000;

const tooMany = "the answer has too many parts";

/** Collects the responses; only properties of the names asked for are kept. */
class MultistatusHandler implements XmlHandler {
  readonly responses: DavResponse[] = [];
  readonly #wanted: ReadonlySet<string>;
  readonly #refuse: (what: string) => Error;
  #ids = 0;
  #response: Draft | undefined;
  #propstat: PropstatDraft | undefined;

  constructor(wanted: ReadonlySet<string>, refuse: (what: string) => Error) {
    this.#wanted = wanted;
    this.#refuse = refuse;
  }

  open(name: string): void {
    if (name === "response")
      this.#response = { href: "", status: undefined, properties: new Map(), subscriptionIds: [] };
    else if (name === "propstat") this.#propstat = { status: undefined, properties: new Map() };
  }

  close(name: string, text: string): void {
    const response = this.#response;
    if (!response) return;
    if (name === "response") this.#finish(response);
    else if (name === "propstat") this.#merge(response);
    else if (name === "li") this.#addId(response, text.trim());
    else if (name === "status") (this.#propstat ?? response).status = readStatus(text);
    else if (this.#propstat && this.#wanted.has(name)) this.#propstat.properties.set(name, text.trim());
    else if (!this.#propstat && name === "href") response.href = text.trim();
  }

  #finish({ status, ...rest }: Draft): void {
    if (this.responses.length >= MAX_RESPONSES) throw this.#refuse(tooMany);
    this.responses.push({ ...rest, status: status ?? 200 });
    this.#response = undefined;
    this.#propstat = undefined;
  }

  #merge(response: Draft): void {
    const { status, properties } = this.#propstat ?? { status: undefined, properties: new Map<string, string>() };
    this.#propstat = undefined;
    // Properties that the server lacks stand in a propstat of their own, with status 404 and without text.
    if ((status ?? 200) === 200) for (const [name, text] of properties) response.properties.set(name, text);
    response.status = response.status === 200 ? 200 : (status ?? response.status);
  }

  #addId(response: Draft, id: string): void {
    this.#ids += 1;
    if (this.#ids > MAX_IDS) throw this.#refuse(tooMany);
    response.subscriptionIds.push(id);
  }
}

/** `HTTP/1.1 200 OK`; 0 for what is none. */
const readStatus = (text: string): number => Number(/^\s*HTTP\/\d\.\d\s+(\d{3})\b/.exec(text)?.[1] ?? 0);

/** Reads a multistatus that comes in pieces; both methods throw GatewayError. */
export interface MultistatusDecoder {
  write(bytes: Uint8Array): void;
  end(): readonly DavResponse[];
}

/** A decoder for one answer of the host that keeps the properties of these local names. */
export function multistatusDecoder(host: string, properties: readonly string[]): MultistatusDecoder {
  const bad = (what: string, cause?: unknown) => webdavError("webdav-bad-answer", `${host}: ${what}`, { cause });
  const handler = new MultistatusHandler(new Set(properties), bad);
  const reader = new XmlReader(handler, {
    maxCharacters: MAX_CHARACTERS,
    root: "multistatus",
    format: "WebDAV",
    webPage: () => webdavError("webdav-not-xml", `${host}: a web page came instead of a WebDAV answer`),
    bad,
  });
  const decode = utf8Decoder(bad);
  return {
    write: (bytes) => reader.write(decode(bytes)),
    end() {
      reader.write(decode());
      reader.end();
      return handler.responses;
    },
  };
}
