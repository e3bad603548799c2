import type { BareJid } from "../core/addresses.ts";
import { AbortListeners } from "../ports/abort-listeners.ts";
import { GatewayError } from "../ports/errors.ts";
import type { Clock } from "../ports/runtime.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import type { Stanza, XmlDraft } from "../ports/xmpp-link.ts";
import type { ComponentStream } from "./component.ts";
import { NS } from "./namespaces.ts";
import type { PendingRequest, PendingRequests } from "./pending-requests.ts";
import { encodeXml, type FrozenTexts } from "./stanza-writer.ts";

/** The stream while it is online: what is sent and asked on it. */
export class Connection {
  readonly #domain: BareJid;
  readonly #stream: ComponentStream;
  readonly #pending: PendingRequests;
  readonly #lifetime = new AbortController();
  /** Pings that are decided but not sent: whoever needs a fence now shares it. */
  readonly #fences = new Map<BareJid, Promise<void>>();
  readonly #texts: FrozenTexts = new WeakMap();

  constructor(domain: BareJid, stream: ComponentStream, pending: PendingRequests) {
    this.#domain = domain;
    this.#stream = stream;
    this.#pending = pending;
  }

  /** Aborts when the connection ends. */
  get lifetime(): AbortSignal {
    return this.#lifetime.signal;
  }

  readonly #aborts = new AbortListeners();
  /** Stanzas received. */
  heard = 0;

  /** How many requests wait for an answer. */
  get pendingRequests(): number {
    return this.#pending.size;
  }

  /** Gives an answer to its request; false when the stanza is none that is waited for. */
  settle(stanza: Stanza): boolean {
    return (stanza.type === "result" || stanza.type === "error") && this.#pending.settle(stanza);
  }

  /** Rejects requests that have waited too long, until the connection ends. */
  expire(clock: Clock): Promise<void> {
    return this.#pending.expire(clock, this.lifetime);
  }

  /** Ends everything that runs on the connection. */
  end(error: GatewayError): void {
    this.#lifetime.abort(error);
    this.#pending.fail(error);
  }

  /** Resolves when the stanza was written; `from` is the component where none is given. */
  send(stanza: XmlDraft, signal?: AbortSignal): Promise<void> {
    return this.#stream.write(this.#encode(stanza), signal);
  }

  /** Sends an iq and resolves with its result. */
  request(iq: XmlDraft, signal: AbortSignal, admission: PendingRequest["admission"] = "in-turn"): Promise<XmlElement> {
    const write = (id: string): void => this.#stream.push(this.#encode(iq, id));
    return this.#pending.run({ to: iq.attributes?.["to"] ?? "", write, admission }, signal);
  }

  /**
   * Sends an iq that may never be answered to us, and resolves with the answer, or with `undefined` when the server has
   * answered a ping sent after it: stanzas of one component are handled in order.
   */
  async requestFenced(iq: XmlDraft, host: BareJid, signal: AbortSignal): Promise<XmlElement | undefined> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal.reason);
    signal.throwIfAborted();
    const settled = this.#aborts.add(signal, abort);
    try {
      return await new Promise<XmlElement | undefined>((resolve, reject) => {
        const write = (id: string): void => {
          this.#stream.push(this.#encode(iq, id));
          this.#fence(host).then(() => resolve(undefined), reject);
        };
        const to = iq.attributes?.["to"] ?? "";
        this.#pending.run({ to, write, admission: "in-turn" }, controller.signal).then(resolve, reject);
      });
    } finally {
      settled();
      controller.abort();
    }
  }

  /** Resolves when the host has answered a ping (XEP-0199), be it with an error: that is a sign of life as well. */
  async ping(host: BareJid, signal: AbortSignal): Promise<void> {
    const iq = {
      name: "iq",
      attributes: { type: "get", to: host },
      children: [{ name: "ping", attributes: { xmlns: NS.ping } }],
    };
    try {
      await this.request(iq, signal, "ahead");
    } catch (error) {
      if (!(error instanceof GatewayError && error.code.startsWith("xmpp-iq-"))) throw error;
    }
  }

  #encode({ name, attributes, children = [] }: XmlDraft, id = attributes?.["id"]): string {
    return encodeXml({ name, attributes: { from: this.#domain, ...attributes, id }, children }, this.#texts);
  }

  #fence(host: BareJid): Promise<void> {
    const shared = this.#fences.get(host);
    if (shared !== undefined) return shared;
    const fence = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#fences.delete(host);
      return this.ping(host, this.lifetime);
    });
    this.#fences.set(host, fence);
    return fence;
  }
}
