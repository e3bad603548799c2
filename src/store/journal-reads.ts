import type { PresentityId } from "../core/addresses.ts";
import type { BusyInterval, FreeBusyStatus } from "../core/busy-time.ts";
import type { Because, CalendarState, Override } from "../core/compose.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import type { Instant } from "../lib/time.ts";
import type { JournalEntry, OutboxRow, Published } from "../ports/journal.ts";
import type { StoreDatabase } from "./database.ts";

const CHUNK = 1000; // presentities held at once while everything is read

type Draft = { -readonly [Key in keyof JournalEntry]: JournalEntry[Key] } & {
  published: Published[];
  outbox: OutboxRow[];
};

/** Adds what one table knows of the presentities from `first` to `last` to their entries. */
type AddTable = (entryOf: (presentity: PresentityId) => Draft, first: string, last: string) => void;

/** Reads whole entries; each table is read in the order of its key, a range of presentities at a time. */
export interface JournalReads {
  findEntry(presentity: PresentityId): JournalEntry | undefined;
  listEntries(): Iterable<JournalEntry>;
}

/** Prepares every statement once. */
export function prepareJournalReads(database: StoreDatabase): JournalReads {
  const tables: readonly AddTable[] = [
    prepareBusyTime(database),
    prepareCalendarErrors(database),
    prepareOverrides(database),
    prepareClients(database),
    prepareCompositions(database),
    preparePublished(database),
    prepareOutbox(database),
  ];
  const listPresentities = database.prepare<[{ after: string; limit: number }], { presentity: PresentityId }>(`
    SELECT presentity FROM busy_time WHERE presentity > @after
    UNION SELECT presentity FROM calendar_error WHERE presentity > @after
    UNION SELECT presentity FROM override WHERE presentity > @after
    UNION SELECT presentity FROM client_presence WHERE presentity > @after
    UNION SELECT presentity FROM composition WHERE presentity > @after
    UNION SELECT presentity FROM published WHERE presentity > @after
    UNION SELECT presentity FROM outbox WHERE presentity > @after
    ORDER BY presentity LIMIT @limit`);

  const readRange = (first: string, last: string): ReadonlyMap<PresentityId, Draft> => {
    const entries = new Map<PresentityId, Draft>();
    const entryOf = (presentity: PresentityId): Draft => {
      const known = entries.get(presentity);
      if (known) return known;
      const fresh: Draft = { presentity, clients: [], published: [], outbox: [] };
      entries.set(presentity, fresh);
      return fresh;
    };
    for (const addTable of tables) addTable(entryOf, first, last);
    return entries;
  };

  const readChunk = (after: string): readonly JournalEntry[] => {
    const presentities = listPresentities.all({ after, limit: CHUNK });
    const [first, last] = [presentities[0], presentities.at(-1)];
    if (!first || !last) return [];
    return [...readRange(first.presentity, last.presentity).values()].sort(byPresentity);
  };

  return {
    findEntry: (presentity) => database.read(() => readRange(presentity, presentity).get(presentity)),
    *listEntries() {
      for (let after = ""; ; ) {
        const chunk = database.read(() => readChunk(after));
        yield* chunk;
        const last = chunk.at(-1);
        if (!last) return;
        after = last.presentity;
      }
    },
  };
}

const byPresentity = (a: JournalEntry, b: JournalEntry): number => (a.presentity < b.presentity ? -1 : 1);

// Columns of JSON were written by journal-writes.ts from the types that they are read as.
const decodeDocument = (json: string): PresenceDocument => JSON.parse(json);
const decodeBecause = (json: string): Because => JSON.parse(json);
const decodeClients = (json: string): readonly ClientPresence[] => JSON.parse(json);
const decodeIntervals = (json: string): readonly BusyInterval[] => {
  const triples: readonly (readonly [Instant, Instant, FreeBusyStatus])[] = JSON.parse(json);
  return triples.map(([start, end, status]) => ({ start, end, status }));
};

