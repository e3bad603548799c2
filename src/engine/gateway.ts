import type { PresentityId } from "../core/addresses.ts";
import type { Override } from "../core/compose.ts";
import type { CompositionPolicy } from "../core/policy.ts";
import { findKeyed } from "../lib/keyed-list.ts";
import { type Milliseconds, milliseconds, plus } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import type { ClientPresenceSource } from "../ports/client-presence-source.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Journal, JournalEntry } from "../ports/journal.ts";
import type { Plugin } from "../ports/plugin.ts";
import type { PresencePublisher } from "../ports/presence-publisher.ts";
import type { Registry, RegistryChange } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import { CalendarServers, type CreateCalendarSource } from "./calendar-servers.ts";
import type { LiveParameters } from "./live-parameters.ts";
import { isVisible } from "./plan-publication.ts";
import { policyFromParameters } from "./policy-from-parameters.ts";
import { describePresentity, Presentities, type Presentity, restorePresentity, strippedOf } from "./presentity.ts";
import { DRAIN_LIMIT, PublishDue } from "./publish-due.ts";
import { armTimer, type RecomputeDeps, type RecomputeReason, recomputePresence } from "./recompute-presence.ts";
import { keepAgeOfReplies } from "./record-mailbox-settings.ts";
import type { FindSuccessor } from "./successions.ts";
import { type SyncDirectoryDeps, syncDirectory, syncUsers } from "./sync-directory.ts";
import { WakeTimers } from "./wake-timers.ts";
import { watchClients } from "./watch-clients.ts";

/** How often the gateway looks whether everything is connected. */
const READINESS_INTERVAL = milliseconds(200);

/** What the gateway is made of. */
export interface GatewayDeps {
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly journal: Journal;
  readonly parameters: LiveParameters;
  readonly reservedTexts: ReadonlySet<string>;
  readonly publishers: readonly PresencePublisher[];
  readonly clientSources: readonly ClientPresenceSource[];
  readonly createCalendarSource: CreateCalendarSource;
  /** Of the others one that follows on the server, where no administrator has named one. */
  readonly findSuccessor?: FindSuccessor;
  /** Tells the administrators of what only a person can put right. */
  readonly alert: (text: string) => void;
  /** Whether the presence servers are connected. */
  readonly isConnected: () => boolean;
}

