import type { SipMessage } from "./sip-message.ts";
import type { SipResponse } from "./sip-server.ts";

/** A message as its receiver sees it. */
export class ReceivedResponse implements SipResponse {
  readonly status: number;
  readonly #message: SipMessage;

  constructor(message: SipMessage, status: number) {
    this.#message = message;
    this.status = status;
  }

  get reason(): string {
    return this.#message.startLine.slice("SIP/2.0 200 ".length);
  }

  get body(): string {
    return this.#message.body;
  }

  header(name: string): string | undefined {
    return this.#message.header(name);
  }

  headers(name: string): readonly string[] {
    return this.#message.headers(name);
  }
}
