import type { PresentityId, SipAor } from "../core/addresses.ts";
import { busynessOf, type PresenceDocument, samePresence } from "../core/presence.ts";
import { findKeyed, withKeyed, withoutKeyed } from "../lib/keyed-list.ts";
import { type Instant, plus, seconds } from "../lib/time.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { OutboxRow, Published } from "../ports/journal.ts";
import type { PresencePublisher } from "../ports/presence-publisher.ts";
import { NEUTRAL } from "./plan-publication.ts";
import type { Presentity } from "./presentity.ts";
import { type Lane, PublicationLanes } from "./publication-lanes.ts";
import { failedRow } from "./publication-retry.ts";
import type { PublishDeps } from "./publish-deps.ts";
import { countConfirmed, forgedOf, isNothingLeft, isSettledBy, publishedAfter, sendRow } from "./sent-publication.ts";

/** A clean stop waits this long for what is under way. */
export const DRAIN_LIMIT = seconds(4);

/**
 * Sends one publisher's outbox: ends before starts, at most one publication per presentity under way, at most
 * the publisher's window in all. Rows are durable before they are sent, and stay until the server has confirmed them.
 */
export class PublishDue {
  readonly publisher: PresencePublisher;
  /** What the publisher shows of a presentity of whom nothing is to be said. */
  readonly neutral: PresenceDocument;
  readonly #deps: PublishDeps;
  readonly #lanes = new PublicationLanes();
  readonly #forgedMeanwhile = new Set<PresentityId>();
  #cancelTimer: (() => void) | undefined;
  #isPumpDue = false;
  /** Rows were recorded that may not be durable yet. */
  #hasNewRows = false;
  #signal: AbortSignal | undefined;
  #idle: (() => void) | undefined;
  #lastError: GatewayError | undefined;

  constructor(publisher: PresencePublisher, deps: PublishDeps) {
    this.publisher = publisher;
    this.neutral = publisher.reduce(NEUTRAL);
    this.#deps = deps;
  }

  /** The publisher's name in the journal. */
  get name(): string {
    return this.publisher.name;
  }

  /** Publications that are due, waiting for a retry, or under way. */
  get depth(): number {
    return this.#lanes.depth;
  }

  /** What went wrong last, until something goes right. */
  get lastError(): GatewayError | undefined {
    return this.#lastError;
  }

