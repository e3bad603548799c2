import { tagOf } from "./client-transactions.ts";
import type { DigestRequest } from "./digest.ts";
import { encodeMessage, requestLine } from "./encode-message.ts";
import type { RequestIdentity, SipLink } from "./sip-link.ts";
import { canonicalName } from "./sip-message.ts";
import type { SipHeader, SipRequest } from "./sip-server.ts";

/** What every request says of the gateway. */
export interface ComposeOptions {
  /** The value of User-Agent. */
  readonly userAgent: string;
  /** The value of P-Asserted-Identity (RFC 3325), for servers that trust the gateway by it. */
  readonly assertedIdentity?: string | undefined;
}

/** One request, to be sent once or, after a challenge, again. */
interface RequestDraft {
  readonly authorized: DigestRequest;
  /** The request as it is sent the first time (0) or again; each time with a branch and a CSeq of its own. */
  encode(link: SipLink, login: readonly SipHeader[], attempt: number): ComposedRequest;
}

/** What is sent, and what the answer is known by. */
interface ComposedRequest {
  readonly identity: RequestIdentity;
  readonly text: string;
}

/** Writes requests: what the caller gives, and the headers that every request has (RFC 3261 8.1.1). */
export class ComposeRequest {
  readonly #options: ComposeOptions;
  readonly #makeId: () => string;

  /** @param makeId 128 bits: a branch that comes twice gives one user's answer to another */
  constructor(options: ComposeOptions, makeId: () => string) {
    this.#options = options;
    this.#makeId = makeId;
  }

  /** A request with Call-ID, From tag and CSeq of its own, unless they are given. */
  begin({ method, target, headers, body = "" }: SipRequest): RequestDraft {
    const line = requestLine(method, target);
    const given = new Map(headers.map(([name, value]) => [canonicalName(name), value]));
    const id = this.#makeId();
    const from = given.get("from") ?? `<${target}>;tag=${id}`;
    const to = given.get("to") ?? `<${target}>`;
    const callId = given.get("call-id") ?? id;
    const first = Number.parseInt(given.get("cseq") ?? "1", 10);
    const { userAgent, assertedIdentity } = this.#options;
    const rest: readonly SipHeader[] = [
      ...(assertedIdentity === undefined ? [] : [["P-Asserted-Identity", assertedIdentity] as const]),
      ["User-Agent", userAgent],
      ...headers.filter(([name]) => !OWN.has(canonicalName(name))),
    ];
    return {
      authorized: { method, uri: target, body },
      encode: (link, login, attempt) => {
        const branch = `z9hG4bK${this.#makeId()}`;
        const cseq = first + attempt; // RFC 3261 22.2: counted on, in the same dialog
        const head: readonly SipHeader[] = [
          ["Via", viaOf(link, branch)],
          ["Max-Forwards", "70"],
          ["From", from],
          ["To", to],
          ["Call-ID", callId],
          ["CSeq", `${cseq} ${method}`],
          ...login,
        ];
        const identity = { branch, method, cseq, callId, fromTag: tagOf(from) ?? "" };
        return { identity, text: encodeMessage(line, [...head, ...rest], body) };
      },
    };
  }
}

const OWN: ReadonlySet<string> = new Set(["via", "max-forwards", "from", "to", "call-id", "cseq", "content-length"]);

/** `rport` asks for the answer at the port that the request came from (RFC 3581). */
function viaOf({ transport }: SipLink, branch: string): string {
  const name = transport?.name.toUpperCase() ?? "TCP";
  return `SIP/2.0/${name} ${transport?.localAddress}:${transport?.localPort};rport;branch=${branch}`;
}
