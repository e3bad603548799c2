import { AddressError, type BareJid, bareJidOf, domainOf, type PresentityId } from "../core/addresses.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import type { Stanza } from "../ports/xmpp-link.ts";
import { parseSender } from "./authorization.ts";
import { LONGEST_COMMAND } from "./parse-command-line.ts";

/** A message that asks something of the gateway, and where the answer goes. */
export interface ChatMessage {
  readonly sender: PresentityId;
  /** Full JID of the sender. */
  readonly from: string;
  /** The gateway's address that was written to; it answers. */
  readonly to: string;
  readonly type: "chat" | "normal";
  readonly thread?: string;
  readonly body: string | { readonly problem: "encrypted" | "tooLong" | "tooMany" };
}

/** XEP-0203, and XEP-0091, which it replaced: a message that waited must not be carried out when nobody expects it. */
const DELAYS: readonly string[] = ["urn:xmpp:delay", "jabber:x:delay"];
/** XEP-0380; XEP-0384 clients before it. */
const ENCRYPTED: readonly string[] = ["urn:xmpp:eme:0", "eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2"];
/** Types of messages that ask nothing of a single entity (RFC 6121 5.2.2). */
const NO_REQUESTS: readonly string[] = ["error", "groupchat", "headline"];
const LONGEST_THREAD = 1024;

/**
 * The message as a request, or `undefined` for one to be left alone: errors, group chat, headlines, messages without
 * text, late ones, those of servers and of the component itself, and those to a contact JID (XEP-0106) on it.
 */
export function readChatMessage(stanza: Stanza, component: BareJid): ChatMessage | undefined {
  // RFC 6121 5.2.2: one of a type that is not known is a normal one.
  const type = stanza.type === "chat" ? "chat" : "normal";
  const sender = parseSender(stanza.from);
  if (NO_REQUESTS.includes(stanza.type) || !sender || domainOf(sender) === component) return undefined;
  const children = stanza.element.children.filter((child) => typeof child !== "string");
  const body = children.find(({ name, namespace }) => name === "body" && namespace === stanza.element.namespace);
  if (!body || children.some(({ namespace }) => DELAYS.includes(namespace))) return undefined;
  if (!isForGateway(stanza.to, component)) return undefined;
  const text = children.some(({ namespace }) => ENCRYPTED.includes(namespace))
    ? ({ problem: "encrypted" } as const)
    : readBody(body);
  if (typeof text === "string" && text.trim() === "") return undefined;
  const thread = textOf(children.find(({ name }) => name === "thread"));
  return {
    sender,
    from: stanza.from,
    to: stanza.to,
    type,
    ...(thread !== "" && thread.length <= LONGEST_THREAD && { thread }),
    body: text,
  };
}

function isForGateway(to: string, component: BareJid): boolean {
  try {
    return domainOf(bareJidOf(to)) === component && !to.includes("\\");
  } catch (error) {
    if (error instanceof AddressError) return false;
    throw error;
  }
}

/** The length is known before anything is put together: a body of a megabyte costs nothing. */
function readBody({ children }: XmlElement): ChatMessage["body"] {
  let length = 0;
  for (const child of children) length += typeof child === "string" ? child.length : 0;
  return length > LONGEST_COMMAND
    ? { problem: "tooLong" }
    : children.filter((child) => typeof child === "string").join("");
}

const textOf = (element: XmlElement | undefined): string =>
  element?.children.filter((child) => typeof child === "string").join("") ?? "";
