import { tagOf } from "./client-transactions.ts";
import type { DigestRequest } from "./digest.ts";
import { encodeBody, encodeHeaders, requestLine } from "./encode-message.ts";
import type { RequestIdentity, SipLink } from "./sip-link.ts";
import { canonicalName } from "./sip-message.ts";
import type { SipHeader, SipRequest } from "./sip-server.ts";
import type { SipTransport } from "./sip-transport.ts";

/** What every request says of the gateway. */
export interface ComposeOptions {
  /** The value of User-Agent. */
  readonly userAgent: string;
  /** The value of P-Asserted-Identity (RFC 3325), for servers that trust the gateway by it. */
  readonly assertedIdentity?: string | undefined;
}

/** What is sent, and what the answer is known by. */
interface ComposedRequest {
  readonly identity: RequestIdentity;
  readonly text: string;
}

/** Writes requests: what the caller gives, and the headers that every request has (RFC 3261 8.1.1). */
export class ComposeRequest {
  readonly #own: string;
  readonly #instance: string;
  #count = 0;

  /** @param instance 128 random bits, so that nobody else can guess what answers are known by */
  constructor({ userAgent, assertedIdentity }: ComposeOptions, instance: string) {
    const asserted: readonly SipHeader[] =
      assertedIdentity === undefined ? [] : [["P-Asserted-Identity", assertedIdentity]];
    this.#own = encodeHeaders([...asserted, ["User-Agent", userAgent]]);
    this.#instance = instance;
  }

  /** A request with Call-ID, From tag and CSeq of its own, unless they are given. Throws `sip-request-invalid`. */
  begin({ method, target, headers, body = "" }: SipRequest): RequestDraft {
    const id = this.#nextId();
    const given = headers.some(isOwn) ? headers : NONE;
    const rest = given === NONE ? headers : headers.filter((header) => !isOwn(header));
    encodeHeaders(given); // throws for what cannot be written
    return new RequestDraft({
      line: requestLine(method, target),
      authorized: { method, uri: target, body },
      from: givenValue(given, "from") ?? `<${target}>;tag=${id}`,
      to: givenValue(given, "to") ?? `<${target}>`,
      callId: givenValue(given, "call-id") ?? id,
      cseq: Number.parseInt(givenValue(given, "cseq") ?? "1", 10),
      end: this.#own + encodeHeaders(rest) + encodeBody(body),
      makeBranch: this.#makeBranch,
    });
  }

  readonly #makeBranch = (): string => `z9hG4bK${this.#nextId()}`;

  /** Counted, since a branch that comes twice gives one user's answer to another. */
  #nextId(): string {
    return `${this.#instance}.${(++this.#count).toString(36)}`;
  }
}

interface DraftParts {
  readonly line: string;
  readonly authorized: DigestRequest;
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
  /** What is the same each time: further headers, and the body. */
  readonly end: string;
  readonly makeBranch: () => string;
}

/** One request, to be sent once or, after a challenge, again. */
export class RequestDraft {
  readonly #parts: DraftParts;

  constructor(parts: DraftParts) {
    this.#parts = parts;
  }

  /** What a login covers. */
  get authorized(): DigestRequest {
    return this.#parts.authorized;
  }

  /** The request as it is sent the first time (0) or again; each time with a branch and a CSeq of its own. */
  encode({ transport }: SipLink, login: readonly SipHeader[], attempt: number): ComposedRequest {
    const { line, authorized, from, to, callId, makeBranch, end } = this.#parts;
    const { method } = authorized;
    const cseq = this.#parts.cseq + attempt; // RFC 3261 22.2: counted on, in the same dialog
    const branch = makeBranch();
    const head =
      `Via: ${viaOf(transport, branch)}\r\nMax-Forwards: 70\r\nFrom: ${from}\r\nTo: ${to}\r\n` +
      `Call-ID: ${callId}\r\nCSeq: ${cseq} ${method}\r\n${encodeHeaders(login)}`;
    const identity = { branch, method, cseq, callId, fromTag: tagOf(from) ?? "" };
    return { identity, text: `${line}\r\n${head}${end}` };
  }
}

const NONE: readonly SipHeader[] = [];
const OWN: ReadonlySet<string> = new Set(["via", "max-forwards", "from", "to", "call-id", "cseq", "content-length"]);

const isOwn = ([name]: SipHeader): boolean => OWN.has(canonicalName(name));
const givenValue = (headers: readonly SipHeader[], wanted: string): string | undefined =>
  headers.find(([name]) => canonicalName(name) === wanted)?.[1];

/** `rport` asks for the answer at the port that the request came from (RFC 3581). */
const viaOf = (transport: SipTransport | undefined, branch: string): string =>
  `SIP/2.0/${transport?.name.toUpperCase()} ${transport?.localAddress}:${transport?.localPort};rport;branch=${branch}`;
