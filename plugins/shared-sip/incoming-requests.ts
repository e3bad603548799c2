import { toGatewayError } from "../../src/ports/errors.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import { defaultReply, encodeReply, readRequest } from "./incoming-request.ts";
import { isWellFormed } from "./sip-grammar.ts";
import type { SipMessage } from "./sip-message.ts";
import type { IncomingSipRequest, SipReply } from "./sip-server.ts";

/** Answers a request, or leaves it to others. */
export type RequestHandler = (request: IncomingSipRequest) => SipReply | undefined;

/** Answers what the server asks. */
export class IncomingRequests {
  readonly #runtime: Pick<Runtime, "log" | "uniqueId">;
  readonly #handlers = new Set<RequestHandler>();

  constructor(runtime: Pick<Runtime, "log" | "uniqueId">) {
    this.#runtime = runtime;
  }

  /** Adds a handler; returns its removal. */
  add(handler: RequestHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  /** Sends the answer, where there is one. Never rejects. */
  async answer(message: SipMessage, send: (text: string) => void): Promise<void> {
    const { log, uniqueId } = this.#runtime;
    try {
      const reply = await this.#replyTo(message);
      const text = reply && encodeReply(message, reply, uniqueId);
      if (text !== undefined) send(text);
    } catch (error) {
      // A header that cannot be repeated in an answer, or a handler's defect: the server asks again or gives up.
      log.warn("sip.request-not-answered", { code: toGatewayError(error).code });
    }
  }

  async #replyTo(message: SipMessage): Promise<SipReply | undefined> {
    const request = readRequest(message);
    // A NOTIFY may come for each of thousands of subscriptions: it is not put through the grammar.
    const isFine = request && (request.method === "NOTIFY" || (await isWellFormed(message)));
    if (!isFine) return message.startLine.startsWith("ACK ") ? undefined : { status: 400 };
    for (const handler of this.#handlers) {
      const reply = handler(request);
      if (reply) return reply;
    }
    return defaultReply(request);
  }
}
