import type { BareJid } from "../core/addresses.ts";
import type { GatewayError } from "./errors.ts";
import type { Health } from "./plugin.ts";
import type { XmlElement } from "./xml-element.ts";

/**
 * A stanza to send: the name, attributes and children; text is escaped when it is written. What goes to thousands is
 * best frozen, with all that is in it: the link writes a frozen child once and remembers the text.
 */
export interface XmlDraft {
  readonly name: string;
  readonly attributes?: Readonly<Record<string, string | undefined>>;
  readonly children?: readonly (XmlDraft | string | undefined)[];
}

/** A stanza that has arrived. */
export interface Stanza {
  readonly element: XmlElement;
  readonly from: string;
  readonly to: string;
  readonly type: string;
  readonly id: string;
}

/** How the gateway may act for users of one domain. */
export interface DomainAccess {
  readonly domain: BareJid;
  /** `privilege`: XEP-0356 privileged IQ. `trusted`: the server lets the component set any `from`. `none`: neither. */
  readonly actsBy: "privilege" | "trusted" | "none";
  /** The namespace of the XEP-0356 advert, if one came. */
  readonly privilegeNamespace?: string;
  /** Presence of managed entities is forwarded (XEP-0356). */
  readonly hasPresence: boolean;
  readonly hasRoster: boolean;
  /** Whether the server has said on this connection if our module is loaded. */
  readonly isModuleKnown: boolean;
  /** The server module's instance, when it is loaded; a new one means that what it had shown is gone. */
  readonly moduleInstance?: string;
  /** What the module says that it can do, as names with spaces between; empty when there is none. */
  readonly moduleFeatures: string;
}

/** Turns of the connection. */
export type LinkEvent =
  | { readonly kind: "online" }
  | { readonly kind: "offline"; readonly error: GatewayError }
  | { readonly kind: "access"; readonly access: DomainAccess };

/** A handler may be given to one stanza kind; it answers an iq by what it returns. */
export interface StanzaHandlers {
  readonly presence?: (stanza: Stanza) => void;
  readonly message?: (stanza: Stanza) => void;
  /** Gets `get` and `set`; returns the child of the result, `undefined` for an empty result, or throws GatewayError. */
  readonly iq?: (stanza: Stanza) => Promise<XmlDraft | undefined> | undefined;
  /** Sees every iq just before it is sent as the user. */
  readonly sentAs?: (user: BareJid, iq: XmlDraft) => void;
}

/** The component's link to its XMPP server (XEP-0114), kept up by itself. */
export interface XmppLink {
  /** The component's own domain. */
  readonly domain: BareJid;
  readonly isOnline: boolean;
  access(domain: BareJid): DomainAccess | undefined;
  health(): Health;
  /** Resolves when the stanza was written; rejects with `xmpp-offline` when there is no connection. */
  send(stanza: XmlDraft, signal?: AbortSignal): Promise<void>;
  /** Sends an iq from the component and resolves with its result; rejects with GatewayError for an error, a time-out, a lost link. */
  request(iq: XmlDraft, signal: AbortSignal): Promise<XmlElement>;
  /**
   * Sends an iq as the user, by privilege or trusted `from`, to the user's own account. By trusted `from` on a server
   * that sends no answer to the component, resolves when the server has processed it (fenced by a ping).
   */
  requestAs(user: BareJid, iq: XmlDraft, signal: AbortSignal): Promise<XmlElement | undefined>;
  /** Adds handlers; the returned function takes them away. Each presence and message goes to every handler. */
  handle(handlers: StanzaHandlers): () => void;
  /** Turns of the connection from now on, the present state first. */
  watch(signal: AbortSignal): AsyncIterable<LinkEvent>;
}