/** The gateway at work: starts its parts in order, undoes a failed start, stops in reverse. */
export class Gateway {
  readonly presentities = new Presentities();
  readonly calendarServers: CalendarServers;
  readonly publishers: readonly PublishDue[];
  readonly #deps: GatewayDeps;
  readonly #timers: WakeTimers;
  readonly #recomputeDeps: RecomputeDeps;
  readonly #stop = new AbortController();
  readonly #started: Plugin[] = [];
  readonly #loops: Promise<void>[] = [];
  #policy: CompositionPolicy;
  #isStopping = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    const { runtime, journal, parameters, registry } = deps;
    this.#policy = policyFromParameters(parameters, deps.reservedTexts);
    this.#timers = new WakeTimers(runtime.clock, {
      wake: (id) => this.#wake(id),
      clockSetBack: (by) => this.#clockSetBack(by),
    });
    this.publishers = deps.publishers.map(
      (publisher) =>
        new PublishDue(publisher, {
          runtime,
          journal,
          presentities: this.presentities,
          isCatchingUp: () => this.#timers.isCatchingUp,
          replan: (presentity) => this.recompute(presentity, "lost-publication"),
          shown: (presentity) => armTimer(this.#recomputeDeps, presentity),
          settled: (presentity) => this.#forgetIfGone(presentity),
        }),
    );
    this.#recomputeDeps = {
      runtime,
      journal,
      parameters,
      policy: () => this.#policy,
      publishers: this.publishers,
      wakeAt: (presentity, at) => this.#timers.set(presentity.id, at),
      isWithdrawing: () => this.#isStopping,
    };
    this.calendarServers = new CalendarServers({
      runtime,
      journal,
      parameters,
      registry,
      presentities: this.presentities,
      create: deps.createCalendarSource,
      findSuccessor: deps.findSuccessor ?? (() => undefined),
      alert: deps.alert,
      recompute: (presentity) => this.recompute(presentity),
    });
  }

  /** Restores what was known, then starts the parts; on failure stops what was started and rejects with its error. */
  async start(): Promise<void> {
    const { journal, parameters, registry, runtime } = this.#deps;
    try {
      await parameters.reload();
      this.#policy = policyFromParameters(parameters, this.#deps.reservedTexts);
      const now = runtime.clock.now();
      const networks = new Set(this.#deps.clientSources.map(({ via }) => via));
      for (const entry of journal.load()) this.presentities.add(restorePresentity(entry, now, networks));
      const changes = registry.watch(this.#stop.signal);
      await syncUsers(this.#directoryDeps());
      runtime.log.info("gateway.restored", { presentities: this.presentities.size });
      for (const plugin of [...this.#deps.publishers, ...this.#deps.clientSources]) {
        await plugin.start(this.#stop.signal);
        this.#started.push(plugin);
      }
      this.#runLoops(changes, this.#stop.signal);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Takes back what is shown, waits for that at most 4 s, and stops everything in reverse. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    // Side by side: a calendar server that hangs must not take the time in which meetings are taken back.
    await Promise.all([this.calendarServers.stop(), this.#withdrawAll()]);
    for (const due of this.publishers) due.stop();
    this.#timers.stop();
    this.#stop.abort(new Error("the gateway is stopping"));
    await Promise.all(this.#loops);
    for (const plugin of this.#started.toReversed()) await plugin.stop();
  }

  /** Computes the presentity's document anew and lets what changed be published. */
  recompute(presentity: Presentity, reason: RecomputeReason = "input"): void {
    // The server tells of everybody: of those who are no users nothing is composed, nor written down.
    if (!presentity.user && presentity.published.length + presentity.outbox.length === 0) return;
    recomputePresence(this.#recomputeDeps, presentity, reason);
  }

  /** Everything that is known of a user's presentity now. */
  describe(id: PresentityId): JournalEntry | undefined {
    const presentity = this.presentities.find(id);
    return presentity?.user && describePresentity(presentity);
  }

  /** Sets or takes away what the user asked for by chat. */
  setOverride(id: PresentityId, override: Override | undefined): void {
    const presentity = this.presentities.find(id);
    if (!presentity) return;
    this.#replaceOverride(presentity, override);
    this.recompute(presentity);
  }

  #replaceOverride(presentity: Presentity, override: Override | undefined): void {
    presentity.override = override;
    this.#deps.journal.replaceOverride(presentity.id, override);
  }

  #directoryDeps(): SyncDirectoryDeps {
    const { runtime, registry, journal, clientSources, publishers } = this.#deps;
    const followers = [...clientSources, ...publishers];
    return {
      runtime,
      registry,
      journal,
      presentities: this.presentities,
      calendarServers: this.calendarServers,
      recompute: (presentity) => this.recompute(presentity),
      parametersChanged: () => this.#parametersChanged(),
      follow: (user) => {
        for (const each of followers) each.follow?.([user]);
      },
      unfollow: (id) => {
        for (const each of followers) each.unfollow?.(id);
      },
      forget: (presentity) => this.#forgetIfGone(presentity),
    };
  }

  #runLoops(changes: AsyncIterable<RegistryChange>, signal: AbortSignal): void {
    const { runtime, registry, journal } = this.#deps;
    const recompute = (presentity: Presentity): void => this.recompute(presentity);
    const { presentities, publishers } = this;
    this.#own("registry", syncDirectory(this.#directoryDeps(), changes, signal));
    for (const due of publishers) this.#own(due.name, due.run(signal));
    for (const source of this.#deps.clientSources) {
      this.#own(
        "clients",
        watchClients(source, { runtime, journal, registry, presentities, publishers, recompute }, signal),
      );
    }
    this.#own("timers", this.#timers.run(signal));
    this.#own("readiness", this.#announceReady(signal));
  }

  /** Keeps a loop's promise; one that ends by anything but the stop is a defect and is logged as such. */
  #own(loop: string, running: Promise<void>): void {
    const owned = running.catch((error: unknown) => {
      if (this.#stop.signal.aborted) return;
      const { code, message } = toGatewayError(error);
      this.#deps.runtime.log.error("gateway.loop-failed", { loop, code, message });
    });
    this.#loops.push(owned);
  }

  async #announceReady(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps.runtime;
    while (!(this.#deps.isConnected() && this.calendarServers.isProven)) await clock.sleep(READINESS_INTERVAL, signal);
    log.info("gateway.ready", { users: [...this.presentities].filter(({ user }) => user?.isEnabled).length });
  }

  #wake(id: PresentityId): void {
    const presentity = this.presentities.find(id);
    if (!presentity) return;
    const { clock, metrics } = this.#deps.runtime;
    const until = presentity.override?.until;
    const late = clock.now() - (presentity.validUntil ?? Number.POSITIVE_INFINITY);
    // It may also have been woken to refresh what is published.
    if (late >= 0) metrics.observe("presence_gateway_edge_lateness_seconds", late / 1000);
    if (until !== undefined && until <= clock.now()) this.#replaceOverride(presentity, undefined);
    this.recompute(presentity, "edge");
  }

  /** What was noted before keeps its age: else a calendar would go stale so much later, and retries would wait. */
  #clockSetBack(by: Milliseconds): void {
    const { runtime, journal } = this.#deps;
    runtime.log.warn("clock.set-back", { seconds: Math.round(by / 1000) });
    for (const presentity of this.presentities) {
      keepAgeOfReplies(journal, presentity, by);
      if (!presentity.calendar) continue;
      const heardAt = plus(presentity.calendar.heardAt, -by);
      presentity.calendar = { ...presentity.calendar, heardAt };
      journal.recordHeard(presentity.id, heardAt);
    }
    this.calendarServers.clockSetBack();
    for (const due of this.publishers) due.clockSetBack();
    for (const presentity of this.presentities) this.recompute(presentity);
  }

  async #parametersChanged(): Promise<void> {
    await this.#deps.parameters.reload();
    this.#policy = policyFromParameters(this.#deps.parameters, this.#deps.reservedTexts);
    this.calendarServers.reschedule();
    for (const presentity of this.presentities) this.recompute(presentity);
  }

  /** When nothing is shown of somebody who is no user any more, nothing is kept of them. */
  #forgetIfGone(presentity: Presentity): void {
    const isShown = ({ publisher }: PublishDue): boolean => {
      const published = findKeyed(presentity.published, "publisher", publisher.name);
      return published !== undefined && isVisible(publisher, published.document);
    };
    if (presentity.user || presentity.outbox.length > 0 || this.publishers.some(isShown)) return;
    this.#timers.set(presentity.id, undefined);
    this.#deps.journal.deletePresentity(presentity.id);
    this.presentities.delete(presentity);
    // Whoever is online is remembered, so that enabling them again shows the truth at once.
    if (presentity.clients.length > 0) this.presentities.add(strippedOf(presentity));
  }

  async #withdrawAll(): Promise<void> {
    const isShown = ({ document }: Presentity): boolean =>
      document !== undefined && this.publishers.some(({ publisher }) => isVisible(publisher, document));
    // There may be more of them than the time allows: what only the gateway says must not be left behind.
    const isOurs = ({ document }: Presentity): boolean => document?.source !== "client";
    const shown = [...this.presentities].filter(isShown);
    for (const presentity of shown.filter(isOurs)) this.recompute(presentity);
    for (const presentity of shown) if (!isOurs(presentity)) this.recompute(presentity);
    const limit = new AbortController();
    const { clock } = this.#deps.runtime;
    const cancel = after(clock, DRAIN_LIMIT, () => limit.abort());
    await Promise.all(this.publishers.map((due) => due.drain(limit.signal)));
    cancel();
  }
}
