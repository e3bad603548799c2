import type { PresentityId, SipAor } from "../../src/core/addresses.ts";
import { type Instant, type Milliseconds, plus } from "../../src/lib/time.ts";
import { AbortListeners } from "../../src/ports/abort-listeners.ts";
import { after } from "../../src/ports/after.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Publication } from "../../src/ports/presence-publisher.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { SipServer } from "../shared-sip/sip-server.ts";
import {
  type EventPublication,
  type Granted,
  newPublication,
  type Outgoing,
  type PublicationAction,
  type PublicationEvent,
  step,
  wakeAt,
} from "./event-publication.ts";
import type { PublicationMemory, Remembered } from "./publication-memory.ts";
import { type PaceLimits, PublicationPace } from "./publication-pace.ts";
import { PublicationTally } from "./publication-tally.ts";
import { PublicationTimers } from "./publication-timers.ts";
import { publishError } from "./publish-errors.ts";
import { type EncodeDocument, sendPublication } from "./send-publication.ts";

/** What the agent works with. */
export interface AgentDeps {
  readonly server: SipServer;
  readonly encode: EncodeDocument;
  readonly runtime: Runtime;
  readonly memory: PublicationMemory;
}

/** How publications are made. */
export interface AgentOptions extends PaceLimits {
  /** How long publications are asked to last. */
  readonly expires: Milliseconds;
}

interface Waiter {
  readonly serial: number;
  /** Lets go of the caller's signal. */
  release(): void;
  /** With the entity tag of what the server holds. */
  resolve(etag: string | undefined): void;
  reject(error: GatewayError): void;
}

interface Entry {
  state: EventPublication;
  /** How much the server had granted when it granted this. */
  grant: number;
  waiters: readonly Waiter[];
}

/** So many publications denied in a row, and none confirmed between, say that the server has lost its memory. */
const MOST_DENIALS = 3;
const NOBODY: readonly Waiter[] = [];

/**
 * Keeps the publications of all AORs at one server (RFC 3903, the event publication agent): decides nothing itself, but
 * steps the state machine of each AOR and does what that says, paced.
 */
export class PublicationAgent {
  readonly #deps: AgentDeps;
  readonly #options: AgentOptions;
  readonly #entries = new Map<SipAor, Entry>();
  readonly #timers: PublicationTimers<SipAor>;
  readonly #pace: PublicationPace<SipAor>;
  readonly #lifetime = new AbortController();
  readonly #aborts = new AbortListeners();
  #serial = 0;
  #grants = 0;
  #denials = 0;
  /** The latest grant that was denied in the row: what was granted before it is lost too. */
  #lostUpTo = 0;
  #cancelPump: (() => void) | undefined;
  #isConnected = false;
  #idle: (() => void) | undefined;

  /** How all publications stand. */
  readonly tally: PublicationTally;

  constructor(deps: AgentDeps, options: AgentOptions) {
    this.#deps = deps;
    this.#options = options;
    this.tally = new PublicationTally(deps.runtime.log);
    this.#timers = new PublicationTimers(deps.runtime.clock, (aor) => this.#wake(aor));
    this.#pace = new PublicationPace(options, this.#timers.now());
  }