function prepareBusyTime(database: StoreDatabase): AddTable {
  type Row = { presentity: PresentityId; intervals: string; heard_at: Instant };
  const list = database.prepare<[string, string], Row>(
    "SELECT presentity, intervals, heard_at FROM busy_time WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
  );
  return (entryOf, first, last) => {
    for (const { presentity, intervals, heard_at } of list.all(first, last)) {
      const calendar: CalendarState = { intervals: decodeIntervals(intervals), heardAt: heard_at };
      entryOf(presentity).calendar = calendar;
    }
  };
}

function prepareCalendarErrors(database: StoreDatabase): AddTable {
  type Row = { presentity: PresentityId; code: string; message: string; at: Instant };
  const list = database.prepare<[string, string], Row>(
    "SELECT presentity, code, message, at FROM calendar_error WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
  );
  return (entryOf, first, last) => {
    for (const { presentity, ...error } of list.all(first, last)) entryOf(presentity).calendarError = error;
  };
}

function prepareOverrides(database: StoreDatabase): AddTable {
  type Row = { presentity: PresentityId; kind: Override["kind"]; set_at: Instant; until: Instant | null };
  const list = database.prepare<[string, string], Row>(
    "SELECT presentity, kind, set_at, until FROM override WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
  );
  return (entryOf, first, last) => {
    for (const { presentity, kind, set_at, until } of list.all(first, last)) {
      entryOf(presentity).override = { kind, setAt: set_at, ...(until !== null && { until }) };
    }
  };
}

function prepareClients(database: StoreDatabase): AddTable {
  const list = database.prepare<[string, string], { presentity: PresentityId; clients: string }>(
    "SELECT presentity, clients FROM client_presence WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
  );
  return (entryOf, first, last) => {
    for (const { presentity, clients } of list.all(first, last)) entryOf(presentity).clients = decodeClients(clients);
  };
}

function prepareCompositions(database: StoreDatabase): AddTable {
  type Row = { presentity: PresentityId; document: string; because: string; composed_at: Instant };
  const list = database.prepare<[string, string], Row>(`
    SELECT presentity, document, because, composed_at FROM composition
    WHERE presentity BETWEEN ? AND ? ORDER BY presentity`);
  return (entryOf, first, last) => {
    for (const { presentity, document, because, composed_at } of list.all(first, last)) {
      const entry = entryOf(presentity);
      entry.document = decodeDocument(document);
      entry.because = decodeBecause(because);
      entry.composedAt = composed_at;
    }
  };
}

function preparePublished(database: StoreDatabase): AddTable {
  type Row = Omit<Published, "document" | "tag"> & { presentity: PresentityId; document: string; tag: string | null };
  const list = database.prepare<[string, string], Row>(`
    SELECT presentity, publisher, document, locale, at, epoch, tag FROM published
    WHERE presentity BETWEEN ? AND ? ORDER BY presentity, publisher`);
  return (entryOf, first, last) => {
    for (const { presentity, document, tag, ...row } of list.all(first, last)) {
      const published = { ...row, document: decodeDocument(document), ...(tag !== null && { tag }) };
      entryOf(presentity).published.push(published);
    }
  };
}

function prepareOutbox(database: StoreDatabase): AddTable {
  type Row = Omit<OutboxRow, "document" | "notBefore" | "lastError"> & {
    document: string;
    not_before: Instant;
    last_error: string | null;
  };
  const list = database.prepare<[string, string], Row>(`
    SELECT presentity, publisher, document, locale, kind, since, not_before, failures, last_error FROM outbox
    WHERE presentity BETWEEN ? AND ? ORDER BY presentity, publisher`);
  return (entryOf, first, last) => {
    for (const { document, not_before, last_error, ...row } of list.all(first, last)) {
      entryOf(row.presentity).outbox.push({
        ...row,
        document: decodeDocument(document),
        notBefore: not_before,
        ...(last_error !== null && { lastError: last_error }),
      });
    }
  };
}
