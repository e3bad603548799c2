import type { PresentityId } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { Override } from "../../src/core/compose.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import type { Instant } from "../../src/lib/time.ts";
import type { Journal, JournalEntry, OutboxRow, Published } from "../../src/ports/journal.ts";

interface ModelEntry {
  calendar?: JournalEntry["calendar"];
  calendarError?: JournalEntry["calendarError"];
  override?: Override | undefined;
  clients: readonly ClientPresence[];
  composition?: Parameters<Journal["recordComposition"]>[1];
  readonly published: Map<string, Published>;
  readonly outbox: Map<string, OutboxRow>;
}

const isSameRow = (a: OutboxRow | undefined, b: OutboxRow): a is OutboxRow =>
  a !== undefined &&
  a.since === b.since &&
  a.kind === b.kind &&
  a.locale === b.locale &&
  JSON.stringify(a.document) === JSON.stringify(b.document);

const byPublisher = (a: { publisher: string }, b: { publisher: string }): number =>
  a.publisher < b.publisher ? -1 : 1;

/** What a journal shall do, as plainly as it can be said: the model that the real one is compared with. */
export class JournalModel implements Journal {
  readonly #entries = new Map<PresentityId, ModelEntry>();

  *load(): Generator<JournalEntry> {
    for (const presentity of [...this.#entries.keys()].sort()) {
      const entry = this.find(presentity);
      if (entry) yield entry;
    }
  }

  find(presentity: PresentityId): JournalEntry | undefined {
    const known = this.#entries.get(presentity);
    if (!known) return undefined;
    const { calendar, calendarError, override, clients, composition, published, outbox } = known;
    const entry: JournalEntry = {
      presentity,
      ...(calendar && { calendar }),
      ...(calendarError && { calendarError }),
      ...(override && { override }),
      clients,
      ...composition,
      published: [...published.values()].sort(byPublisher),
      outbox: [...outbox.values()].sort(byPublisher),
    };
    const isEmpty =
      !(calendar || calendarError || override || composition) && clients.length + published.size + outbox.size === 0;
    return isEmpty ? undefined : entry;
  }

  replaceBusyTime(presentity: PresentityId, intervals: readonly BusyInterval[], heardAt: Instant): void {
    this.#entry(presentity).calendar = { intervals, heardAt };
  }

  recordHeard(presentity: PresentityId, heardAt: Instant): void {
    const entry = this.#entry(presentity);
    entry.calendar = { intervals: entry.calendar?.intervals ?? [], heardAt };
  }

  recordCalendarError(presentity: PresentityId, error: JournalEntry["calendarError"]): void {
    const entry = this.#entry(presentity);
    if (error) entry.calendarError = error;
    else delete entry.calendarError;
  }

  replaceOverride(presentity: PresentityId, override: Override | undefined): void {
    this.#entry(presentity).override = override;
  }

  replaceClients(presentity: PresentityId, clients: readonly ClientPresence[]): void {
    this.#entry(presentity).clients = clients;
  }

  recordComposition(
    presentity: PresentityId,
    composition: Parameters<Journal["recordComposition"]>[1],
    rows: readonly OutboxRow[],
  ): void {
    const entry = this.#entry(presentity);
    entry.composition = composition;
    for (const row of rows) entry.outbox.set(row.publisher, row);
  }

  recordPublished(row: OutboxRow, published: Published): void {
    const entry = this.#entry(row.presentity);
    entry.published.set(published.publisher, published);
    if (isSameRow(entry.outbox.get(row.publisher), row)) entry.outbox.delete(row.publisher);
  }

  recordFailure(row: OutboxRow, { retryAt, error }: { readonly retryAt: Instant; readonly error: string }): void {
    const { outbox } = this.#entry(row.presentity);
    const current = outbox.get(row.publisher);
    if (!isSameRow(current, row)) return;
    outbox.set(row.publisher, { ...current, notBefore: retryAt, failures: row.failures + 1, lastError: error });
  }

  deletePublished(presentity: PresentityId, publisher: string): void {
    this.#entry(presentity).published.delete(publisher);
  }

  deleteOutboxRow(presentity: PresentityId, publisher: string): void {
    this.#entry(presentity).outbox.delete(publisher);
  }

  deletePresentity(presentity: PresentityId): void {
    this.#entries.delete(presentity);
  }

  flush(): void {
    // Nothing waits.
  }

  #entry(presentity: PresentityId): ModelEntry {
    const entry = this.#entries.get(presentity) ?? { clients: [], published: new Map(), outbox: new Map() };
    this.#entries.set(presentity, entry);
    return entry;
  }
}
