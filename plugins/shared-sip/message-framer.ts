import { LONGEST_HEAD, SipMessage, SipSyntaxError } from "./sip-message.ts";

/** Documents of a presence server have a few kilobytes; what is longer than this is not ours to read. */
const LONGEST_BODY = 262_144;

/** The length of the body that the message names; undefined where it names none. Throws SipSyntaxError. */
function bodyLength(message: SipMessage): number | undefined {
  const [first, ...more] = message.headers("content-length");
  if (first === undefined) return undefined;
  const length = /^\d{1,9}$/.test(first) ? Number(first) : Number.NaN;
  if (!(length <= LONGEST_BODY) || more.some((each) => each !== first))
    throw new SipSyntaxError("the length of the body is not valid, or too large");
  return length;
}

/** Cuts a stream of bytes into messages by Content-Length (RFC 3261 18.3). After a throw the stream is of no use. */
export class MessageFramer {
  readonly #onPing: () => void;
  #rest = "";
  /** Where the end of the head has not been looked for yet. */
  #scanned = 0;
  #open: { readonly message: SipMessage; readonly length: number } | undefined;

  /** @param onPing called for line breaks between messages: keep-alives of the other side (RFC 5626 3.5.1) */
  constructor(onPing: () => void = () => undefined) {
    this.#onPing = onPing;
  }

  /** Takes the next bytes of the stream; yields the messages that are complete. Throws SipSyntaxError. */
  *push(chunk: Buffer): Generator<SipMessage> {
    this.#rest += chunk.toString("latin1");
    for (;;) {
      this.#open ??= this.#takeHead();
      if (!this.#open || this.#rest.length < this.#open.length) return;
      const { message, length } = this.#open;
      this.#open = undefined;
      if (length > 0) message.withBody(this.#take(length));
      yield message;
    }
  }

  #takeHead(): { readonly message: SipMessage; readonly length: number } | undefined {
    this.#skipLineBreaks();
    const end = this.#rest.indexOf("\r\n\r\n", this.#scanned);
    if ((end < 0 ? this.#rest.length : end) > LONGEST_HEAD) throw new SipSyntaxError("a head is too long");
    if (end < 0) {
      this.#scanned = Math.max(0, this.#rest.length - 3);
      return undefined;
    }
    const message = SipMessage.parse(this.#take(end));
    this.#take(4);
    // Without a length there is no telling where a body ends: then there is none.
    return { message, length: bodyLength(message) ?? 0 };
  }

  #skipLineBreaks(): void {
    while (this.#rest.startsWith("\r\n")) {
      this.#take(2);
      this.#onPing();
    }
  }

  #take(length: number): string {
    const taken = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    this.#scanned = 0;
    return taken;
  }
}

/** The message in one datagram; what follows its body is no part of it (RFC 3261 18.3). Throws SipSyntaxError. */
export function parseDatagram(datagram: Buffer): SipMessage | undefined {
  const text = datagram.toString("latin1").replace(/^(?:\r\n)+/, "");
  if (text === "") return undefined; // a keep-alive
  const end = text.indexOf("\r\n\r\n");
  if (end < 0 || end > LONGEST_HEAD) throw new SipSyntaxError("a datagram holds no whole head");
  const message = SipMessage.parse(text.slice(0, end));
  const body = text.slice(end + 4);
  const length = bodyLength(message) ?? body.length;
  if (length > body.length) throw new SipSyntaxError("a datagram is shorter than its message");
  return message.withBody(body.slice(0, length));
}
