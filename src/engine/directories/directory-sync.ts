import type { PresentityId } from "../../core/addresses.ts";
import { poolOf } from "../../core/server-pool.ts";
import { type BackoffPolicy, backoffDelay } from "../../lib/backoff.ts";
import { type Instant, type Milliseconds, milliseconds, minutes } from "../../lib/time.ts";
import type { DirectoryListing, DirectorySource } from "../../ports/directory-source.ts";
import type { DirectoryStep, DirectoryUsers } from "../../ports/directory-users.ts";
import { toGatewayError } from "../../ports/errors.ts";
import { readParameters } from "../../ports/parameters.ts";
import type { Health } from "../../ports/plugin.ts";
import type { AuditEntry, Registry, User } from "../../ports/registry.ts";
import type { Runtime } from "../../ports/runtime.ts";
import { heldError, heldText } from "./held-removals.ts";
import {
  type DirectoryFacts,
  type DirectoryPlan,
  type DirectoryTemplate,
  type Mismatch,
  needsConfirmation,
  planDirectory,
} from "./plan-directory.ts";

/** Users written in one transaction: others get their turn between two. */
const CHUNK = 250;

/** One directory of the configuration. */
export interface DirectorySettings {
  readonly name: string;
  readonly templates: readonly DirectoryTemplate[];
  /** From the end of one synchronisation to the next. */
  readonly interval: Milliseconds;
  /** After so long everything is read again, changed or not. */
  readonly fullInterval: Milliseconds;
  /** More of the directory's users than this part go only after an administrator's word. */
  readonly mostRemovedPercent: number;
  /** Whether users made by hand who stand in the directory are the directory's from then on. */
  readonly takesOver?: boolean;
}

/** What a synchronisation works with. */
export interface DirectorySyncDeps {
  readonly runtime: Pick<Runtime, "clock" | "log" | "random">;
  readonly registry: Pick<Registry, "listUsers" | "listCalendarServers" | "listParameters">;
  readonly users: DirectoryUsers;
  readonly servedDomains: readonly string[];
  /** Names of all directories. */
  readonly configured: ReadonlySet<string>;
  /** Tells the administrators of what only a person can put right. */
  readonly alert: (text: string) => void;
}

/** How a synchronisation is wanted. */
export interface SyncRequest {
  readonly isFull: boolean;
  /** So many removals an administrator has agreed to. */
  readonly confirmed?: number;
}

/** How a synchronisation went. */
export interface SyncOutcome {
  readonly at: Instant;
  readonly took: Milliseconds;
  readonly isFull: boolean;
  readonly people: number;
  /** Those of the people whom a template enables. */
  readonly enabled: number;
  readonly added: number;
  readonly changed: number;
  readonly removed: number;
  readonly mismatches: number;
  /** So many would be removed: too many, so that nothing at all was changed. */
  readonly held?: number;
}

/** One directory, kept in step with the users. */
export class DirectorySync {
  readonly settings: DirectorySettings;
  readonly #source: DirectorySource;
  readonly #deps: DirectorySyncDeps;
  #listing: DirectoryListing | undefined;
  #fullAt: Instant | undefined;
  #outcome: SyncOutcome | undefined;
  #mismatches: readonly Mismatch[] = [];
  #told = "";
  #turn: Promise<unknown> = Promise.resolve();

  constructor(settings: DirectorySettings, source: DirectorySource, deps: DirectorySyncDeps) {
    this.settings = settings;
    this.#source = source;
    this.#deps = deps;
  }

  /** How the last one went that did not fail. */
  get outcome(): SyncOutcome | undefined {
    return this.#outcome;
  }

  /** As of the last reading. */
  get mismatches(): readonly Mismatch[] {
    return this.#mismatches;
  }

  /** A directory that waits for an administrator's word is degraded. */
  health(): Health {
    const health = this.#source.health();
    const held = this.#outcome?.held;
    if (health.state !== "ok" || held === undefined) return health;
    return {
      state: "degraded",
      error: heldError(this.settings.name, held),
      ...(health.since && { since: health.since }),
    };
  }

