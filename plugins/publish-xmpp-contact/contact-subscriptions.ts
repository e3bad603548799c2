import { domainOf, type PresentityId } from "../../src/core/addresses.ts";
import { toGatewayError } from "../../src/ports/errors.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";
import type { Log } from "../../src/ports/runtime.ts";
import type { Stanza, XmppLink } from "../../src/ports/xmpp-link.ts";
import { answerMessage } from "./answer-message.ts";
import { bareOf, isOfContacts, presentityOfContact, watcherOf } from "./contact-address.ts";
import { contactPresence, refusePresence, type SubscriptionAnswer } from "./encode-contact.ts";
import { WatcherBook } from "./watcher-book.ts";

/** Whose contact JIDs there are, and who may subscribe to them. */
export interface ContactOptions {
  /** Domains whose users have contact JIDs. */
  readonly domains: readonly string[];
  /** `own-domain`: users of the same domain. `served-domains`: of every domain that the gateway serves. */
  readonly watchers: "own-domain" | "served-domains";
}

/** What subscriptions work with. */
export interface SubscriptionDeps {
  readonly link: Pick<XmppLink, "domain" | "access" | "handle" | "send">;
  readonly log: Log;
  readonly memory: PluginMemory;
  /** Sends the presentity's present state to a watcher's bare or full JID. */
  readonly tell: (presentity: PresentityId, to: string) => Promise<void>;
}

/**
 * Who sees which contact JID: what an account's server is to its contacts (RFC 6121 section 3), with a rule in the place
 * of the person's approval.
 */
export class ContactSubscriptions {
  readonly #options: ContactOptions;
  readonly #deps: SubscriptionDeps;
  readonly #book: WatcherBook;
  readonly #served = new Set<PresentityId>();

  constructor(options: ContactOptions, deps: SubscriptionDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#book = new WatcherBook(deps.memory);
  }

  /** How many there are. */
  get size(): number {
    return this.#book.size;
  }

  /** The user has a contact JID from now on, if those of the domain do. */
  serve(presentity: PresentityId): void {
    this.#served.add(presentity);
  }

  /** The user has none any more: watchers are told. */
  dismiss(presentity: PresentityId): void {
    this.#served.delete(presentity);
    this.#own(this.#dismissUnentitled([presentity]));
  }

  /** Tells all who may not see any more, because the user is none now, or the configuration says otherwise. */
  dismissUnentitled(): void {
    this.#own(this.#dismissUnentitled(this.#book.presentities));
  }

  /** True for users of the gateway, of whatever domain. */
  isUser(presentity: PresentityId): boolean {
    return this.#served.has(presentity);
  }

  /** True for users who have a contact JID. */
  hasContact(presentity: PresentityId): boolean {
    return this.#served.has(presentity) && this.#options.domains.includes(domainOf(presentity));
  }

  /** Those who are to be told of every change. */
  watchersOf(presentity: PresentityId): readonly PresentityId[] {
    return this.#book.watchersOf(presentity).filter((watcher) => this.#isEntitled(presentity, watcher));
  }

  /** Listens from now on, until the returned function is called. */
  listen(): () => void {
    return this.#deps.link.handle({
      presence: (stanza) => this.#own(this.#hearPresence(stanza)),
      message: (stanza) => this.#own(this.#hearMessage(stanza)),
    });
  }

  /** What could not be sent is told at the next connection, or at the watcher's next probe. */
  #own(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#deps.log.debug("contact.not-told", { code: toGatewayError(error).code });
    });
  }

  #isEntitled(presentity: PresentityId, watcher: PresentityId): boolean {
    if (!this.hasContact(presentity)) return false;
    if (domainOf(watcher) === domainOf(presentity)) return true;
    return this.#options.watchers === "served-domains" && this.#deps.link.access(domainOf(watcher)) !== undefined;
  }

  async #hearPresence({ from, to, type }: Stanza): Promise<void> {
    const { link } = this.#deps;
    const presentity = presentityOfContact(to, link.domain);
    const watcher = watcherOf(from);
    if (!watcher) return;
    if (!presentity) {
      // A contact that is misspelt must not wait for ever to be admitted.
      const isAsked = (type === "subscribe" || type === "probe") && isOfContacts(to, link.domain);
      return isAsked ? link.send(refusePresence(bareOf(to), watcher)) : undefined;
    }
    switch (type) {
      case "subscribe":
        return this.#subscribe(presentity, watcher);
      case "probe":
        return this.#answerProbe(presentity, watcher, from);
      case "unsubscribe":
        this.#book.delete(presentity, watcher);
        return this.#send(presentity, watcher, "unavailable"); // RFC 6121 3.3.3
      default: // RFC 6121 3.1.6: we never asked to see the watcher; a bounce says nothing of the next one.
        return;
    }
  }

  /** Answered as often as it is asked: clients and servers ask again when they are not sure (RFC 6121 3.1.3). */
  async #subscribe(presentity: PresentityId, watcher: PresentityId): Promise<void> {
    if (!this.#admit(presentity, watcher)) return this.#send(presentity, watcher, "unsubscribed");
    await this.#send(presentity, watcher, "subscribed");
    await this.#deps.tell(presentity, watcher);
  }

  /**
   * RFC 6121 4.3.2. Servers probe for those whose rosters say that they are subscribed: who may be is so again, even
   * where that was forgotten, as after an older backup was put back.
   */
  async #answerProbe(presentity: PresentityId, watcher: PresentityId, from: string): Promise<void> {
    if (!this.#admit(presentity, watcher)) return this.#send(presentity, watcher, "unsubscribed");
    await this.#deps.tell(presentity, from);
  }

  #admit(presentity: PresentityId, watcher: PresentityId): boolean {
    return this.#isEntitled(presentity, watcher) && this.#book.add(presentity, watcher);
  }

  async #hearMessage(stanza: Stanza): Promise<void> {
    const { link } = this.#deps;
    if (!isOfContacts(stanza.to, link.domain)) return;
    const presentity = presentityOfContact(stanza.to, link.domain);
    const watcher = watcherOf(stanza.from);
    const isEntitled = presentity !== undefined && watcher !== undefined && this.#isEntitled(presentity, watcher);
    const answer = answerMessage(stanza, isEntitled ? presentity : undefined);
    if (answer) await link.send(answer);
  }

  /** RFC 6121 3.2.1: first offline, then no contact any more; forgotten when that was sent. */
  async #dismissUnentitled(presentities: readonly PresentityId[]): Promise<void> {
    for (const presentity of presentities) {
      for (const watcher of this.#book.watchersOf(presentity)) {
        if (this.#isEntitled(presentity, watcher)) continue;
        await this.#send(presentity, watcher, "unavailable");
        await this.#send(presentity, watcher, "unsubscribed");
        this.#book.delete(presentity, watcher);
      }
    }
  }

  #send(presentity: PresentityId, to: string, type: SubscriptionAnswer): Promise<void> {
    const { link } = this.#deps;
    return link.send(contactPresence(presentity, link.domain, { to, type }));
  }
}
