import { createHash } from "node:crypto";

/** Digest algorithms (RFC 8760), by the names that challenges have. */
const ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ["MD5", "md5"],
  ["SHA-256", "sha256"],
  ["SHA-512-256", "sha512-256"],
]);

/** A challenge that can be answered. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  /** As the server writes it; absent where it did not name one, which means MD5. */
  readonly algorithm: string | undefined;
  /** Absent with servers of RFC 2069. */
  readonly qop: "auth" | "auth-int" | undefined;
  /** True when only the nonce was too old. */
  readonly isStale: boolean;
}

/** Who logs in. */
export interface DigestUser {
  readonly user: string;
  readonly secret: string;
}

/** What is authorised by an answer. */
export interface DigestRequest {
  readonly method: string;
  readonly uri: string;
  readonly body: string;
}

const LONGEST_CHALLENGE = 4096;
const FIELD = /\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)/y;

function parseFields(text: string): ReadonlyMap<string, string> | undefined {
  const fields = new Map<string, string>();
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < text.length) {
    const match = FIELD.exec(text);
    if (!match) return undefined;
    const [, name = "", quoted, bare = ""] = match;
    fields.set(name.toLowerCase(), quoted === undefined ? bare : quoted.replace(/\\(.)/g, "$1"));
  }
  return fields;
}

function chooseQop(offered: string | undefined): DigestChallenge["qop"] | "none-known" {
  if (offered === undefined) return undefined;
  const names = offered.toLowerCase().split(/[\s,]+/);
  return names.includes("auth") ? "auth" : names.includes("auth-int") ? "auth-int" : "none-known";
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they cannot be sent back
const CONTROL = /[\0-\x1f\x7f]/;

/** Reads the value of WWW-Authenticate or Proxy-Authenticate; undefined for what cannot be answered. */
function parseChallenge(value: string): DigestChallenge | undefined {
  const scheme = /^Digest\s+/i.exec(value);
  if (!scheme || value.length > LONGEST_CHALLENGE || CONTROL.test(value)) return undefined;
  const fields = parseFields(value.slice(scheme[0].length));
  const [realm, nonce] = [fields?.get("realm"), fields?.get("nonce")];
  if (!fields || realm === undefined || nonce === undefined) return undefined;
  const algorithm = fields.get("algorithm");
  const qop = chooseQop(fields.get("qop"));
  if (qop === "none-known" || !ALGORITHMS.has((algorithm ?? "MD5").toUpperCase())) return undefined;
  const isStale = fields.get("stale")?.toLowerCase() === "true";
  return { realm, nonce, opaque: fields.get("opaque"), algorithm, qop, isStale };
}

/** The first of the challenges that can be answered: servers name the best first (RFC 8760 2.4). */
export function chooseChallenge(values: readonly string[]): DigestChallenge | undefined {
  for (const value of values) {
    const challenge = parseChallenge(value);
    if (challenge) return challenge;
  }
  return undefined;
}

const quoted = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`;

/**
 * The value of Authorization or Proxy-Authorization (RFC 7616 3.4, with the algorithms of RFC 8760).
 *
 * @param turn how often the nonce was used, and what the client adds to it
 */
export function answerChallenge(
  challenge: DigestChallenge,
  { user, secret }: DigestUser,
  { method, uri, body }: DigestRequest,
  turn: { readonly count: number; readonly cnonce: string },
): string {
  const { realm, nonce, opaque, algorithm, qop } = challenge;
  const name = ALGORITHMS.get((algorithm ?? "MD5").toUpperCase()) ?? "md5";
  const hash = (text: string): string => createHash(name).update(text, "utf8").digest("hex");
  const count = turn.count.toString(16).padStart(8, "0");
  const own = hash(`${user}:${realm}:${secret}`);
  const asked = hash(qop === "auth-int" ? `${method}:${uri}:${hash(body)}` : `${method}:${uri}`);
  const response = hash(qop ? `${own}:${nonce}:${count}:${turn.cnonce}:${qop}:${asked}` : `${own}:${nonce}:${asked}`);
  return [
    `Digest username=${quoted(user)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(nonce)}`,
    `uri=${quoted(uri)}`,
    `response="${response}"`,
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ...(qop ? [`qop=${qop}`, `nc=${count}`, `cnonce="${turn.cnonce}"`] : []),
  ].join(", ");
}
