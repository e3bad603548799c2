import { type Milliseconds, milliseconds, seconds } from "../lib/time.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Clock } from "../ports/runtime.ts";
import type { XmlElement } from "../ports/xml-element.ts";
import type { Stanza } from "../ports/xmpp-link.ts";
import { AbortListeners } from "./abort-listeners.ts";
import { sameAddress } from "./same-address.ts";
import { decodeStanzaError, linkError } from "./xmpp-errors.ts";

/** A request as it waits for its answer. */
export interface PendingRequest {
  /** Whom it went to: only that address may answer. */
  readonly to: string;
  /** Writes the stanza with this id. */
  readonly write: (id: string) => Promise<void>;
  /** `ahead`: does not wait for a free place; for the few requests of the link itself. */
  readonly admission: "in-turn" | "ahead";
}

interface Entry {
  readonly to: string;
  readonly bornAt: number;
  readonly settle: (answer: XmlElement | { readonly error: unknown }) => void;
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
    entry.settle(type === "error" ? { error: decodeStanzaError(element) } : element);
    return true;
  }

  /** Rejects all that wait, and all that come: the connection is gone. */
  fail(error: GatewayError): void {
    this.#error = error;
    for (const entry of [...this.#open.values()]) entry.settle({ error });
    for (const enter of [...this.#line]) enter();
  }

  /** Rejects what has waited too long, until the signal aborts. */
  async expire(clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.sleep(TICK, signal);
      this.#tick++;
      for (const entry of this.#open.values()) {
        if (this.#tick - entry.bornAt <= this.#lifetimeInTicks) break;
        const waited = milliseconds(this.#lifetimeInTicks * TICK) / 1000;
        entry.settle({ error: linkError("xmpp-timeout", `${entry.to} did not answer within ${waited} s`) });
      }
    }
  }

  #exchange(request: PendingRequest, signal: AbortSignal): Promise<XmlElement> {
    const id = `${this.#prefix}-${(this.#count++).toString(36)}`;
    const leave = (): void => {
      if (request.admission === "in-turn") this.#leave();
    };
    return new Promise((resolve, reject) => {
      if (this.#error) {
        leave();
        return reject(this.#error);
      }
      const settled = this.#aborts.add(signal, () => settle({ error: signal.reason }));
      const settle: Entry["settle"] = (answer) => {
        if (!this.#open.delete(id)) return;
        settled();
        leave();
        if ("error" in answer) reject(answer.error);
        else resolve(answer);
      };
      this.#open.set(id, { to: request.to, bornAt: this.#tick, settle });
      request
        .write(id)
        .catch((error: unknown) => settle({ error: signal.aborted ? signal.reason : toGatewayError(error) }));
    });
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
