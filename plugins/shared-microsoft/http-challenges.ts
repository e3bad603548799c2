/** One challenge of a WWW-Authenticate header (RFC 9110 11.6.1); parameters such as realm are left out. */
export interface HttpChallenge {
  /** In small letters: `ntlm`, `negotiate`, `basic`. */
  readonly scheme: string;
  /** The token68 beside the scheme: the server's part of a login that goes on. */
  readonly token: string | undefined;
}

const SCHEME = /^([!#$%&'*+.^_`|~\w-]+)(?: +([\w.~+/-]+=*))?(?: |$)/;
const PARAMETER = /^[!#$%&'*+.^_`|~\w-]+[ \t]*=[ \t]*[^=]/;

/** All challenges of all WWW-Authenticate headers, in order: one header may hold several. What is malformed is skipped. */
export function parseHttpChallenges(header: string | readonly string[] | undefined): readonly HttpChallenge[] {
  const headers = typeof header === "string" ? [header] : (header ?? []);
  return headers.flatMap((value) => splitAtCommas(value).flatMap(parseElement));
}

/** A challenge, or nothing for an element that is only a parameter of the challenge before it. */
function parseElement(text: string): readonly HttpChallenge[] {
  const element = text.trim();
  if (PARAMETER.test(element)) return [];
  const match = SCHEME.exec(element);
  return match?.[1] ? [{ scheme: match[1].toLowerCase(), token: match[2] }] : [];
}

/** Commas within quoted strings do not separate (RFC 9110 5.6.4). */
function splitAtCommas(text: string): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\" && isQuoted) at += 1;
    else if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === "," && !isQuoted) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}
