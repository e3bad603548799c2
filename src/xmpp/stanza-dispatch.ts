import { GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Log } from "../ports/runtime.ts";
import { elementsOf } from "../ports/xml-element.ts";
import type { Stanza, StanzaHandlers, XmlDraft } from "../ports/xmpp-link.ts";
import { NS } from "./namespaces.ts";
import { encodeStanzaError } from "./xmpp-errors.ts";

type IqHandler = NonNullable<StanzaHandlers["iq"]>;

/** Gives stanzas to whoever asked for them; what a handler throws never reaches the stream. */
export class StanzaDispatch {
  readonly #handlers = new Set<StanzaHandlers>();
  readonly #builtIn: IqHandler;
  readonly #log: Log;

  /** @param builtIn answers the requests that no handler takes */
  constructor(builtIn: IqHandler, log: Log) {
    this.#builtIn = builtIn;
    this.#log = log;
  }

  /** Adds handlers; the returned function takes them away. */
  add(handlers: StanzaHandlers): () => void {
    this.#handlers.add(handlers);
    return () => this.#handlers.delete(handlers);
  }

  /** Gives the stanza to every handler of its kind. */
  tell(kind: "presence" | "message", stanza: Stanza): void {
    for (const handlers of [...this.#handlers]) {
      try {
        handlers[kind]?.(stanza);
      } catch (error) {
        this.#log.error("xmpp.handler-failed", { kind, error: toGatewayError(error).message });
      }
    }
  }

  /** The answer to a get or set (RFC 6120 8.2.3): of the first handler that takes it. */
  async answer(stanza: Stanza): Promise<XmlDraft> {
    const { from, to, id } = stanza;
    const addressing = { from: to, to: from, id };
    try {
      const payload = await this.#firstAnswer(stanza);
      return { name: "iq", attributes: { ...addressing, type: "result" }, children: [payload] };
    } catch (error) {
      if (!(error instanceof GatewayError)) {
        this.#log.error("xmpp.handler-failed", { kind: "iq", error: toGatewayError(error).message });
      }
      const child = encodeStanzaError(error instanceof GatewayError ? error : stanzaError("internal-server-error"));
      return { name: "iq", attributes: { ...addressing, type: "error" }, children: [child] };
    }
  }

  #firstAnswer(stanza: Stanza): Promise<XmlDraft | undefined> {
    for (const { iq } of [...this.#handlers, { iq: this.#builtIn }]) {
      const answer = iq?.(stanza);
      if (answer) return answer;
    }
    throw stanzaError("service-unavailable");
  }
}

const stanzaError = (condition: string): GatewayError =>
  new GatewayError(condition, { type: "cancel", code: `xmpp-iq-${condition}` });

/** Answers XEP-0199 pings and XEP-0030 questions to the component itself. */
export const answerDiscovery =
  (domain: string): IqHandler =>
  ({ element, to, type }) => {
    const request = elementsOf(element)[0];
    if (type !== "get" || to !== domain) return undefined;
    if (request?.namespace === NS.ping) return Promise.resolve(undefined);
    if (request?.namespace !== NS.discoInfo || request.attributes["node"] !== undefined) return undefined;
    return Promise.resolve({
      name: "query",
      attributes: { xmlns: NS.discoInfo },
      children: [
        { name: "identity", attributes: { category: "component", type: "presence", name: "Presence gateway" } },
        { name: "feature", attributes: { var: NS.discoInfo } },
        { name: "feature", attributes: { var: NS.ping } },
      ],
    });
  };
