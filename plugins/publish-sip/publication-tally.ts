import type { GatewayError } from "../../src/ports/errors.ts";
import type { Log } from "../../src/ports/runtime.ts";
import type { EventPublication, Phase } from "./event-publication.ts";

/** Counts publications by where they stand, and tells the log once of what happens to thousands. */
export class PublicationTally {
  readonly #log: Log;
  readonly #counts: Record<Phase["kind"], number> = { rest: 0, queued: 0, sending: 0, waiting: 0, parked: 0 };
  #published = 0;
  #parkedError: GatewayError | undefined;
  /** What went wrong last. */
  lastError: GatewayError | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Publications that the server holds. */
  get published(): number {
    return this.#published;
  }

  /** Publications that wait for their turn, their answer or a retry. */
  get waiting(): number {
    return this.#counts.queued + this.#counts.sending + this.#counts.waiting;
  }

  /** Publications that the server refuses until a person does something. */
  get parked(): number {
    return this.#counts.parked;
  }

  /** Why publications are parked; undefined while none is. */
  get parkedError(): GatewayError | undefined {
    return this.#parkedError;
  }

  /** One more. */
  add(state: EventPublication): void {
    this.#count(state, 1);
  }

  /** One less. */
  remove(state: EventPublication): void {
    this.#count(state, -1);
  }

  /** A publication has gone from one state to another. */
  move(before: EventPublication, after: EventPublication): void {
    this.#count(before, -1);
    this.#count(after, 1);
    if (after.phase.kind === "parked" && !this.#parkedError) {
      const { code, message } = after.phase.error;
      this.#parkedError = after.phase.error;
      this.#log.warn("sip.publications-refused", { code, message });
    }
    // A retry takes the last one out for a moment: it is over when the server has accepted something.
    if (!this.#parkedError || this.#counts.parked > 0 || before.granted === after.granted || !after.granted) return;
    this.#parkedError = undefined;
    this.#log.info("sip.publications-accepted");
  }

  #count({ phase, granted }: EventPublication, by: 1 | -1): void {
    this.#counts[phase.kind] += by;
    if (granted) this.#published += by;
  }
}
