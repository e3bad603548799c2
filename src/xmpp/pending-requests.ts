import { type Milliseconds, milliseconds, seconds } from "../lib/time.ts";
import { AbortListeners } from "../ports/abort-listeners.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Clock } from "../ports/runtime.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import type { Stanza } from "../ports/xmpp-link.ts";
import { sameAddress } from "./same-address.ts";
import { decodeStanzaError, linkError } from "./xmpp-errors.ts";

/** A request as it waits for its answer. */
export interface PendingRequest {
  /** Whom it went to: only that address may answer. */
  readonly to: string;
  /** Writes the stanza with this id, or throws why it cannot. */
  readonly write: (id: string) => void;
  /** `ahead`: does not wait for a free place; for the few requests of the link itself. */
  readonly admission: "in-turn" | "ahead";
}

interface Entry extends Pick<PendingRequest, "to" | "admission"> {
  readonly bornAt: number;
  readonly resolve: (answer: XmlElement) => void;
  readonly reject: (error: unknown) => void;
  /** Takes the listener on the request's signal away. */
  readonly release: () => void;
}

const TICK: Milliseconds = seconds(5);

/**
 * The iqs of one connection that wait for an answer: bounded, matched by id and sender, ended by answer, time-out,
 * abort or the connection's end, whichever is first.
 */
export class PendingRequests {
  readonly #prefix: string;
  readonly #limit: number;
  readonly #lifetimeInTicks: number;
  readonly #open = new Map<string, Entry>();
  readonly #line = new Set<() => void>();
  readonly #aborts = new AbortListeners();
  #places: number;
  #tick = 0;
  #count = 0;
  #error: GatewayError | undefined;

  /**
   * @param prefix begins every id; cannot be guessed, so that nobody can answer for another
   * @param limit requests that may be open at once; more wait in line
   * @param timeout how long an answer may take, to the precision of 5 s
   */
  constructor(prefix: string, limit: number, timeout: Milliseconds) {
    this.#prefix = prefix;
    this.#limit = limit;
    this.#places = limit;
    this.#lifetimeInTicks = Math.max(1, Math.ceil(timeout / TICK));
  }

  /** How many wait for an answer. */
  get size(): number {
    return this.#open.size;
  }

  /** Sends and resolves with the result; rejects with the error that was answered, or with why there is no answer. */
  run(request: PendingRequest, signal: AbortSignal): Promise<XmlElement> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (request.admission === "ahead") return this.#exchange(request, signal);
    if (this.#places === 0) return this.#enter(signal).then(() => this.#exchange(request, signal));
    this.#places--;
    return this.#exchange(request, signal);
  }

  /** Gives the answer to its request; false when no request waits for it. */
  settle({ element, from, type, id }: Stanza): boolean {
    const entry = this.#open.get(id);
    if (!entry || !sameAddress(entry.to, from)) return false;
    if (type === "error") this.#reject(id, decodeStanzaError(element));
    else this.#take(id)?.resolve(element);
    return true;
  }

  /** Rejects all that wait, and all that come: the connection is gone. */
  fail(error: GatewayError): void {
    this.#error = error;
    for (const id of [...this.#open.keys()]) this.#reject(id, error);
    for (const enter of [...this.#line]) enter();
  }

  /** Rejects what has waited too long, until the signal aborts. */
  async expire(clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(TICK, signal);
      this.#tick++;
      for (const [id, { to, bornAt }] of this.#open) {
        if (this.#tick - bornAt <= this.#lifetimeInTicks) break;
        const waited = milliseconds(this.#lifetimeInTicks * TICK) / 1000;
        this.#reject(id, linkError("xmpp-timeout", `${to} did not answer within ${waited} s`));
      }
    }
  }

  #exchange({ to, admission, write }: PendingRequest, signal: AbortSignal): Promise<XmlElement> {
    const id = `${this.#prefix}-${(this.#count++).toString(36)}`;
    return new Promise((resolve, reject) => {
      const release = this.#aborts.add(signal, () => this.#reject(id, signal.reason));
      this.#open.set(id, { to, admission, bornAt: this.#tick, resolve, reject, release });
      try {
        if (this.#error) throw this.#error;
        write(id);
      } catch (error) {
        this.#reject(id, toGatewayError(error));
      }
    });
  }

  #reject(id: string, error: unknown): void {
    this.#take(id)?.reject(error);
  }

  /** The request waits no longer: its place is free. */
  #take(id: string): Entry | undefined {
    const entry = this.#open.get(id);
    if (!entry) return undefined;
    this.#open.delete(id);
    entry.release();
    if (entry.admission === "in-turn") this.#leave();
    return entry;
  }

  /** Resolves when a place is free, in the order of asking. */
  #enter(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const entered = this.#aborts.add(signal, () => {
        this.#line.delete(enter);
        reject(signal.reason);
      });
      const enter = (): void => {
        this.#line.delete(enter);
        entered();
        resolve();
      };
      this.#line.add(enter);
    });
  }

  /** Hands the place to the next in line. */
  #leave(): void {
    const [next] = this.#line;
    if (next) next();
    else this.#places = Math.min(this.#places + 1, this.#limit);
  }
}
