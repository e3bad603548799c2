import { createHash } from "node:crypto";
import { domainOf, type PresentityId } from "../../src/core/addresses.ts";
import { normalizeStateText } from "../../src/core/texts.ts";
import { toGatewayError } from "../../src/ports/errors.ts";
import type { Log } from "../../src/ports/runtime.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import { descendantsOf, elementsOf, findChild, textOf } from "../../src/ports/xml-element.ts";
import type { DomainAccess, Stanza, XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";
import { NS_ACTIVITY, NS_CAPS, NS_DISCO_INFO, NS_PUBSUB_EVENT } from "../shared-xmpp/namespaces.ts";
import { ActivityHistory } from "./activity-history.ts";
import { presentityOf } from "./decode-presence.ts";

const CAPS_NODE = "urn:x-presence-gateway:watcher";
const FEATURES = [NS_CAPS, NS_DISCO_INFO, `${NS_ACTIVITY}+notify`].sort();
const IDENTITY = { category: "component", type: "presence", name: "Presence gateway" };

/** XEP-0115 5.1: base64 of SHA-1 over identity and sorted features. */
function capsVersion(): string {
  const { category, type, name } = IDENTITY;
  const text = `${category}/${type}//${name}<${FEATURES.map((feature) => `${feature}<`).join("")}`;
  return createHash("sha1").update(text).digest("base64");
}

/**
 * The second line against forged meetings, for servers without the gateway's module: the gateway's watcher address
 * subscribes to each followed user's activity node (XEP-0163 +notify) and sees what others publish there.
 */
export class ActivityWatch {
  /** In users' rosters; not the component's own name, which would hear all presence twice. */
  readonly address: string;
  readonly #link: XmppLink;
  readonly #log: Log;
  readonly #reservedTexts: ReadonlySet<string>;
  readonly #history = new ActivityHistory();
  readonly #version = capsVersion();

  constructor(link: XmppLink, reservedTexts: ReadonlySet<string>, log: Log) {
    this.address = `calendar@${link.domain}`;
    this.#link = link;
    this.#reservedTexts = reservedTexts;
    this.#log = log;
  }

  /** Notes what the gateway publishes itself. */
  recordSent(user: PresentityId, iq: XmlDraft, isWatched: boolean): void {
    this.#history.record(user, iq, isWatched);
  }

  /** Enters the user's roster where the server allows it, and announces the interest; needed after each connection. */
  async subscribe(user: PresentityId, access: DomainAccess, signal: AbortSignal): Promise<void> {
    try {
      await this.#enterRoster(user, access, signal);
      await this.announce(user, signal);
    } catch (error) {
      if (signal.aborted) return;
      // The user's meetings are shown all the same; the reason is the administrator's to see.
      this.#log.warn("clients.activity-subscription-failed", { user, code: toGatewayError(error).code });
    }
  }

  /** Sends the presence with capabilities (XEP-0115) that makes the user's server send events. */
  announce(user: PresentityId, signal: AbortSignal): Promise<void> {
    const caps = { xmlns: NS_CAPS, hash: "sha-1", node: CAPS_NODE, ver: this.#version };
    return this.#link.send(
      { name: "presence", attributes: { from: this.address, to: user }, children: [{ name: "c", attributes: caps }] },
      signal,
    );
  }

  /** Asks for the user's present presence: for servers that give no snapshot; answered when the roster allows it. */
  probe(user: PresentityId, signal: AbortSignal): Promise<void> {
    return this.#link.send({ name: "presence", attributes: { type: "probe", from: this.address, to: user } }, signal);
  }

  /** Answers the question for the capabilities that `announce` named; `undefined` when it is another question. */
  answerDiscovery({ element, to, type }: Stanza): Promise<XmlDraft> | undefined {
    const query = findChild(element, "query", NS_DISCO_INFO);
    if (!query || type !== "get" || to !== this.address) return undefined;
    const features = FEATURES.map((feature) => ({ name: "feature", attributes: { var: feature } }));
    return Promise.resolve({
      name: "query",
      attributes: { xmlns: NS_DISCO_INFO, node: query.attributes["node"] },
      children: [{ name: "identity", attributes: IDENTITY }, ...features],
    });
  }

  /** The user whose activity node now shows a meeting that the gateway did not publish, if the message tells so. */
  findClaim({ element, from }: Stanza): PresentityId | undefined {
    const event = findChild(element, "event", NS_PUBSUB_EVENT);
    const user = event && presentityOf(from);
    if (!user || !this.#link.access(domainOf(user))) return undefined;
    const items = elementsOf(event).filter((each) => each.name === "items" && each.attributes["node"] === NS_ACTIVITY);
    const payloads = items.flatMap(elementsOf).flatMap(elementsOf);
    const foreign = payloads.filter((payload) => !this.#history.recognise(user, payload));
    return foreign.some((payload) => this.#isClaim(payload)) ? user : undefined;
  }

  /** Looks everywhere in the payload: a second `<working/>` is shown by clients as readily as the first. */
  #isClaim(payload: XmlElement): boolean {
    return [payload, ...descendantsOf(payload)].some(
      (each) => each.name === "in_a_meeting" || this.#reservedTexts.has(normalizeStateText(textOf(each))),
    );
  }

  async #enterRoster(user: PresentityId, access: DomainAccess, signal: AbortSignal): Promise<void> {
    const item = { jid: this.address, subscription: "both", name: "Calendar" };
    const iq: XmlDraft = {
      name: "iq",
      attributes: { type: "set", to: user },
      children: [
        { name: "query", attributes: { xmlns: "jabber:iq:roster" }, children: [{ name: "item", attributes: item }] },
      ],
    };
    if (access.hasRoster && access.actsBy === "privilege") await this.#link.request(iq, signal);
    else if (access.actsBy === "trusted") await this.#link.requestAs(user, iq, signal);
  }
}
