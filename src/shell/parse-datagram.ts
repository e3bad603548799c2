/** A request that came as one datagram. */
export interface DatagramRequest {
  /** Path and query of the target. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

// What servers send has some 100 bytes.
const LARGEST_HEAD = 8192;
const MOST_HEADERS = 64;
const START_LINE = /^NOTIFY ((?:[a-z]+:\/\/[^/\s]+)?\/[!-~]*) HTTP\/1\.[01]$/i;
const HEADER = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*(.*?)[ \t]*$/;

/** Reads a NOTIFY of HTTP over UDP (draft-goland-http-udp): start line, headers, a body if there is one; undefined for anything else. */
export function parseDatagram(bytes: Uint8Array): DatagramRequest | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const text = buffer.toString("latin1", 0, LARGEST_HEAD);
  // Each character is one byte, so that places in the text are places in the datagram.
  const end = /\r?\n\r?\n|\r?\n$/.exec(text);
  if (!end) return undefined;
  const [start = "", ...lines] = text.slice(0, end.index).split(/\r?\n/);
  const target = START_LINE.exec(start)?.[1];
  const headers = parseHeaders(lines);
  if (target === undefined || !headers) return undefined;
  const path = target.replace(/^[a-z]+:\/\/[^/]+/i, "");
  return { path, headers, body: buffer.subarray(end.index + end[0].length) };
}

function parseHeaders(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  if (lines.length > MOST_HEADERS) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ""] = HEADER.exec(line) ?? [];
    if (name === undefined) return undefined;
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}
