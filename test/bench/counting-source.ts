import type { Mailbox } from "../../src/core/addresses.ts";
import type { TimeWindow } from "../../src/lib/time.ts";
import type { BusyTimeResult, CalendarChange, CalendarSource } from "../../src/ports/calendar-source.ts";
import type { Health } from "../../src/ports/plugin.ts";

/** A calendar source that tells what is under way in the one behind it. */
export class CountingSource implements CalendarSource {
  readonly capabilities: CalendarSource["capabilities"];
  /** Fetches that are not answered yet. */
  fetching = 0;
  /** Changes that were notified. */
  notified = 0;
  readonly #source: CalendarSource;
  readonly #subscribing = new Set<readonly Mailbox[]>();

  constructor(source: CalendarSource) {
    this.#source = source;
    this.capabilities = source.capabilities;
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#source.start(signal);
  }

  stop(): Promise<void> {
    return this.#source.stop();
  }

  health(): Health {
    return this.#source.health();
  }

  async fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    this.fetching++;
    try {
      return await this.#source.fetchBusyTime(mailboxes, window, signal);
    } finally {
      this.fetching--;
    }
  }

  async *watchChanges(mailboxes: readonly Mailbox[], signal: AbortSignal): AsyncIterable<CalendarChange> {
    this.#subscribing.add(mailboxes);
    try {
      for await (const change of this.#source.watchChanges?.(mailboxes, signal) ?? []) {
        this.#subscribing.delete(mailboxes);
        if (change.kind === "changed") this.notified++;
        yield change;
      }
    } finally {
      this.#subscribing.delete(mailboxes);
    }
  }

  unwatch(mailboxes: readonly Mailbox[]): void {
    this.#source.unwatch?.(mailboxes);
  }

  /** Groups that are being subscribed: requests are on their way that the server may not have seen yet. */
  get subscribing(): number {
    return this.#subscribing.size;
  }
}
