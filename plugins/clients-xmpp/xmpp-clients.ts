import { type BareJid, domainOf, isPresentityId, type PresentityId } from "../../src/core/addresses.ts";
import { normalizeStateText } from "../../src/core/texts.ts";
import { Broadcast } from "../../src/lib/broadcast.ts";
import { Channel } from "../../src/lib/channel.ts";
import { seconds } from "../../src/lib/time.ts";
import type { ClientChange, ClientPresenceSource, FollowedPresentity } from "../../src/ports/client-presence-source.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { DomainAccess, LinkEvent, Stanza, StanzaHandlers, XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";
import { BackgroundTask } from "../shared-xmpp/background-task.ts";
import { ActivityWatch } from "./activity-watch.ts";
import { ClientTable } from "./client-table.ts";
import { noPresenceError } from "./clients-errors.ts";
import { decodePresence } from "./decode-presence.ts";
import { Snapshot } from "./snapshot.ts";

/** How the plugin is configured. */
export interface XmppClientsOptions {
  /** `auto`: where the server has no module of the gateway. */
  readonly watchActivity: "auto" | "always" | "never";
  /** Normalised texts that only the gateway may show. */
  readonly reservedTexts: ReadonlySet<string>;
}

/** By then a session that has just announced itself is there for others. */
const SESSION_TIME = seconds(2);

/** Hears the users' own clients: their presence as the server forwards it, and their claims of meetings. */
export class XmppClients implements ClientPresenceSource {
  readonly #options: XmppClientsOptions;
  readonly #link: XmppLink;
  readonly #runtime: Runtime;
  readonly #table = new ClientTable();
  readonly #snapshot: Snapshot;
  readonly #activity: ActivityWatch;
  readonly #changes = new Broadcast<ClientChange>();
  readonly #followed = new Set<PresentityId>();
  readonly #task: BackgroundTask;
  /** Followed users whose turn comes on the present connection. */
  #due = new Channel<PresentityId>();
  #connection = new AbortController();

