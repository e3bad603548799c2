import { parseBareJid } from "../../src/core/addresses.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import type { LinkEvent, Stanza, StanzaHandlers, XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";

const NS = "jabber:component:accept";
const ADMIN = "carol@example.com/home";

/** A link that keeps what is sent. */
export class FakeLink implements XmppLink {
  readonly domain = parseBareJid("presence.example.com");
  readonly isOnline = true;
  readonly sent: XmlDraft[] = [];
  failure: GatewayError | undefined;
  handlers: StanzaHandlers = {};
  /** Turns of the connection that are told. */
  turns: readonly LinkEvent[] = [];

  access() {
    return undefined;
  }

  health() {
    return { state: "ok" } as const;
  }

  async send(stanza: XmlDraft): Promise<void> {
    if (this.failure) throw this.failure;
    this.sent.push(stanza);
  }

  request(): Promise<XmlElement> {
    return Promise.reject(new GatewayError("not here", { type: "cancel", code: "test" }));
  }

  requestAs(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  handle(handlers: StanzaHandlers): () => void {
    this.handlers = { ...this.handlers, ...handlers };
    return () => {
      this.handlers = {};
    };
  }

  async *watch(): AsyncIterable<LinkEvent> {
    yield* this.turns;
  }
}

/** A child of a stanza. */
export const element = (name: string, text: string, namespace = NS): XmlElement => ({
  name,
  namespace,
  attributes: {},
  children: text === "" ? [] : [text],
});

interface Sent {
  readonly from?: string;
  readonly to?: string;
  readonly type?: string;
  readonly more?: readonly XmlElement[];
}

/** A message of the administrator carol, unless it says otherwise. */
export function message(body: string | undefined, sent: Sent = {}): Stanza {
  const { from = ADMIN, to = "presence.example.com", type = "chat", more = [] } = sent;
  const children = [...(body === undefined ? [] : [element("body", body)]), ...more];
  return { from, to, type, id: "1", element: { name: "message", namespace: NS, attributes: {}, children } };
}

/** The body of a message that was sent. */
export const bodyOf = (draft: XmlDraft | undefined): string => {
  const body = draft?.children?.find((child) => typeof child === "object" && child.name === "body");
  return typeof body === "object" ? (body.children ?? []).join("") : "";
};