  /** What is shown of the presentity, unless it was lost with the server's run or is about to run out. */
  shownBy(presentity: Presentity): Published | undefined {
    const shown = this.#publishedOf(presentity);
    const epoch = this.publisher.epoch();
    const isThere = shown && (epoch === undefined || shown.epoch === epoch);
    const refreshAt = this.refreshAt(presentity);
    return isThere && (refreshAt === undefined || refreshAt > this.#deps.runtime.clock.now()) ? shown : undefined;
  }

  /** The address of record under which something is shown, or was before the server was lost. */
  addressOf(presentity: Presentity): SipAor | undefined {
    return this.#publishedOf(presentity)?.sip;
  }

  /** Whether something of what was published may be there that `shownBy` does not count on. */
  mayLinger(presentity: Presentity): boolean {
    const published = this.#publishedOf(presentity);
    if (!published || samePresence(published.document, this.neutral)) return false;
    return !this.publisher.capabilities.isSoftState || published.epoch === this.publisher.epoch();
  }

  /** When what is shown must be sent again because it outlasts the server's memory of it. */
  refreshAt(presentity: Presentity): Instant | undefined {
    const { lifetime } = this.publisher.capabilities;
    const shown = this.#publishedOf(presentity);
    if (lifetime === undefined || !shown || samePresence(shown.document, this.neutral)) return undefined;
    const { until } = shown.document;
    return until !== undefined && until <= plus(shown.at, lifetime) ? undefined : plus(shown.at, lifetime / 2);
  }

  /** True while a publication of the presentity is on its way. */
  isUnderWay(presentity: Presentity): boolean {
    return this.#lanes.isUnderWay(presentity.id);
  }

  /** Takes the presentity's row into the queue. */
  enqueue(presentity: Presentity): void {
    const row = this.#rowOf(presentity);
    if (!row) return;
    this.#hasNewRows = true;
    if (row.notBefore > this.#deps.runtime.clock.now()) this.#lanes.wait(presentity.id, row.notBefore);
    else this.#lanes.add(presentity.id, this.#laneOf(presentity, row.document));
    this.#schedulePump();
  }

  /** Takes back a row that has become needless. */
  drop(presentity: Presentity): void {
    presentity.outbox = withoutKeyed(presentity.outbox, "publisher", this.name);
    this.#lanes.delete(presentity.id);
    this.#deps.journal.recordPublications(presentity.id, presentity);
  }

  /** Notes that something else than we published is shown, so that what is right is sent over it. */
  noteForged(presentity: Presentity): void {
    // RFC 3903 4: nobody overwrites another's publication; what a phone claims is the server's guard to refuse.
    if (this.publisher.capabilities.addressType === "sip") return;
    // What is on its way was sent before: its arrival says nothing of what was forged after it.
    if (this.isUnderWay(presentity)) this.#forgedMeanwhile.add(presentity.id);
    const known = { at: this.#deps.runtime.clock.now(), epoch: this.publisher.epoch() ?? "" };
    presentity.published = withKeyed(presentity.published, "publisher", forgedOf(this.name, known));
    this.#deps.replan(presentity);
  }

  /** Follows the publisher's server: what was lost with an earlier run of it is published again. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    for (const presentity of this.#deps.presentities) this.enqueue(presentity);
    for await (const epoch of this.publisher.watchEpoch(signal)) {
      if (epoch === undefined) continue;
      for (const presentity of this.#deps.presentities) {
        const shown = this.#publishedOf(presentity);
        if (shown && shown.epoch !== epoch) this.#deps.replan(presentity);
      }
      this.#hurry(({ failures }) => failures > 0); // the server is back
    }
  }

  /** The clock was set back: nothing waits until it comes to where it was. */
  clockSetBack(): void {
    this.#hurry(() => true);
  }

  #hurry(isMeant: (row: OutboxRow) => boolean): void {
    for (const presentity of this.#deps.presentities) {
      const row = this.#rowOf(presentity);
      if (!row || !isMeant(row) || !this.#lanes.stopWaiting(presentity.id)) continue;
      this.#lanes.add(presentity.id, this.#laneOf(presentity, row.document));
    }
    this.#schedulePump();
  }

  /** Resolves when nothing is under way or due now; waits at most until the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.publisher.epoch() !== undefined && this.#lanes.busy > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
        signal.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  /** Nothing more is sent. */
  stop(): void {
    this.#cancelTimer?.();
    this.#signal = undefined;
  }

  #publishedOf({ published }: Presentity): Published | undefined {
    return findKeyed(published, "publisher", this.name);
  }

  #rowOf({ outbox }: Presentity): OutboxRow | undefined {
    return findKeyed(outbox, "publisher", this.name);
  }

  #laneOf(presentity: Presentity, document: PresenceDocument): Lane {
    const shown = this.#publishedOf(presentity)?.document;
    const isStart = document.activity !== undefined || document.text !== undefined;
    const wasBusier = shown !== undefined && busynessOf(shown.show) > busynessOf(document.show);
    return isStart && !wasBusier ? "start" : "end";
  }

  /** Many rows of one turn are sent together, after one commit. */
  #schedulePump(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  #pump(): void {
    const signal = this.#signal;
    if (!signal || signal.aborted || this.publisher.epoch() === undefined) return;
    const batch = [...this.#take()];
    this.#arm();
    if (batch.length > 0) this.#makeDurable();
    else this.#tellIdle();
    for (const [presentity, row] of batch) {
      // Never rejects: every failure is recorded for a retry.
      void this.#send(presentity, row, signal);
    }
    // Before other publishers' turn: the server module must know of the overlay before it sees the activity.
    this.publisher.flush?.();
  }