  /** Takes up what the server holds of an earlier run of the gateway. */
  restore({ aor, publication, granted }: Remembered): void {
    const { now, random } = this.#moment();
    const rest = Math.max(0, granted.expiresAt - now) * (0.1 + 0.8 * random);
    const offer = { publication, serial: ++this.#serial };
    const state: EventPublication = {
      ...newPublication(this.#options.expires),
      offer,
      granted: { ...granted, offer },
      phase: { kind: "rest", until: plus(now, Math.round(rest)) },
    };
    this.tally.add(state);
    this.#entries.set(aor, { state, grant: ++this.#grants, waiters: NOBODY });
    this.#timers.set(aor, wakeAt(state));
  }

  /** Shows the document of the AOR, or nothing; resolves with the entity tag when the server has confirmed it. */
  offer(aor: SipAor, publication: Publication | undefined, signal: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const serial = ++this.#serial;
      const entry = this.#entries.get(aor) ?? this.#begin(aor);
      const release = this.#aborts.add(signal, () => {
        entry.waiters = entry.waiters.filter((each) => each.serial !== serial);
        release();
        reject(signal.reason);
      });
      entry.waiters = entry.waiters.concat({ serial, release, resolve, reject });
      this.#step(aor, entry, { kind: "offer", offer: { publication, serial } });
    });
  }

  /** There is a connection, or there is none any more. A new one is asked for a few publications that it should hold. */
  connected(isConnected: boolean): void {
    this.#isConnected = isConnected;
    if (!isConnected) return;
    this.#denials = 0;
    for (const [aor, entry] of this.#entries) this.#step(aor, entry, { kind: "reconnected" });
    this.#probe();
    this.#pump();
  }

  /** How the publication of the AOR stands. */
  find(aor: SipAor): EventPublication | undefined {
    return this.#entries.get(aor)?.state;
  }

  /** How the publications of the presentity stand; looks at all. */
  of(presentity: PresentityId): readonly (readonly [SipAor, EventPublication])[] {
    return [...this.#entries]
      .filter(
        ([, { state }]) => (state.offer.publication ?? state.granted?.offer.publication)?.presentity === presentity,
      )
      .map(([aor, { state }]) => [aor, state] as const);
  }

  /** When the publication that was confirmed longest ago was confirmed; looks at all. */
  get oldest(): Instant | undefined {
    let oldest: Instant | undefined;
    for (const { state } of this.#entries.values()) {
      const at = state.granted?.at;
      if (at !== undefined && (oldest === undefined || at < oldest)) oldest = at;
    }
    return oldest;
  }

  /** Begins nothing more; resolves when what is under way is answered, or the time is over. */
  async stop(patience: Milliseconds): Promise<void> {
    this.#isConnected = false;
    this.#timers.stop();
    this.#cancelPump?.();
    if (this.#pace.underWay > 0) await this.#untilIdle(patience);
    this.#lifetime.abort();
    const error = publishError("publish-sip-not-running", "publishing by SIP has stopped");
    for (const { waiters } of this.#entries.values()) for (const waiter of waiters) endWaiting(waiter, error);
  }

  #untilIdle(patience: Milliseconds): Promise<void> {
    return new Promise((resolve) => {
      const cancel = after(this.#deps.runtime.clock, patience, resolve);
      this.#idle = () => {
        cancel();
        resolve();
      };
    });
  }

  #moment() {
    return { now: this.#timers.now(), random: this.#deps.runtime.random() };
  }

  #begin(aor: SipAor): Entry {
    const entry: Entry = { state: newPublication(this.#options.expires), grant: 0, waiters: NOBODY };
    this.tally.add(entry.state);
    this.#entries.set(aor, entry);
    return entry;
  }

  #step(aor: SipAor, entry: Entry, event: PublicationEvent): void {
    const before = entry.state;
    const [state, actions] = step(before, event, this.#moment());
    entry.state = state;
    this.tally.move(before, state);
    if (state.granted !== before.granted) this.#noteGranted(aor, entry, before.granted);
    if (wakeAt(state) !== wakeAt(before)) this.#timers.set(aor, wakeAt(state));
    for (const action of actions) this.#act(aor, entry, action);
  }

  #act(aor: SipAor, entry: Entry, action: PublicationAction): void {
    switch (action.kind) {
      case "enqueue":
        this.#pace.enqueue(aor, action.lane);
        this.#pump();
        return;
      case "send":
        this.#pace.begin();
        void this.#send(aor, entry, action.request); // never rejects
        return;
      case "settle":
        this.#settle(entry, action.serial, action.error);
        return;
      case "memory":
        this.#noteMemory(action.isKept, entry.grant);
        return;
      case "gone":
        this.tally.remove(entry.state);
        this.#entries.delete(aor);
        return;
    }
  }

  #noteGranted(aor: SipAor, entry: Entry, before: Granted | undefined): void {
    const { granted } = entry.state;
    if (granted && granted.at !== before?.at) entry.grant = ++this.#grants;
    this.#deps.memory.record(aor, granted);
  }

  #settle(entry: Entry, serial: number, error: GatewayError | undefined): void {
    if (error) this.tally.lastError = error;
    const { waiters } = entry;
    // In the order of their serials: nearly always all of them end.
    const isAll = (waiters.at(-1)?.serial ?? 0) <= serial;
    entry.waiters = isAll ? NOBODY : waiters.filter((each) => each.serial > serial);
    for (const waiter of waiters) if (waiter.serial <= serial) endWaiting(waiter, error, entry.state.granted?.etag);
  }

  /** A server that came back with an empty memory denies what it granted: all of it is published again, paced. */
  #noteMemory(isKept: boolean, grant: number): void {
    this.#lostUpTo = this.#denials === 0 ? grant : Math.max(this.#lostUpTo, grant);
    this.#denials = isKept ? 0 : this.#denials + 1;
    if (this.#denials < Math.min(MOST_DENIALS, this.#entries.size) || isKept) return;
    this.#denials = 0;
    const lost = [...this.#entries].filter(([, entry]) => entry.state.granted && entry.grant <= this.#lostUpTo);
    if (lost.length === 0) return;
    this.#deps.runtime.log.warn("sip.server-memory-lost", { publications: lost.length });
    for (const [aor, entry] of lost) this.#step(aor, entry, { kind: "forgotten" });
  }

  /** Refreshes what was granted last: the server's answers say whether it still has its memory. */
  #probe(): void {
    const latest = [...this.#entries]
      .filter(([, { state }]) => state.phase.kind === "rest" && state.granted)
      .sort(([, a], [, b]) => b.grant - a.grant)
      .slice(0, MOST_DENIALS);
    for (const [aor, entry] of latest) this.#step(aor, entry, { kind: "probe" });
  }

  #wake(aor: SipAor): void {
    const entry = this.#entries.get(aor);
    if (entry) this.#step(aor, entry, { kind: "timer" });
  }

  #pump(): void {
    if (!this.#isConnected || this.#cancelPump) return;
    const now = this.#timers.now();
    for (let turn = this.#pace.next(now); turn; turn = this.#pace.next(now)) {
      const entry = this.#entries.get(turn.key);
      const phase = entry?.state.phase;
      if (entry && phase?.kind === "queued" && phase.lane === turn.lane) this.#step(turn.key, entry, { kind: "turn" });
    }
    const { delay } = this.#pace;
    if (delay === undefined) return;
    this.#cancelPump = after(this.#deps.runtime.clock, delay, () => {
      this.#cancelPump = undefined;
      this.#pump();
    });
  }

  async #send(aor: SipAor, entry: Entry, request: Outgoing): Promise<void> {
    const answer = await sendPublication(this.#deps, aor, request, this.#lifetime.signal);
    this.#pace.end();
    if (!this.#lifetime.signal.aborted) this.#step(aor, entry, { kind: "answer", answer });
    if (this.#pace.underWay === 0) this.#idle?.();
    this.#pump();
  }
}

function endWaiting(waiter: Waiter, error: GatewayError | undefined, etag?: string): void {
  waiter.release();
  if (error) waiter.reject(error);
  else waiter.resolve(etag);
}
