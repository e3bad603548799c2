/** What Node's verify codes mean, in words that name the remedy. */
const TLS_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", "its certificate has expired"],
  ["CERT_NOT_YET_VALID", "its certificate is not valid yet"],
  ["CERT_REVOKED", "its certificate was revoked"],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "its certificate is for another name"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its certificate is self-signed"],
  ["SELF_SIGNED_CERT_IN_CHAIN", "its certificate was issued by an authority that is not trusted here"],
  ["UNABLE_TO_GET_ISSUER_CERT", "an issuer of its certificate is missing"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "its certificate was issued by an authority that is not known here"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "its certificate's issuer was not sent and is not known here"],
  ["INVALID_CA", "an issuer in its chain is no certificate authority"],
  ["INVALID_PURPOSE", "its certificate is not for TLS servers"],
  ["CERT_SIGNATURE_FAILURE", "a signature in its chain does not fit the issuer's key"],
  ["CERT_CHAIN_TOO_LONG", "its chain has too many certificates"],
  ["PATH_LENGTH_EXCEEDED", "an authority in its chain may not have others below it"],
  ["CERT_UNTRUSTED", "its certificate is not trusted for TLS servers"],
  ["CERT_REJECTED", "its certificate is not trusted for TLS servers"],
  // Node has no code of its own for keys and hashes that are too weak for OpenSSL's security level.
  ["UNSPECIFIED", "a key or a signature in its chain is too weak"],
  ["HOSTNAME_MISMATCH", "its certificate is for another name"],
]);

const isTlsCode = (code: string): boolean =>
  TLS_PROBLEMS.has(code) || code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO";

/** What is wrong with TLS: from Node's code, or as our own rules (ports/trust.ts) say it. */
const tlsProblem = (code: string, error: unknown): string =>
  code === "ERR_TLS_CERT_REFUSED" && error instanceof Error
    ? error.message
    : (TLS_PROBLEMS.get(code) ?? `TLS failed (${code})`);

const CONNECTION_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["ENOTFOUND", "no such host name in DNS"],
  ["EAI_AGAIN", "the name server does not answer"],
  ["ECONNREFUSED", "the connection was refused"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was closed"],
  ["EHOSTUNREACH", "there is no route to the host"],
  ["ENETUNREACH", "there is no route to the network"],
  ["ETIMEDOUT", "the connection timed out"],
  ["UND_ERR_CONNECT_TIMEOUT", "the connection timed out"],
  ["UND_ERR_SOCKET", "the connection was closed before the answer was complete"],
]);

/** The code of a system, TLS or undici error; empty when it has none. */
const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";

// undici gives its parser's errors a name, and a code (HPE_…) only sometimes.
const isProtocolError = (error: unknown, code: string): boolean =>
  (error instanceof Error && error.name === "HTTPParserError") ||
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "UND_ERR_HEADERS_OVERFLOW"].includes(code);

/** Why no answer came over a connection: for want of trust (`tls`), of HTTP (`protocol`), or of the connection itself. */
export interface ConnectionProblem {
  readonly kind: "tls" | "protocol" | "network";
  readonly text: string;
}

/** What an error of Node or undici says of the connection, in words for an administrator. */
export function connectionProblem(error: unknown): ConnectionProblem {
  const code = codeOf(error);
  if (isTlsCode(code)) return { kind: "tls", text: tlsProblem(code, error) };
  if (isProtocolError(error, code)) return { kind: "protocol", text: "the answer is not valid HTTP" };
  const text = CONNECTION_PROBLEMS.get(code) ?? `the connection failed${code ? ` (${code})` : ""}`;
  return { kind: "network", text };
}