  /** While the store cannot be written (it logs that itself), what is right is published all the same. */
  #makeDurable(): void {
    if (!this.#hasNewRows) return;
    this.#hasNewRows = false;
    try {
      this.#deps.journal.flush("prompt");
    } catch (error) {
      this.#deps.runtime.log.debug("publication.not-durable", { code: toGatewayError(error).code });
    }
  }

  *#take(): Generator<readonly [Presentity, OutboxRow]> {
    const { runtime, isCatchingUp } = this.#deps;
    const { window } = this.publisher.capabilities;
    for (const id of this.#lanes.take({ now: runtime.clock.now(), window, isEndsOnly: isCatchingUp() })) {
      const presentity = this.#deps.presentities.find(id);
      const row = presentity && this.#rowOf(presentity);
      if (presentity && row) yield [presentity, row];
      else this.#lanes.finish(id);
    }
  }

  async #send(presentity: Presentity, row: OutboxRow, signal: AbortSignal): Promise<void> {
    const epoch = this.publisher.epoch() ?? "";
    try {
      const { tag } = await sendRow(this.publisher, row, signal);
      this.#succeed(presentity, row, { epoch, tag });
    } catch (error) {
      const failure = toGatewayError(error);
      if (isNothingLeft(row, failure)) this.#succeed(presentity, row, { epoch });
      else this.#fail(presentity, row, failure);
    }
  }

  #succeed(presentity: Presentity, row: OutboxRow, receipt: Pick<Published, "epoch" | "tag">): void {
    this.#lastError = undefined;
    this.#lanes.finish(presentity.id);
    countConfirmed(this.#deps.runtime, row);
    const current = this.#rowOf(presentity);
    // It may have gone away and come back meanwhile; where something else is due, what is shown is certain again.
    if (current === row || (current && isSettledBy(current, row))) this.drop(presentity);
    else if (current) presentity.outbox = withKeyed(presentity.outbox, "publisher", { ...current, failures: 0 });
    const at = this.#deps.runtime.clock.now();
    presentity.published = publishedAfter(presentity.published, row, { at, ...receipt });
    this.#deps.shown(presentity);
    this.#deps.journal.recordPublications(presentity.id, presentity);
    if (this.#forgedMeanwhile.delete(presentity.id)) this.noteForged(presentity);
    // Nothing is left under the old address: what is right may be shown under the new one.
    if (row.kind === "retract" && row.sip !== undefined) this.#deps.replan(presentity);
    this.#deps.settled(presentity);
    this.#schedulePump();
  }

  #fail(presentity: Presentity, row: OutboxRow, error: GatewayError): void {
    this.#lanes.finish(presentity.id);
    const current = this.#rowOf(presentity);
    if (this.#signal?.aborted !== false) {
      this.#tellIdle();
      return;
    }
    this.#lastError = error;
    const { metrics, log } = this.#deps.runtime;
    metrics.count("presence_gateway_publication_failures_total", { publisher: this.name, code: error.code });
    log.debug("publication.failed", { publisher: this.name, presentity: presentity.id, code: error.code });
    if (current === row) {
      const failed = failedRow(row, error, this.#deps.runtime);
      presentity.outbox = withKeyed(presentity.outbox, "publisher", failed);
      this.#deps.journal.recordPublications(presentity.id, presentity);
      this.#lanes.wait(presentity.id, failed.notBefore);
    }
    this.#schedulePump();
  }

  #arm(): void {
    this.#cancelTimer?.();
    const { clock } = this.#deps.runtime;
    // Starts that are held back are looked at again in the next turn.
    const next = this.#lanes.hasDue && this.#deps.isCatchingUp() ? clock.now() : this.#lanes.next;
    this.#cancelTimer = next === undefined ? undefined : clock.at(next, () => this.#schedulePump());
  }

  #tellIdle(): void {
    if (this.#lanes.busy === 0) this.#idle?.();
  }
}
