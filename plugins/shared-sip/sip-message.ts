/** Header names as they are compared; compact forms of RFC 3261 7.3.3, 3903, 6665. */
const COMPACT: ReadonlyMap<string, string> = new Map([
  ["i", "call-id"],
  ["m", "contact"],
  ["e", "content-encoding"],
  ["l", "content-length"],
  ["c", "content-type"],
  ["f", "from"],
  ["s", "subject"],
  ["k", "supported"],
  ["t", "to"],
  ["v", "via"],
  ["o", "event"],
  ["u", "allow-events"],
]);

/** The name of a header as it is compared: lower case, written out. */
export function canonicalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.length === 1 ? (COMPACT.get(lower) ?? lower) : lower;
}

/** What is not valid in a message's head, so that nothing after it on its stream can be relied upon. */
export class SipSyntaxError extends Error {
  override readonly name = "SipSyntaxError";
}

/** A head longer than this, or with more lines, is an attack or a mistake; real ones have 500 to 2,000 bytes. */
export const LONGEST_HEAD = 16_384;
const MOST_LINES = 200;

/**
 * A SIP message, cut but not interpreted: texts are one character a byte until they are asked for. Response and request
 * alike, since what is asked of both is the same few headers (a grammar takes a thousand times as long).
 */
export class SipMessage {
  readonly startLine: string;
  readonly #names: readonly string[];
  readonly #values: readonly string[];
  #body = "";

  private constructor(startLine: string, names: readonly string[], values: readonly string[]) {
    this.startLine = startLine;
    this.#names = names;
    this.#values = values;
  }

  /** Cuts a head (one character a byte, without the empty line at its end). Throws SipSyntaxError. */
  static parse(head: string): SipMessage {
    const names: string[] = [];
    const values: string[] = [];
    let end = head.indexOf("\r\n");
    const startLine = end < 0 ? head : head.slice(0, end);
    while (end >= 0) {
      const start = end + 2;
      end = head.indexOf("\r\n", start);
      const line = end < 0 ? head.slice(start) : head.slice(start, end);
      if (values.length >= MOST_LINES) throw new SipSyntaxError("too many header lines");
      if (isFolded(line)) values.push(`${values.pop() ?? ""} ${withoutBlanks(line)}`);
      else addField(line, names, values);
    }
    if (values.length !== names.length) throw new SipSyntaxError("the first header line is a continuation");
    return new SipMessage(startLine, names, values);
  }

  /** The same message with its body, one character a byte. */
  withBody(body: string): this {
    this.#body = body;
    return this;
  }

  /** The body; what is no UTF-8 in it is replaced. */
  get body(): string {
    return decoded(this.#body);
  }

  /** The message again, one character a byte: names in the form in which they are compared, lines unfolded. */
  get text(): string {
    const fields = this.#values.map((value, index) => `${this.#names[index]}: ${value}\r\n`);
    return `${this.startLine}\r\n${fields.join("")}\r\n${this.#body}`;
  }

  /** The start line of a response says so (RFC 3261 7.2). */
  get isResponse(): boolean {
    return this.startLine.startsWith("SIP/2.0 ");
  }

  /** The first header of the name. */
  header(name: string): string | undefined {
    const index = this.#names.indexOf(canonicalName(name));
    return index < 0 ? undefined : decoded(this.#values[index] ?? "");
  }

  /** Every header of the name, in order. */
  headers(name: string): readonly string[] {
    const wanted = canonicalName(name);
    return this.#values.filter((_, index) => this.#names[index] === wanted).map(decoded);
  }
}

// RFC 3261 7.3.1: a line that begins with white space continues the one before.
const isFolded = (line: string): boolean => line.startsWith(" ") || line.startsWith("\t");

const TOKEN = /^[\w\-.!%*+`'~]+$/;

function addField(line: string, names: string[], values: string[]): void {
  const colon = line.indexOf(":");
  const name = withoutBlanks(line.slice(0, Math.max(colon, 0)));
  if (colon < 0 || !TOKEN.test(name)) throw new SipSyntaxError("a header line has no name");
  names.push(canonicalName(name));
  values.push(withoutBlanks(line.slice(colon + 1)));
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09;

/** Not `trim`: that takes bytes of UTF-8 for blanks (0xA0). */
function withoutBlanks(bytes: string): string {
  let [start, end] = [0, bytes.length];
  while (start < end && isBlank(bytes.charCodeAt(start))) start++;
  while (end > start && isBlank(bytes.charCodeAt(end - 1))) end--;
  return bytes.slice(start, end);
}

const NOT_ASCII = /[\x80-\xff]/;

const decoded = (bytes: string): string =>
  NOT_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
