import type { PresentityId } from "../../src/core/addresses.ts";
import type { AutomaticRepliesState } from "../../src/core/automatic-replies.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { Override } from "../../src/core/compose.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import type { Instant } from "../../src/lib/time.ts";
import type { Journal, JournalEntry, Publications } from "../../src/ports/journal.ts";

interface ModelEntry {
  calendar?: JournalEntry["calendar"];
  calendarError?: JournalEntry["calendarError"];
  automaticReplies?: AutomaticRepliesState | undefined;
  server?: string | undefined;
  override?: Override | undefined;
  clients: readonly ClientPresence[];
  composition?: Parameters<Journal["recordComposition"]>[1];
  publications: Publications;
}

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
    const { calendar, calendarError, automaticReplies, server, override, clients, composition, publications } = known;
    const entry: JournalEntry = {
      presentity,
      ...(calendar && { calendar }),
      ...(calendarError && { calendarError }),
      ...(automaticReplies && { automaticReplies }),
      ...(server !== undefined && { server }),
      ...(override && { override }),
      clients,
      ...composition,
      ...publications,
    };
    const isEmpty =
      !(calendar || calendarError || automaticReplies || server || override || composition) &&
      clients.length + publications.published.length + publications.outbox.length === 0;
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

  replaceAutomaticReplies(presentity: PresentityId, state: AutomaticRepliesState | undefined): void {
    this.#entry(presentity).automaticReplies = state;
  }

  replaceServer(presentity: PresentityId, server: string | undefined): void {
    this.#entry(presentity).server = server;
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
    publications: Publications,
  ): void {
    this.#entry(presentity).composition = composition;
    this.recordPublications(presentity, publications);
  }

  recordPublications(presentity: PresentityId, { published, outbox }: Publications): void {
    this.#entry(presentity).publications = { published, outbox };
  }

  deletePresentity(presentity: PresentityId): void {
    this.#entries.delete(presentity);
  }

  flush(): void {
    // Nothing waits.
  }

  #entry(presentity: PresentityId): ModelEntry {
    const entry = this.#entries.get(presentity) ?? { clients: [], publications: { published: [], outbox: [] } };
    this.#entries.set(presentity, entry);
    return entry;
  }
}
