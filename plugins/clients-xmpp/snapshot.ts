import type { BareJid } from "../../src/core/addresses.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import { descendantsOf } from "../../src/ports/xml-element.ts";
import type { XmppLink } from "../../src/ports/xmpp-link.ts";
import { NS_DISCO_INFO } from "../shared-xmpp/namespaces.ts";

interface DomainSnapshot {
  /** A presence of before the connection was told. */
  hasDelayed: boolean;
  /** `undefined` until it is known. */
  isGiven: boolean | undefined;
}

/**
 * Finds out when the servers have told the presence of all users after connecting. Prosody does at once, before it
 * answers anything; ejabberd never does, but our module there does (its feature `snapshot`). A question to the host, answered in order, tells both the end and the server.
 */
export class Snapshot {
  readonly #link: XmppLink;
  readonly #onDomain: (domain: BareJid) => void;
  readonly #onSettled: () => void;
  readonly #domains = new Map<BareJid, DomainSnapshot>();

  /**
   * @param onDomain called once a connection for each domain when it is known whether it gives a snapshot
   * @param onSettled called once a connection when all domains have given theirs
   */
  constructor(link: XmppLink, onDomain: (domain: BareJid) => void, onSettled: () => void) {
    this.#link = link;
    this.#onDomain = onDomain;
    this.#onSettled = onSettled;
  }

  /** The domains of the present connection. */
  get domains(): readonly BareJid[] {
    return [...this.#domains.keys()];
  }

  /** True when all is told that will be told. */
  get isSettled(): boolean {
    return this.#domains.size > 0 && [...this.#domains.values()].every(({ isGiven }) => isGiven === true);
  }

  /** Whether the domain gives a snapshot; `undefined` while that is not known. */
  isGiven(domain: BareJid): boolean | undefined {
    return this.#domains.get(domain)?.isGiven;
  }

  /** A new connection. */
  clear(): void {
    this.#domains.clear();
  }

  /** A presence of the domain was heard that is older than the connection. */
  noteDelayed(domain: BareJid): void {
    const snapshot = this.#domains.get(domain);
    if (snapshot) snapshot.hasDelayed = true;
  }

  /** Asks the domain, once a connection. */
  async add(domain: BareJid, signal: AbortSignal): Promise<void> {
    if (this.#domains.has(domain)) return;
    const snapshot: DomainSnapshot = { hasDelayed: false, isGiven: undefined };
    this.#domains.set(domain, snapshot);
    const server = await this.#askName(domain, signal);
    if (signal.aborted) return;
    const { hasPresence = false, moduleInstance, moduleFeatures = "" } = this.#link.access(domain) ?? {};
    const isLikely = moduleInstance !== undefined || /prosody/i.test(server) || snapshot.hasDelayed;
    const isByModule = moduleFeatures.split(" ").includes("snapshot");
    snapshot.isGiven = hasPresence && (isByModule || (isLikely && !/ejabberd/i.test(server)));
    this.#onDomain(domain);
    if (this.isSettled) this.#onSettled();
  }

  /** The names in the host's service discovery (XEP-0030); empty when it does not answer. */
  async #askName(domain: BareJid, signal: AbortSignal): Promise<string> {
    const query = { name: "query", attributes: { xmlns: NS_DISCO_INFO } };
    const iq = { name: "iq", attributes: { type: "get", to: domain }, children: [query] };
    // Any answer, an error too, comes after the snapshot; without one there is no connection any more.
    const answer = await this.#link.request(iq, signal).catch(() => undefined);
    return answer ? identityNames(answer) : "";
  }
}

const identityNames = (answer: XmlElement): string =>
  [...descendantsOf(answer)]
    .map(({ name, attributes }) => (name === "identity" ? (attributes["name"] ?? "") : ""))
    .join(" ");
