import { tagOf } from "./client-transactions.ts";
import { encodeMessage } from "./encode-message.ts";
import type { SipMessage } from "./sip-message.ts";
import type { IncomingSipRequest, SipHeader, SipReply } from "./sip-server.ts";

const REQUEST_LINE = /^([\w\-.!%*+`'~]{1,64}) (\S{1,1024}) SIP\/2\.0$/;
/** RFC 3261 8.1.1.5. */
const CSEQ = /^(\d{1,10})[ \t]+(\S+)$/;
const MOST_CSEQ = 2 ** 31;

/** What every request has (RFC 3261 8.1.1), or undefined where it has not, or has it twice. */
export function readRequest(message: SipMessage): IncomingSipRequest | undefined {
  const [, method, uri] = REQUEST_LINE.exec(message.startLine) ?? [];
  const [cseq, callId, from, to] = ["CSeq", "Call-ID", "From", "To"].map((name) => only(message.headers(name)));
  const [, count, name] = CSEQ.exec(cseq ?? "") ?? [];
  const isWhole = method !== undefined && uri !== undefined && name === method && Number(count) < MOST_CSEQ;
  if (!isWhole || !callId || !from || !to || message.headers("Via").length === 0) return undefined;
  return {
    method,
    uri,
    callId,
    cseq: Number(count),
    fromTag: tagOf(from) ?? "",
    toTag: tagOf(to),
    header: (wanted) => message.header(wanted),
    headers: (wanted) => message.headers(wanted),
    body: message.body,
  };
}

const only = (values: readonly string[]): string | undefined => (values.length === 1 ? values[0] : undefined);

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  403: "Forbidden",
  405: "Method Not Allowed",
  415: "Unsupported Media Type",
  481: "Subscription Does Not Exist",
  489: "Bad Event",
  500: "Server Internal Error",
  503: "Service Unavailable",
};

/** The response (RFC 3261 8.2.6.2) as text; undefined where the request lacks what a response is made of. */
export function encodeReply(message: SipMessage, reply: SipReply, makeTag: () => string): string | undefined {
  const copied = ["Via", "From", "To", "Call-ID", "CSeq"].map((name) => [name, message.headers(name)] as const);
  if (copied.some(([, values]) => values.length === 0)) return undefined;
  const headers: readonly SipHeader[] = copied.flatMap(([name, values]) =>
    values.map((value): SipHeader => [name, name === "To" && !tagOf(value) ? `${value};tag=${makeTag()}` : value]),
  );
  const line = `SIP/2.0 ${reply.status} ${reply.reason ?? REASONS[reply.status] ?? "See Status"}`;
  return encodeMessage(line, [...headers, ...(reply.headers ?? [])]);
}

/** What is said to a request that nobody here wants. */
export function defaultReply({ method }: IncomingSipRequest): SipReply | undefined {
  if (method === "ACK") return undefined; // never answered (RFC 3261 17.1.1.3)
  if (method === "OPTIONS") return { status: 200, headers: [["Allow", ALLOW]] };
  // RFC 6665 4.1.3: for no subscription of ours; a CANCEL finds nothing either (RFC 3261 9.2).
  if (method === "NOTIFY" || method === "CANCEL") return { status: 481 };
  return { status: 405, headers: [["Allow", ALLOW]] };
}

const ALLOW = "NOTIFY, OPTIONS";
