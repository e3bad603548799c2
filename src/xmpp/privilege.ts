import type { BareJid } from "../core/addresses.ts";
import { GatewayError } from "../ports/errors.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import { descendantsOf, findChild } from "../ports/xml-element.ts";
import type { DomainAccess, Stanza, XmlDraft } from "../ports/xmpp-link.ts";
import type { Connection } from "./connection.ts";
import { NS } from "./namespaces.ts";
import { decodeStanzaError, linkError } from "./xmpp-errors.ts";

/** What a server's XEP-0356 advert grants. */
export interface PrivilegeAdvert {
  readonly namespace: string;
  /** IQ of namespace pubsub may be sent on behalf of users. */
  readonly hasPubsub: boolean;
  readonly hasPresence: boolean;
  readonly hasRoster: boolean;
}

const NAMESPACES: readonly string[] = [NS.privilege2, NS.privilege1];

/**
 * Reads the advert (XEP-0356 4.2); `undefined` when the message is none. Looks at all descendants: Prosody 0.12 nests
 * each `<namespace/>` in the one before.
 */
export function decodeAdvert({ element }: Stanza): PrivilegeAdvert | undefined {
  const privilege = NAMESPACES.map((namespace) => findChild(element, "privilege", namespace)).find((found) => found);
  if (!privilege) return undefined;
  const below = [...descendantsOf(privilege)].filter((child) => child.namespace === privilege.namespace);
  const permitted = (access: string): string =>
    below.find((child) => child.name === "perm" && child.attributes["access"] === access)?.attributes["type"] ?? "none";
  const isPubsub = ({ name, attributes }: XmlElement): boolean =>
    name === "namespace" && attributes["ns"] === NS.pubsub && ["both", "set"].includes(attributes["type"] ?? "");
  return {
    namespace: privilege.namespace,
    hasPubsub: below.some(isPubsub),
    hasPresence: ["managed_entity", "roster"].includes(permitted("presence")),
    hasRoster: permitted("roster") !== "none",
  };
}

/** The iq that carries the user's own iq (XEP-0356 4.5); the inner one needs its own id and namespace on Prosody. */
function wrapPrivileged(user: BareJid, iq: XmlDraft, namespace: string): XmlDraft {
  const type = iq.attributes?.["type"];
  const inner: XmlDraft = {
    ...iq,
    attributes: { ...iq.attributes, xmlns: NS.client, to: user, id: "as-user" },
  };
  return {
    name: "iq",
    attributes: { type, to: user },
    children: [{ name: "privileged_iq", attributes: { xmlns: namespace }, children: [inner] }],
  };
}

/** The user's own answer inside the outer result; throws what the inner one reports: the outer is a result all the same. */
function unwrapPrivileged(answer: XmlElement): XmlElement {
  const inner = findInner(answer);
  if (!inner) throw linkError("xmpp-bad-stream", "a privileged iq was answered without the forwarded answer");
  if (inner.attributes["type"] === "error") throw decodeStanzaError(inner);
  return inner;
}

function findInner(element: XmlElement): XmlElement | undefined {
  for (const child of element.children) {
    if (typeof child === "string") continue;
    const found = child.name === "iq" && child.namespace === NS.client ? child : findInner(child);
    if (found) return found;
  }
  return undefined;
}

/** Sends the iq as the user by privilege and resolves with the user's own answer. */
export async function requestPrivileged(
  connection: Connection,
  { privilegeNamespace = NS.privilege2 }: DomainAccess,
  { user, iq }: { readonly user: BareJid; readonly iq: XmlDraft },
  signal: AbortSignal,
): Promise<XmlElement> {
  try {
    return unwrapPrivileged(await connection.request(wrapPrivileged(user, iq, privilegeNamespace), signal));
  } catch (error) {
    throw error instanceof GatewayError && isOfMissingUser(error) ? missingUser(user, error) : error;
  }
}

/** Prosody's mod_privilege says `forbidden` of a user that does not exist; callers need to tell that from a missing grant. */
const isOfMissingUser = ({ code, message }: GatewayError): boolean =>
  code === "xmpp-iq-forbidden" && message.includes("bare JID of a local user");

const missingUser = (user: BareJid, cause: GatewayError): GatewayError =>
  new GatewayError(`${user} does not exist on the XMPP server`, {
    type: "cancel",
    code: "xmpp-iq-item-not-found",
    cause,
  });