  constructor(options: XmppClientsOptions, link: XmppLink, runtime: Runtime) {
    this.#options = options;
    this.#link = link;
    this.#runtime = runtime;
    this.#activity = new ActivityWatch(link, options.reservedTexts, runtime.log);
    this.#snapshot = new Snapshot(
      link,
      (domain) => this.#attendDomain(domain),
      () => this.#emit([{ kind: "settled" }]),
    );
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
    const isDeaf = (domain: BareJid): boolean =>
      this.#snapshot.isGiven(domain) !== undefined && this.#link.access(domain)?.hasPresence === false;
    const deaf = this.#snapshot.domains.filter(isDeaf);
    return deaf.length === 0 ? { state: "ok" } : { state: "degraded", error: noPresenceError(deaf) };
  }

  /**
   * Names presentities that the gateway serves, beside those it publishes for: where the server has no module of ours,
   * their activity is watched, and where it gives no snapshot, their presence is asked for.
   */
  follow(presentities: Iterable<FollowedPresentity>): void {
    for (const { presentity } of presentities) {
      if (this.#followed.has(presentity)) continue;
      this.#followed.add(presentity);
      if (this.#snapshot.isGiven(domainOf(presentity)) !== undefined) this.#due.push(presentity);
    }
  }

  watchClients(signal: AbortSignal): AsyncIterable<ClientChange> {
    return this.#changes.read(() => this.#known(), signal);
  }

  *#known(): Generator<ClientChange> {
    yield { kind: "reset" };
    yield* this.#table.snapshot();
    if (this.#snapshot.isSettled) yield { kind: "settled" };
  }

  async #run(signal: AbortSignal): Promise<void> {
    const handlers: StanzaHandlers = {
      presence: (stanza) => this.#hearPresence(stanza),
      message: (stanza) => this.#hearMessage(stanza),
      iq: (stanza) => this.#activity.answerDiscovery(stanza),
      sentAs: (user, iq) => this.#noteSent(user, iq),
    };
    const remove = this.#link.handle(handlers);
    try {
      for await (const event of this.#link.watch(signal)) this.#turn(event);
    } finally {
      remove();
      this.#connection.abort();
    }
  }

  #turn(event: LinkEvent): void {
    switch (event.kind) {
      case "online":
        this.#begin();
        return;
      case "offline":
        this.#connection.abort();
        return;
      case "access":
        this.#learn(event.access);
        return;
    }
  }

  /** A new connection: nothing that was known is certain any more. */
  #begin(): void {
    this.#connection.abort();
    this.#connection = new AbortController();
    this.#due = new Channel();
    this.#table.clear();
    this.#snapshot.clear();
    this.#emit([{ kind: "reset" }]);
    const { signal } = this.#connection;
    this.#own(this.#attendAll(this.#due, signal), signal);
  }

  #learn({ domain }: DomainAccess): void {
    const { signal } = this.#connection;
    if (this.#snapshot.isGiven(domain) === undefined) this.#own(this.#snapshot.add(domain, signal), signal);
    else this.#attendDomain(domain);
  }

  /** What fails with the connection is done again with the next one. */
  #own(work: Promise<void>, signal: AbortSignal): void {
    work.catch((error: unknown) => {
      if (!signal.aborted && this.#link.isOnline)
        this.#runtime.log.error("clients.task-failed", { error: String(error) });
    });
  }

  #attendDomain(domain: BareJid): void {
    for (const presentity of this.#followed) if (domainOf(presentity) === domain) this.#due.push(presentity);
  }

  /** One at a time: there may be as many as there are users. */
  async #attendAll(due: Channel<PresentityId>, signal: AbortSignal): Promise<void> {
    const watched = new Set<PresentityId>();
    const probed = new Set<PresentityId>();
    for await (const user of due.read(signal)) {
      const access = this.#link.access(domainOf(user));
      if (access && !watched.has(user) && this.#isWatched(access)) {
        watched.add(user);
        await this.#activity.subscribe(user, access, signal);
      }
      if (access && !probed.has(user) && this.#snapshot.isGiven(access.domain) === false) {
        probed.add(user);
        await this.#activity.probe(user, signal);
      }
    }
  }

  #isWatched({ actsBy, isModuleKnown, moduleInstance }: DomainAccess): boolean {
    if (this.#options.watchActivity === "never" || actsBy === "none") return false;
    return this.#options.watchActivity === "always" || (isModuleKnown && moduleInstance === undefined);
  }

  #hearPresence(stanza: Stanza): void {
    const heard = decodePresence(stanza, this.#runtime.clock.now());
    const access = heard && this.#link.access(domainOf(heard.presentity));
    if (!access) return;
    const wasOnline = this.#table.has(heard.presentity);
    if (heard.kind === "present" && heard.isDelayed) this.#snapshot.noteDelayed(access.domain);
    const changes = this.#table.take(heard);
    this.#emit(changes);
    this.#emit(changes.filter((change) => this.#isClaim(change)).map(toClaim));
    // ejabberd knows the interests of a watcher only from presence that reached one of the user's own sessions.
    if (!wasOnline && changes.length > 0 && this.#followed.has(heard.presentity) && this.#isWatched(access)) {
      const { signal } = this.#connection;
      this.#own(this.#announce(heard.presentity, signal), signal);
    }
  }

  /**
   * Twice: ejabberd tells components of a presence before the session is there to hear the answer. The second one brings
   * the last item, so that nothing published in between is missed.
   */
  async #announce(presentity: PresentityId, signal: AbortSignal): Promise<void> {
    await this.#activity.announce(presentity, signal);
    await this.#runtime.clock.sleep(SESSION_TIME, signal);
    await this.#activity.announce(presentity, signal);
  }

  #isClaim(change: ClientChange): change is ClientChange & { kind: "present" } {
    if (change.kind !== "present") return false;
    return Object.values(change.presence.status).some((text) =>
      this.#options.reservedTexts.has(normalizeStateText(text)),
    );
  }

  #hearMessage(stanza: Stanza): void {
    const presentity = this.#activity.findClaim(stanza);
    if (presentity) this.#emit([{ kind: "claim", presentity, carrier: "activity" }]);
  }

  #noteSent(user: BareJid, iq: XmlDraft): void {
    if (!isPresentityId(user)) return;
    const access = this.#link.access(domainOf(user));
    this.#activity.recordSent(user, iq, access !== undefined && this.#isWatched(access));
    this.follow([{ presentity: user }]);
  }

  #emit(changes: readonly ClientChange[]): void {
    for (const change of changes) this.#changes.push(change);
  }
}

const toClaim = ({ presentity }: ClientChange & { kind: "present" }): ClientChange => ({
  kind: "claim",
  presentity,
  carrier: "status",
});