  /** Synchronises at once and then on schedule, until the signal aborts. A failure is told once, and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps.runtime;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.sync({ isFull: false }, signal);
        failures = 0;
      } catch {
        failures++; // recorded by sync
      }
      const policy: BackoffPolicy = { first: minutes(1), longest: this.settings.interval };
      const pause = failures === 0 ? this.settings.interval : backoffDelay(policy, failures, random());
      await clock.sleep(pause, signal).catch(() => undefined);
    }
  }

  /** Synchronises after whatever is under way. Rejects with GatewayError; then nothing was removed that is still there. */
  sync(request: SyncRequest, signal: AbortSignal): Promise<SyncOutcome> {
    const done = this.#turn.then(() => this.#sync(request, signal));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #sync(request: SyncRequest, signal: AbortSignal): Promise<SyncOutcome> {
    signal.throwIfAborted();
    const { log } = this.#deps.runtime;
    try {
      const outcome = await this.#readAndApply(request, signal);
      this.#outcome = outcome;
      const { people, added, changed, removed, held } = outcome;
      log.info("directory.synchronised", { directory: this.settings.name, people, added, changed, removed, held });
      this.#tell(held === undefined ? "" : heldText(this.settings.name, held));
      return outcome;
    } catch (error) {
      signal.throwIfAborted();
      const { code, message } = toGatewayError(error);
      log.warn("directory.sync-failed", { directory: this.settings.name, code, message });
      this.#tell(
        `The directory ${this.settings.name} could not be synchronised: ${message} (${code}). Nobody is removed for that.`,
      );
      throw error;
    }
  }

  /** Once, and again only when it is something else; then that it is over. */
  #tell(text: string): void {
    if (text === this.#told) return;
    this.#deps.alert(text === "" ? `The directory ${this.settings.name} is synchronised again.` : text);
    this.#told = text;
  }

  async #readAndApply({ isFull, confirmed = 0 }: SyncRequest, signal: AbortSignal): Promise<SyncOutcome> {
    const { clock } = this.#deps.runtime;
    const at = clock.now();
    const isDue = this.#fullAt === undefined || at - this.#fullAt >= this.settings.fullInterval || at < this.#fullAt;
    const listing = await this.#source.read(isFull || isDue ? undefined : this.#listing, signal);
    this.#listing = listing;
    if (listing.isFull) this.#fullAt = at;
    const plan = await this.#plan(listing);
    this.#mismatches = plan.mismatches;
    const removals = plan.steps.filter(({ kind }) => kind === "remove").length;
    const people = listing.entries.size;
    const isHeld =
      removals > confirmed &&
      needsConfirmation({ removals, owned: plan.owned, entries: people }, this.settings.mostRemovedPercent);
    const done = isHeld ? NOTHING : await this.#apply(plan.steps, signal);
    return {
      at,
      took: milliseconds(Math.max(clock.now() - at, 0)),
      isFull: listing.isFull,
      people,
      enabled: plan.enabled,
      ...done,
      mismatches: plan.mismatches.length,
      ...(isHeld && { held: removals }),
    };
  }

  async #plan(listing: DirectoryListing): Promise<DirectoryPlan> {
    const { registry, users, servedDomains, configured } = this.#deps;
    const [known, given, servers, parameters] = [
      await registry.listUsers(),
      await users.list(),
      await registry.listCalendarServers(),
      await registry.listParameters(),
    ];
    const pools = [...new Set(servers.map(poolOf))];
    const facts: DirectoryFacts = {
      directory: this.settings.name,
      configured,
      entries: listing.entries.values(),
      templates: this.settings.templates,
      users: new Map(known.map((user): readonly [PresentityId, User] => [user.presentity, user])),
      given,
      servedDomains,
      gateways: new Set([...pools, ...servers.map(({ name }) => name)]),
      onlyGateway: pools.length === 1 ? pools[0] : undefined,
      defaultLanguage: readParameters(() => parameters).choice("default-language"),
      takesOver: this.settings.takesOver ?? false,
    };
    return planDirectory(facts);
  }

  async #apply(
    steps: readonly DirectoryStep[],
    signal: AbortSignal,
  ): Promise<Pick<SyncOutcome, "added" | "changed" | "removed">> {
    const counts = { add: 0, change: 0, remove: 0 };
    for (let start = 0; start < steps.length; start += CHUNK) {
      signal.throwIfAborted();
      const chunk = steps.slice(start, start + CHUNK);
      for (const { kind } of await this.#deps.users.apply(chunk, (step) => this.#auditOf(step))) counts[kind]++;
      // Not a timer: what else waits gets its turn of the event loop.
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return { added: counts.add, changed: counts.change, removed: counts.remove };
  }

  #auditOf(step: DirectoryStep): AuditEntry {
    const { name } = this.settings;
    const user = step.kind === "remove" ? step.before : step.user;
    return {
      at: this.#deps.runtime.clock.now(),
      actor: "gateway",
      action: ACTIONS[step.kind],
      subject: user.presentity,
      detail: `directory ${name}: mailbox ${user.mailbox}, gateway ${user.gateway}, locale ${user.locale}${user.optedOutAt === undefined ? "" : ", opted out"}`,
    };
  }
}

const NOTHING = { added: 0, changed: 0, removed: 0 };

const ACTIONS = { add: "user.enabled", change: "user.changed", remove: "user.removed" } as const;
