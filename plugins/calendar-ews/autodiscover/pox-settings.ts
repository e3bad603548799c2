/** Autodiscover by plain XML (MS-OXDSCLI 3): Exchange 2007, which knows no other; one user a request. */
import type { Mailbox } from "../../../src/core/addresses.ts";
import { escapeXml } from "../../../src/lib/xml.ts";
import type { Operation } from "../ews-client.ts";
import { type AnswerDecoder, utf8Decoder } from "../soap-answer.ts";
import { type XmlHandler, XmlReader } from "../xml-reader.ts";
import { type PlaceAnswer, placeOf } from "./place.ts";

const SCHEMA = "http://schemas.microsoft.com/exchange/autodiscover/outlook";
// Real answers have 3 to 20 kB.
const MAX_CHARACTERS = 1024 * 1024;

/** A request for the settings of one user. */
export const encodePoxRequest = (mailbox: Mailbox): string =>
  `<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="${SCHEMA}/requestschema/2006"><Request>` +
  `<EMailAddress>${escapeXml(mailbox)}</EMailAddress>` +
  `<AcceptableResponseSchema>${SCHEMA}/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>`;

/** The settings of one user at an endpoint `autodiscover.xml`. */
export const poxOperation = (mailbox: Mailbox, host: string): Operation<PlaceAnswer> => ({
  encode: () => ({ body: encodePoxRequest(mailbox) }),
  decoder: () => poxDecoder(host),
});

/** Decodes one answer; throws GatewayError for what is none. */
export function poxDecoder(host: string): AnswerDecoder<PlaceAnswer> {
  const body = new PoxBody();
  const reader = new XmlReader(body, { host, maxCharacters: MAX_CHARACTERS, root: "Autodiscover" });
  const decode = utf8Decoder(host);
  return {
    serverVersion: undefined,
    write: (bytes) => reader.write(decode(bytes)),
    end() {
      reader.write(decode());
      reader.end();
      return body.answer;
    },
  };
}

/** Protocol types whose EwsUrl is for clients outside, and inside (MS-OXDSCLI 2.2.4.1.1.2.6.36 Type). */
const NAMES: ReadonlyMap<string, string> = new Map([
  ["EXPR", "ExternalEwsUrl"],
  ["EXCH", "InternalEwsUrl"],
]);

class PoxBody implements XmlHandler {
  readonly #settings = new Map<string, string>();
  readonly #texts = new Map<string, string>();
  /** A Protocol of type WEB has others inside. */
  #protocols = 0;
  #type = "";
  #url = "";

  /** What the whole answer says. */
  get answer(): PlaceAnswer {
    const action = this.#texts.get("Action")?.toLowerCase();
    if (action === "redirectaddr") return { kind: "redirect-address", address: this.#texts.get("RedirectAddr") ?? "" };
    if (action === "redirecturl") return { kind: "redirect-url", url: this.#texts.get("RedirectUrl") ?? "" };
    const place = placeOf(this.#settings);
    if (place) return { kind: "place", place };
    const why = `${this.#texts.get("ErrorCode") ?? ""} ${this.#texts.get("Message") ?? ""}`.trim();
    return { kind: "unknown", why: why.slice(0, 200) || "no EWS address" };
  }

  open(name: string): void {
    if (name !== "Protocol") return;
    this.#protocols += 1;
    if (this.#protocols === 1) [this.#type, this.#url] = ["", ""];
  }

  close(name: string, text: string): void {
    if (name === "Protocol") this.#closeProtocol();
    else if (this.#protocols === 0) this.#closeOutside(name, text.trim());
    else if (this.#protocols > 1) return;
    else if (name === "Type") this.#type = text.trim().toUpperCase();
    else if (name === "EwsUrl") this.#url = text.trim();
    else if (name === "GroupingInformation") this.#settings.set(name, text.trim());
  }

  #closeOutside(name: string, text: string): void {
    if (["Action", "RedirectAddr", "RedirectUrl", "ErrorCode", "Message"].includes(name)) this.#texts.set(name, text);
  }

  #closeProtocol(): void {
    this.#protocols -= 1;
    const name = NAMES.get(this.#type);
    if (this.#protocols === 0 && name !== undefined && this.#url !== "") this.#settings.set(name, this.#url);
  }
}
