import type { PresentityId } from "../core/addresses.ts";
import type { AutomaticRepliesState } from "../core/automatic-replies.ts";
import type { BusyInterval } from "../core/busy-time.ts";
import type { Override } from "../core/compose.ts";
import type { ClientPresence } from "../core/presence.ts";
import { type Instant, milliseconds, seconds } from "../lib/time.ts";
import { after } from "../ports/after.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Journal, JournalEntry, Publications } from "../ports/journal.ts";
import type { Health } from "../ports/plugin.ts";
import type { Runtime } from "../ports/runtime.ts";
import { LOCK_PATIENCE, NO_PATIENCE, type StoreDatabase } from "./database.ts";
import { type JournalReads, prepareJournalReads } from "./journal-reads.ts";
import { type JournalWrites, prepareJournalWrites } from "./journal-writes.ts";
import { PendingWrites, type Write, type WriteScope, type WriteSubject } from "./pending-writes.ts";
import { QuietCheckpoint } from "./quiet-checkpoint.ts";
import { isRefusedWrite } from "./store-errors.ts";

const RETRY_INTERVAL = seconds(1);
/** A burst is confirmed row by row: what is written when it is over is written once for all publishers. */
const FOLLOW_DELAY = milliseconds(250);
const LONGEST_FOLLOW = seconds(2);

type JournalRuntime = Pick<Runtime, "clock" | "log">;

interface Failure {
  readonly error: GatewayError;
  readonly since: Instant;
}

/**
 * The journal in SQLite. Writes wait in memory until the event loop turns and share one transaction then, what was
 * published until nothing more urgent comes; those that cannot be written stay there and are tried again each second, so that a full disk costs nothing but time. Reading
 * what has not been written yet writes it first, and throws when that fails.
 */
export class SqliteJournal implements Journal {
  readonly #database: StoreDatabase;
  readonly #runtime: JournalRuntime;
  readonly #writes: JournalWrites;
  readonly #reads: JournalReads;
  readonly #pending = new PendingWrites();
  readonly #checkpoint: QuietCheckpoint;
  #cancelCommit: (() => void) | undefined;
  #cancelFollow: (() => void) | undefined;
  #promptAt: Instant | undefined;
  #failure: Failure | undefined;

  constructor(database: StoreDatabase, runtime: JournalRuntime) {
    this.#database = database;
    this.#runtime = runtime;
    this.#writes = prepareJournalWrites(database);
    this.#reads = prepareJournalReads(database);
    this.#checkpoint = new QuietCheckpoint(database, runtime);
  }

  load(): Iterable<JournalEntry> {
    this.flush();
    return this.#reads.listEntries();
  }

  find(presentity: PresentityId): JournalEntry | undefined {
    if (this.#pending.has(presentity)) this.flush();
    return this.#reads.findEntry(presentity);
  }

  replaceBusyTime(presentity: PresentityId, intervals: readonly BusyInterval[], heardAt: Instant): void {
    this.#add(presentity, "busy-time", () => this.#writes.replaceBusyTime(presentity, intervals, heardAt));
  }

  recordHeard(presentity: PresentityId, heardAt: Instant): void {
    this.#add(presentity, "heard", () => this.#writes.recordHeard(presentity, heardAt));
  }

  recordCalendarError(presentity: PresentityId, error: JournalEntry["calendarError"]): void {
    this.#add(presentity, "calendar-error", () =>
      error ? this.#writes.replaceCalendarError(presentity, error) : this.#writes.deleteCalendarError(presentity),
    );
  }

  replaceAutomaticReplies(presentity: PresentityId, state: AutomaticRepliesState | undefined): void {
    this.#add(presentity, "automatic-replies", () => this.#writes.replaceAutomaticReplies(presentity, state));
  }

