/** XML namespace of the EWS messages. */
export const MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages";
/** XML namespace of the EWS types. */
export const TYPES = "http://schemas.microsoft.com/exchange/services/2006/types";
/** XML namespace of SOAP 1.1. */
export const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors";
const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';

/** A refusal in Exchange's words: thrown by an operation, sent as a SOAP fault or as one error message of a batch. */
export class EwsFault extends Error {
  readonly code: string;
  readonly backOffMilliseconds: number | undefined;

  constructor(code: string, text: string, backOffMilliseconds?: number) {
    super(text);
    this.code = code;
    this.backOffMilliseconds = backOffMilliseconds;
  }
}

/** Text fit for element content and attribute values; characters that XML 1.0 forbids become U+FFFD. */
export function escapeXml(text: string): string {
  return text
    .replace(/[&<>"]/g, (character) => ESCAPES.get(character) ?? character)
    .replace(FORBIDDEN_CHARACTERS, "\uFFFD");
}
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
]);
// XML 1.0 §2.2, Char: control characters, lone surrogates, U+FFFE and U+FFFF are no characters.
const FORBIDDEN_CHARACTERS = /[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu;

/** A whole answer around `body`; `versionInfo` are the attributes of ServerVersionInfo. */
export function encodeEnvelope(versionInfo: string, body: string): string {
  return (
    `${DECLARATION}<s:Envelope xmlns:s="${SOAP}"><s:Header><h:ServerVersionInfo ${versionInfo} xmlns:h="${TYPES}" xmlns="${TYPES}"/></s:Header>` +
    `<s:Body xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">${body}</s:Body></s:Envelope>`
  );
}

/** A SOAP fault as Exchange sends it, with the response code in `detail`, or without any detail. */
export function encodeFault(fault: EwsFault, detail: "with-detail" | "without-detail" = "with-detail"): string {
  const code = escapeXml(fault.code);
  const text = escapeXml(fault.message);
  const inner = detail === "with-detail" ? encodeDetail(fault, code, text) : "";
  return (
    `${DECLARATION}<s:Envelope xmlns:s="${SOAP}"><s:Body><s:Fault><faultcode xmlns:a="${TYPES}">a:${code}</faultcode>` +
    `<faultstring xml:lang="en-US">${text}</faultstring>${inner}</s:Fault></s:Body></s:Envelope>`
  );
}

function encodeDetail(fault: EwsFault, code: string, text: string): string {
  const backOff =
    fault.backOffMilliseconds === undefined
      ? ""
      : `<t:MessageXml xmlns:t="${TYPES}"><t:Value Name="BackOffMilliseconds">${fault.backOffMilliseconds}</t:Value></t:MessageXml>`;
  return `<detail><e:ResponseCode xmlns:e="${ERRORS}">${code}</e:ResponseCode><e:Message xmlns:e="${ERRORS}">${text}</e:Message>${backOff}</detail>`;
}

/** The body of an operation's answer: its response messages in their wrapper. */
export function encodeResponse(operation: string, messages: string): string {
  return `<m:${operation}Response xmlns:m="${MESSAGES}" xmlns:t="${TYPES}"><m:ResponseMessages>${messages}</m:ResponseMessages></m:${operation}Response>`;
}

/** One response message: what `content` returns, or the fault that it throws, so that one bad element spares the others. */
export function encodeMessage(operation: string, content: () => string, onError = ""): string {
  try {
    return `<m:${operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>${content()}</m:${operation}ResponseMessage>`;
  } catch (error) {
    if (!(error instanceof EwsFault)) throw error;
    return `<m:${operation}ResponseMessage ResponseClass="Error">${encodeError(error)}${onError}</m:${operation}ResponseMessage>`;
  }
}

/** The children that every error message has, in the schema's order. */
export function encodeError(fault: EwsFault): string {
  return `<m:MessageText>${escapeXml(fault.message)}</m:MessageText><m:ResponseCode>${escapeXml(fault.code)}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>`;
}
