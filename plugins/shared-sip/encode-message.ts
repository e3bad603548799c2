import { sipError } from "./sip-errors.ts";
import type { SipHeader } from "./sip-server.ts";

// RFC 3261 7.3.1 and 25.1; a line break in a value would begin a header of somebody else's choosing.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;
const TOKEN = /^[\w\-.!%*+`'~]+$/;
const URI = /^[a-z][a-z\d+.-]*:[\x21\x23-\x3b\x3d\x3f-\x7e]+$/i;

const quote = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

/** Header lines. Throws `sip-request-invalid` for what would not be one. */
export function encodeHeaders(headers: readonly SipHeader[]): string {
  let text = "";
  for (const [name, value] of headers) {
    if (!TOKEN.test(name) || CONTROL.test(value))
      throw sipError("sip-request-invalid", `the header ${quote(name)} cannot have the value ${quote(value)}`);
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

/** The end of a message: its length in bytes, the empty line and the body; lone surrogates become U+FFFD there. */
export const encodeBody = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A message as it goes to the wire, in UTF-8. */
export const encodeMessage = (startLine: string, headers: readonly SipHeader[], body = ""): string =>
  `${startLine}\r\n${encodeHeaders(headers)}${encodeBody(body)}`;

/** The first line of a request. Throws `sip-request-invalid` for what is no method or URI. */
export function requestLine(method: string, uri: string): string {
  if (!TOKEN.test(method) || !URI.test(uri))
    throw sipError("sip-request-invalid", `${quote(method)} ${quote(uri)} cannot be requested`);
  return `${method} ${uri} SIP/2.0`;
}