  replaceServer(presentity: PresentityId, server: string | undefined): void {
    this.#add(presentity, "server", () =>
      server === undefined ? this.#writes.deleteServer(presentity) : this.#writes.replaceServer(presentity, server),
    );
  }

  replaceOverride(presentity: PresentityId, override: Override | undefined): void {
    this.#add(presentity, "override", () =>
      override ? this.#writes.replaceOverride(presentity, override) : this.#writes.deleteOverride(presentity),
    );
  }

  replaceClients(presentity: PresentityId, clients: readonly ClientPresence[]): void {
    this.#add(presentity, "clients", () =>
      clients.length > 0 ? this.#writes.replaceClients(presentity, clients) : this.#writes.deleteClients(presentity),
    );
  }

  recordComposition(
    presentity: PresentityId,
    composition: Parameters<Journal["recordComposition"]>[1],
    publications: Publications,
  ): void {
    this.#add(presentity, "composition", () => this.#writes.replaceComposition(presentity, composition, publications));
  }

  recordPublications(presentity: PresentityId, publications: Publications): void {
    this.#add(presentity, "publications", () => this.#writes.replacePublications(presentity, publications));
  }

  deletePresentity(presentity: PresentityId): void {
    this.#pending.drop(presentity);
    this.#add(presentity, "all", () => this.#writes.deletePresentity(presentity));
  }

  /** While the store cannot be written it throws at once: the attempts of each second are enough. */
  flush(scope: WriteScope = "all"): void {
    if (this.#failure) throw this.#failure.error;
    try {
      this.#commit(scope);
    } finally {
      this.#schedule();
    }
  }

  /** `degraded` while something could not be written. */
  health(): Health {
    return this.#failure ? { state: "degraded", ...this.#failure } : { state: "ok" };
  }

  /** Tries a last time to write what waits, throws when that fails, and does nothing later. */
  close(): void {
    this.#cancelScheduled();
    try {
      this.#commit("all");
    } finally {
      this.#checkpoint.close();
    }
  }

  #add(presentity: PresentityId, subject: WriteSubject, write: Write): void {
    this.#pending.add(presentity, subject, write);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#failure) {
      this.#cancelCommit ??= after(this.#runtime.clock, RETRY_INTERVAL, () => this.#commitWhenDue("all"));
      return;
    }
    if (this.#pending.hasFollowing) {
      const since = this.#runtime.clock.now();
      this.#cancelFollow ??= after(this.#runtime.clock, FOLLOW_DELAY, () => this.#follow(since));
    }
    if (this.#cancelCommit || this.#pending.isEmpty("prompt")) return;
    const immediate = setImmediate(() => this.#commitWhenDue("prompt"));
    this.#cancelCommit = () => clearImmediate(immediate);
  }

  /** Waits on while there is more urgent work, but not for ever. */
  #follow(since: Instant): void {
    const now = this.#runtime.clock.now();
    const isBusy = this.#promptAt !== undefined && now - this.#promptAt < FOLLOW_DELAY && now >= this.#promptAt;
    if (isBusy && now - since < LONGEST_FOLLOW)
      this.#cancelFollow = after(this.#runtime.clock, FOLLOW_DELAY, () => this.#follow(since));
    else this.#commitWhenDue("all");
  }

  #cancelScheduled(scope: WriteScope = "all"): void {
    this.#cancelCommit?.();
    this.#cancelCommit = undefined;
    if (scope === "prompt") return;
    this.#cancelFollow?.();
    this.#cancelFollow = undefined;
  }

  #commitWhenDue(scope: WriteScope): void {
    this.#cancelScheduled(scope);
    // A second attempt does not wait for a lock: the event loop has better things to do, and a third one follows.
    const isRetry = this.#failure !== undefined;
    if (isRetry) this.#database.setPatience(NO_PATIENCE);
    try {
      this.#commit(scope);
    } catch {
      this.#schedule(); // recorded and logged by #commit
    } finally {
      if (isRetry) this.#database.setPatience(LOCK_PATIENCE);
    }
  }

  #commit(scope: WriteScope): void {
    if (this.#pending.isEmpty(scope)) return;
    try {
      this.#writePending(scope);
    } catch (error) {
      this.#noteFailure(toGatewayError(error));
      throw error;
    }
    this.#cancelScheduled(scope);
    this.#pending.clear(scope);
    if (scope === "prompt") this.#promptAt = this.#runtime.clock.now();
    this.#checkpoint.noteCommit();
    if (this.#failure) this.#runtime.log.info("store.write-recovered", { code: this.#failure.error.code });
    this.#failure = undefined;
  }

  #noteFailure(error: GatewayError): void {
    if (this.#failure?.error.code !== error.code) {
      this.#runtime.log.error("store.write-failed", { code: error.code, message: error.message });
    }
    this.#failure = { error, since: this.#failure?.since ?? this.#runtime.clock.now() };
  }

  /** One transaction for all. A presentity whose write can never succeed must not keep everybody else's from the disk. */
  #writePending(scope: WriteScope): void {
    for (;;) {
      let current: PresentityId | undefined;
      try {
        this.#database.write(() => {
          for (const [presentity, writes] of this.#pending.list(scope)) {
            current = presentity;
            for (const { write } of writes) write();
          }
        });
        return;
      } catch (error) {
        if (current === undefined || !isRefusedWrite(error)) throw error;
        this.#pending.drop(current);
        this.#runtime.log.error("store.write-refused", { presentity: current, message: toGatewayError(error).message });
      }
    }
  }
}
