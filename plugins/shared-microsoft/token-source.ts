/** Where bearer tokens (RFC 6750) of one application come from. */
export interface TokenSource {
  /** A token that is valid for some minutes yet. Rejects with GatewayError `graph-…` or the signal's reason. */
  token(signal: AbortSignal): Promise<string>;
  /** The service refused it: the next one is fetched anew. */
  refuse(token: string): void;
}
