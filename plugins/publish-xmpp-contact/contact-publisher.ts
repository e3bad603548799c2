import { domainOf, type PresentityId } from "../../src/core/addresses.ts";
import type { PresenceDocument } from "../../src/core/presence.ts";
import type { TextCatalogue } from "../../src/core/texts.ts";
import { Memo } from "../../src/lib/memo.ts";
import type { FollowedPresentity } from "../../src/ports/client-presence-source.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PluginMemory } from "../../src/ports/plugin-memory.ts";
import type {
  PresencePublisher,
  Publication,
  PublisherDetail,
  PublishReceipt,
} from "../../src/ports/presence-publisher.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { LinkEvent, XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";
import { AccessEpoch } from "../shared-xmpp/access-epoch.ts";
import { BackgroundTask } from "../shared-xmpp/background-task.ts";
import { frozen } from "../shared-xmpp/frozen.ts";
import { contactJidOf } from "./contact-address.ts";
import { noUserError } from "./contact-errors.ts";
import { type ContactOptions, ContactSubscriptions } from "./contact-subscriptions.ts";
import { contactPresence, encodeContact, OFFLINE, reduceToContact } from "./encode-contact.ts";

/** What the publisher works with. */
export interface ContactDeps {
  readonly link: XmppLink;
  readonly runtime: Pick<Runtime, "log" | "uniqueId">;
  readonly memory: PluginMemory;
  readonly catalogue: TextCatalogue;
  readonly defaultLanguage: () => string;
}

type Shown = Pick<Publication, "document" | "locale">;

/**
 * Shows the composed presence on a contact of each user's own, an address on the component (XEP-0106) that people add to
 * their rosters: the way that needs nothing of the server.
 */
export class ContactPublisher implements PresencePublisher {
  readonly name = "xmpp-contact";
  readonly capabilities = {
    addressType: "jid",
    // Nobody takes back what watchers were told, when the gateway is killed.
    isSoftState: false,
    carries: new Set(["show", "note"] as const),
    window: 512,
  } as const;
  readonly #deps: ContactDeps;
  readonly #subscriptions: ContactSubscriptions;
  readonly #shown = new Map<PresentityId, Shown>();
  readonly #epoch: AccessEpoch;
  readonly #task: BackgroundTask;
  readonly #drafts = new Memo<readonly XmlDraft[]>();
  readonly #reduced = new Memo<PresenceDocument>();
  #connection: string | undefined;

  constructor(options: ContactOptions, deps: ContactDeps) {
    this.#deps = deps;
    const { link, memory, runtime } = deps;
    const tell = (presentity: PresentityId, to: string): Promise<void> => this.#tell(presentity, to);
    this.#subscriptions = new ContactSubscriptions(options, { link, memory, log: runtime.log, tell });
    // What was on its way when a connection was lost may have been lost with it: each is a new epoch.
    this.#epoch = new AccessEpoch(link, () => this.#connection);
    this.#task = new BackgroundTask((signal) => this.#run(signal));
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#task.start();
  }

  stop(): Promise<void> {
    return this.#task.stop();
  }

  health(): Health {
    if (!this.#task.isRunning) return { state: "stopped" };
    const { size } = this.#subscriptions;
    return { state: "ok", detail: size === 1 ? "1 subscription" : `${size} subscriptions` };
  }

  describe(presentity?: PresentityId): readonly PublisherDetail[] {
    if (!presentity || !this.#subscriptions.hasContact(presentity)) return [];
    return [
      ["contact JID", contactJidOf(presentity, this.#deps.link.domain)],
      ["watchers", String(this.#subscriptions.watchersOf(presentity).length)],
    ];
  }

  follow(presentities: Iterable<FollowedPresentity>): void {
    for (const { presentity } of presentities) this.#subscriptions.serve(presentity);
  }

  unfollow(presentity: PresentityId): void {
    this.#shown.delete(presentity);
    this.#subscriptions.dismiss(presentity);
  }

  reduce(document: PresenceDocument): PresenceDocument {
    const reduced = reduceToContact(document);
    return reduced === OFFLINE ? OFFLINE : this.#reduced.get(keyOf(reduced), () => reduced);
  }

  async publish({ presentity, document, locale }: Publication, signal: AbortSignal): Promise<PublishReceipt> {
    if (!this.#subscriptions.isUser(presentity)) throw noUserError(presentity);
    this.#shown.set(presentity, { document: this.reduce(document), locale });
    await this.#tellAll(presentity, signal);
    return {};
  }

  async retract({ presentity }: Publication, signal: AbortSignal): Promise<void> {
    this.#shown.delete(presentity);
    await this.#tellAll(presentity, signal);
  }

  epoch(): string | undefined {
    return this.#epoch.current;
  }

  watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined> {
    return this.#epoch.watch(signal);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const remove = this.#subscriptions.listen();
    try {
      for await (const event of this.#deps.link.watch(signal)) this.#turn(event);
    } finally {
      remove();
      this.#connection = undefined;
      this.#epoch.refresh();
    }
  }

  #turn({ kind }: LinkEvent): void {
    if (kind === "access") return;
    this.#connection = kind === "online" ? this.#deps.runtime.uniqueId() : undefined;
    this.#epoch.refresh();
    if (kind === "online") this.#subscriptions.dismissUnentitled();
  }

  async #tellAll(presentity: PresentityId, signal: AbortSignal): Promise<void> {
    const watchers = this.#subscriptions.watchersOf(presentity);
    if (watchers.length === 0) return;
    await Promise.all(watchers.map((watcher) => this.#tell(presentity, watcher, signal)));
    await this.#confirm(presentity, signal);
  }

  #tell(presentity: PresentityId, to: string, signal?: AbortSignal): Promise<void> {
    const { link } = this.#deps;
    const shown = this.#shown.get(presentity);
    const isOnline = shown !== undefined && shown.document.show !== "unavailable";
    const said = isOnline ? { to, children: this.#draw(shown) } : { to, type: "unavailable" as const };
    return link.send(contactPresence(presentity, link.domain, said), signal);
  }

  /** A server handles a component's stanzas in order: when it answers a ping (XEP-0199), it has handled what went before. */
  async #confirm(presentity: PresentityId, signal: AbortSignal): Promise<void> {
    const ping = { name: "ping", attributes: { xmlns: "urn:xmpp:ping" } };
    const attributes = { type: "get", to: domainOf(presentity) };
    try {
      await this.#deps.link.request({ name: "iq", attributes, children: [ping] }, signal);
    } catch (error) {
      // An error is an answer too.
      if (!(error instanceof GatewayError && error.code.startsWith("xmpp-iq-"))) throw error;
    }
  }

  #draw({ document, locale }: Shown): readonly XmlDraft[] {
    const locales = [locale, this.#deps.defaultLanguage()];
    const draw = (): readonly XmlDraft[] => encodeContact(document, locales, this.#deps.catalogue).map(frozen);
    return this.#drafts.get(`${keyOf(document)}\n${locales}`, draw);
  }
}

const keyOf = ({ show, text, note }: PresenceDocument): string =>
  `${show}\n${text}\n${note ? JSON.stringify(note) : ""}`;
