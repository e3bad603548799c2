import type { SipAor } from "../../src/core/addresses.ts";

/** A header as it is written: its name, and its value without line breaks. */
export type SipHeader = readonly [name: string, value: string];

/** A request of ours. Via, From tag, Call-ID, CSeq, Max-Forwards, digest and lengths are the server object's own. */
export interface SipRequest {
  readonly method: string;
  /** The request URI; To and From too, unless given among the headers. */
  readonly target: SipAor | string;
  /** From, To, Call-ID and CSeq may be given here, for dialogs. */
  readonly headers: readonly SipHeader[];
  readonly body?: string | undefined;
}

/** The final response to a request of ours; names of headers are compared without case, compact forms are known. */
export interface SipResponse {
  readonly status: number;
  readonly reason: string;
  /** The first header of the name. */
  header(name: string): string | undefined;
  /** Every header of the name, in order, as written. */
  headers(name: string): readonly string[];
  readonly body: string;
}

/** A request from the server, checked for what every request must have (RFC 3261 8.1.1). */
export interface IncomingSipRequest {
  readonly method: string;
  readonly uri: string;
  header(name: string): string | undefined;
  headers(name: string): readonly string[];
  readonly callId: string;
  readonly cseq: number;
  readonly fromTag: string;
  /** Absent outside a dialog. */
  readonly toTag: string | undefined;
  readonly body: string;
}

/** The answer to a request from the server. */
export interface SipReply {
  readonly status: number;
  readonly reason?: string;
  readonly headers?: readonly SipHeader[];
}

/** One SIP server, or several that stand in for each other, spoken to over one lasting connection. */
export interface SipServer {
  /**
   * One non-INVITE client transaction, digest included: resolves with any final response. Rejects with GatewayError
   * (`sip-unreachable`, `sip-timeout`, `sip-login-failed`, …) or the signal's reason.
   */
  request(request: SipRequest, signal: AbortSignal): Promise<SipResponse>;
  /** Requests from the server (NOTIFY, OPTIONS): the first handler that gives a reply answers. Returns the removal. */
  onRequest(handler: (request: IncomingSipRequest) => SipReply | undefined): () => void;
  /** For the header Contact, with angle brackets. It names the local port of the connection at this time. */
  readonly contact: string;
  /** Names the present connection; undefined while there is none. Changes at each reconnect. */
  readonly run: string | undefined;
  /** Yields after each change of `run`. */
  watchRun(signal: AbortSignal): AsyncIterable<string | undefined>;
}
