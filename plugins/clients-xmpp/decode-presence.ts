import { AddressError, type PresentityId, parsePresentityId, resourceOf } from "../../src/core/addresses.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { cutText } from "../../src/lib/cut-text.ts";
import { ownText } from "../../src/lib/own-text.ts";
import { earlier, type Instant, parseInstant } from "../../src/lib/time.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import { elementsOf, findChild, textOf } from "../../src/ports/xml-element.ts";
import type { Stanza } from "../../src/ports/xmpp-link.ts";
import { NS_SERVER_MODULE } from "../shared-xmpp/namespaces.ts";

/** What a presence stanza says of a client. */
export type HeardPresence =
  | {
      readonly kind: "present";
      readonly presentity: PresentityId;
      readonly presence: ClientPresence;
      /** It was sent earlier and is told again (XEP-0203): part of a snapshot. */
      readonly isDelayed: boolean;
    }
  /** An empty resource: all of them. */
  | { readonly kind: "gone"; readonly presentity: PresentityId; readonly resource: string };

/** Characters of one status text that are kept. */
const LONGEST_STATUS = 1000;
const MOST_LANGUAGES = 10;
/** BCP 47, loosely: the tag becomes a key and an attribute. */
const LANGUAGE = /^[A-Za-z0-9-]{1,35}$/;
/** Most clients say nothing. */
const NO_STATUS: Readonly<Record<string, string>> = Object.freeze({});
const SHOWS = ["chat", "away", "xa", "dnd"] as const;

/** The presentity of a full or bare JID; `undefined` for a domain and for what is no JID. */
export function presentityOf(jid: string): PresentityId | undefined {
  const slash = jid.indexOf("/");
  try {
    return ownText(parsePresentityId(slash < 0 ? jid : jid.slice(0, slash)));
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/** Reads a presence stanza of a user (RFC 6121 4.7); `undefined` for what says nothing of the user's own client. Pure. */
export function decodePresence({ element, from, type }: Stanza, now: Instant): HeardPresence | undefined {
  if (type !== "" && type !== "unavailable") return undefined;
  // What the server module shows in the user's name is our own word, not the client's.
  if (findChild(element, "overlaid", NS_SERVER_MODULE)) return undefined;
  const presentity = presentityOf(from);
  if (!presentity) return undefined;
  const resource = ownText(resourceOf(from));
  if (type === "unavailable") return { kind: "gone", presentity, resource };
  if (resource === "") return undefined;
  const delay = findChild(element, "delay", "urn:xmpp:delay");
  const sentAt = delay && parseInstant(delay.attributes["stamp"] ?? "");
  const idleSince = decodeIdle(element, now);
  const presence: ClientPresence = {
    resource,
    show: decodeShow(element),
    priority: decodePriority(element),
    status: decodeStatus(element),
    since: sentAt === undefined ? now : earlier(sentAt, now),
    ...(idleSince !== undefined && { idleSince }),
  };
  return { kind: "present", presentity, presence, isDelayed: delay !== undefined };
}

const ownChildren = (element: XmlElement, name: string): readonly XmlElement[] =>
  elementsOf(element).filter((child) => child.name === name && child.namespace === element.namespace);

function decodeShow(element: XmlElement): ClientPresence["show"] {
  const [show] = ownChildren(element, "show");
  const text = show ? textOf(show).trim() : "";
  return SHOWS.find((each) => each === text) ?? "available";
}

/** RFC 6121 4.7.2.3: an integer from -128 to 127; anything else counts as the default. */
function decodePriority(element: XmlElement): number {
  const [priority] = ownChildren(element, "priority");
  const text = priority ? textOf(priority).trim() : "";
  const value = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : 0;
  return value >= -128 && value <= 127 ? value : 0;
}

/** XEP-0319: a time that has not come yet says nothing. */
function decodeIdle(element: XmlElement, now: Instant): Instant | undefined {
  const idle = findChild(element, "idle", "urn:xmpp:idle:1");
  const since = parseInstant(idle?.attributes["since"] ?? "");
  return since !== undefined && since <= now ? since : undefined;
}

function decodeStatus(element: XmlElement): Readonly<Record<string, string>> {
  const inherited = element.attributes["xml:lang"] ?? "";
  const entries = new Map<string, string>();
  for (const status of ownChildren(element, "status")) {
    const tag = status.attributes["xml:lang"] ?? inherited;
    const language = LANGUAGE.test(tag) ? tag : "";
    const text = textOf(status).trim();
    if (text !== "" && entries.size < MOST_LANGUAGES && !entries.has(language))
      entries.set(ownText(language), ownText(cutText(text, LONGEST_STATUS)));
  }
  return entries.size === 0 ? NO_STATUS : Object.fromEntries(entries);
}
