import type { Socket } from "node:net";
import { AbortListeners } from "../ports/abort-listeners.ts";
import type { GatewayError } from "../ports/errors.ts";
import { linkError } from "./xmpp-errors.ts";

interface Entry {
  readonly text: string;
  readonly resolve?: () => void;
  readonly reject?: (error: unknown) => void;
}

/** Characters of one write: large enough to be few, small enough that the first senders need not wait for the last. */
const BATCH = 256 * 1024;

/**
 * Texts on their way into a socket. What is sent in one turn of the event loop leaves in few writes, and one write at a
 * time, so that nothing piles up inside the socket when the other side stops reading.
 */
export class WriteQueue {
  readonly #socket: Socket;
  readonly #limit: number;
  readonly #waiting = new Set<Entry>();
  readonly #aborts = new AbortListeners();
  #length = 0;
  #isBusy = false;
  #batch: readonly Entry[] = [];
  #error: GatewayError | undefined;

  constructor(socket: Socket, limit: number) {
    this.#socket = socket;
    this.#limit = limit;
  }

  /** Adds the text; throws with `xmpp-congested` when too much waits. */
  push(text: string): void {
    this.#admit(text);
    this.#add({ text });
  }

  /** Resolves when the text was written; rejects with `xmpp-congested` when too much waits. */
  write(text: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      this.#admit(text);
      this.#add(signal ? this.#abortable({ text, resolve, reject }, signal) : { text, resolve, reject });
    });
  }

  /** Ends the socket with this text after all that waits. */
  end(text: string): void {
    this.#add({ text, resolve: () => this.#socket.end(), reject: () => this.#socket.destroy() });
  }

  /** Rejects all that waits, and all that comes. */
  fail(error: GatewayError): void {
    this.#error = error;
    const lost = [...this.#batch, ...this.#waiting];
    this.#batch = [];
    this.#waiting.clear();
    for (const entry of lost) entry.reject?.(error);
  }

  #admit(text: string): void {
    if (this.#error) throw this.#error;
    if (this.#length + text.length <= this.#limit) return;
    throw linkError("xmpp-congested", "the XMPP server takes stanzas too slowly");
  }

  #abortable({ text, resolve, reject }: Required<Entry>, signal: AbortSignal): Entry {
    const settled = this.#aborts.add(signal, () => this.#drop(entry, signal.reason));
    const entry: Entry = {
      text,
      resolve: () => {
        settled();
        resolve();
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    };
    return entry;
  }

  #add(entry: Entry): void {
    this.#waiting.add(entry);
    this.#length += entry.text.length;
    if (!this.#isBusy) this.#schedule();
  }

  #drop(entry: Entry, reason: unknown): void {
    if (this.#waiting.delete(entry)) this.#length -= entry.text.length;
    entry.reject?.(reason);
  }

  #schedule(): void {
    this.#isBusy = true;
    setImmediate(() => this.#writeBatch());
  }

  #writeBatch(): void {
    const batch: Entry[] = [];
    let text = "";
    for (const entry of this.#waiting) {
      if (text.length > BATCH) break;
      this.#waiting.delete(entry);
      batch.push(entry);
      text += entry.text;
    }
    this.#batch = batch;
    this.#isBusy = batch.length > 0;
    if (this.#isBusy) this.#socket.write(text, (error) => this.#onWritten(error ?? undefined));
  }

  #onWritten(error: Error | undefined): void {
    // A broken socket ends the stream, and `fail` settles everything with the reason.
    if (error || this.#error) return;
    for (const entry of this.#batch) {
      this.#length -= entry.text.length;
      entry.resolve?.();
    }
    this.#writeBatch();
  }
}
