import type { PresentityId } from "../core/addresses.ts";
import type { Override } from "../core/compose.ts";
import { type PackedIntervals, unpackIntervals } from "../core/packed-intervals.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import { keptOnce } from "../lib/kept-once.ts";
import { Memo } from "../lib/memo.ts";
import type { Instant } from "../lib/time.ts";
import type { JournalEntry } from "../ports/journal.ts";
import { prepareListAutomaticReplies } from "./automatic-replies.ts";
import type { StoreDatabase } from "./database.ts";
import { decodeOutbox, decodePublished } from "./publications.ts";

const CHUNK = 100; // rows of one table held at once: few enough to die young in the garbage collector

type Draft = { -readonly [Key in keyof JournalEntry]: JournalEntry[Key] };

/** Adds what one table knows of the presentities from `first` to `last` to their entries. */
type AddTable = (entryOf: (presentity: PresentityId) => Draft, first: string, last: string) => void;

/** Reads whole entries; each table is read in the order of its key, a range of presentities at a time. */
export interface JournalReads {
  findEntry(presentity: PresentityId): JournalEntry | undefined;
  listEntries(): Iterable<JournalEntry>;
}

const BEFORE_ALL = "";
const AFTER_ALL = "\u{10ffff}"; // SQLite compares text by its UTF-8 bytes
const nextAfter = (text: string): string => `${text}\0`;

/** Prepares every statement once. */
export function prepareJournalReads(database: StoreDatabase): JournalReads {
  const tables = prepareTables(database);
  const findChunkEnd = prepareFindChunkEnd(database);

  const readRange = (first: string, last: string): ReadonlyMap<PresentityId, JournalEntry> => {
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

  return {
    findEntry: (presentity) => database.read(() => readRange(presentity, presentity).get(presentity)),
    *listEntries() {
      for (let first = BEFORE_ALL; first < AFTER_ALL; ) {
        const [entries, last] = database.read(() => {
          const end = findChunkEnd(first) ?? AFTER_ALL;
          return [readRange(first, end), end] as const;
        });
        yield* entries.values();
        first = nextAfter(last);
      }
    },
  };
}

const prepareTables = (database: StoreDatabase): readonly AddTable[] => [
  prepareBusyTime(database),
  prepareCalendarErrors(database),
  prepareAutomaticReplies(database),
  preparePlacements(database),
  prepareOverrides(database),
  prepareClients(database),
  prepareResults(database),
];

/** The presentity at which the first of the tables has given a whole chunk; `undefined` when less is left in each. */
function prepareFindChunkEnd(database: StoreDatabase): (first: string) => string | undefined {
  const find = database.prepare<[{ first: string; skip: number }], { last: string | null }>(`
    SELECT min(last) AS last FROM (
      SELECT (SELECT presentity FROM busy_time WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip) AS last
      UNION ALL
      SELECT (SELECT presentity FROM calendar_error WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip)
      UNION ALL
      SELECT (SELECT presentity FROM automatic_replies WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip)
      UNION ALL
      SELECT (SELECT presentity FROM placement WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip)
      UNION ALL
      SELECT (SELECT presentity FROM override WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip)
      UNION ALL
      SELECT (SELECT presentity FROM client_presence WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip)
      UNION ALL
      SELECT (SELECT presentity FROM result WHERE presentity >= @first ORDER BY presentity LIMIT 1 OFFSET @skip))`);
  return (first) => find.get({ first, skip: CHUNK - 1 })?.last ?? undefined;
}

// Columns of JSON were written by journal-writes.ts from the types that they are read as.
const decodePacked = (json: string): PackedIntervals => JSON.parse(json);
const decodeClients = (json: string): readonly ClientPresence[] => JSON.parse(json);

/** Most people share a few documents: equal ones are decoded, and kept in memory, once. */
function createDocumentDecoder(): (json: string) => PresenceDocument {
  const known = new Memo<PresenceDocument>();
  return (json) => known.get(json, () => JSON.parse(json));
}

function prepareBusyTime(database: StoreDatabase): AddTable {
  const list = database
    .prepare<[string, string], [PresentityId, string, Instant]>(
      "SELECT presentity, intervals, heard_at FROM busy_time WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
    )
    .raw();
  return (entryOf, first, last) => {
    for (const [presentity, intervals, heardAt] of list.all(first, last)) {
      entryOf(presentity).calendar = { intervals: unpackIntervals(decodePacked(intervals)), heardAt };
    }
  };
}

function prepareCalendarErrors(database: StoreDatabase): AddTable {
  const list = database
    .prepare<[string, string], [PresentityId, string, string, Instant]>(
      "SELECT presentity, code, message, at FROM calendar_error WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
    )
    .raw();
  return (entryOf, first, last) => {
    for (const [presentity, code, message, at] of list.all(first, last)) {
      entryOf(presentity).calendarError = { code, message, at };
    }
  };
}

function prepareAutomaticReplies(database: StoreDatabase): AddTable {
  const list = prepareListAutomaticReplies(database);
  return (entryOf, first, last) => {
    for (const [presentity, state] of list(first, last)) entryOf(presentity).automaticReplies = state;
  };
}

function preparePlacements(database: StoreDatabase): AddTable {
  const list = database
    .prepare<[string, string], [PresentityId, string]>(
      "SELECT presentity, server FROM placement WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
    )
    .raw();
  const once = keptOnce();
  return (entryOf, first, last) => {
    for (const [presentity, server] of list.all(first, last)) entryOf(presentity).server = once(server);
  };
}

/** The schema checks that a set state has both. */
type OverrideColumns =
  | [presentity: PresentityId, kind: "end" | "pause", show: null, setAt: Instant, until: Instant | null]
  | [presentity: PresentityId, kind: "set", show: SetState["show"], setAt: Instant, until: Instant];

type SetState = Extract<Override, { kind: "set" }>;

function prepareOverrides(database: StoreDatabase): AddTable {
  const list = database
    .prepare<[string, string], OverrideColumns>(
      "SELECT presentity, kind, show, set_at, until FROM override WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
    )
    .raw();
  return (entryOf, first, last) => {
    for (const row of list.all(first, last)) {
      const [presentity, kind, show, setAt, until] = row;
      entryOf(presentity).override =
        kind === "set" ? { kind, show, setAt, until } : { kind, setAt, ...(until !== null && { until }) };
    }
  };
}

function prepareClients(database: StoreDatabase): AddTable {
  const list = database
    .prepare<[string, string], [PresentityId, string]>(
      "SELECT presentity, clients FROM client_presence WHERE presentity BETWEEN ? AND ? ORDER BY presentity",
    )
    .raw();
  return (entryOf, first, last) => {
    for (const [presentity, clients] of list.all(first, last)) entryOf(presentity).clients = decodeClients(clients);
  };
}

type ResultColumns = [
  presentity: PresentityId,
  document: string | null,
  composedAt: Instant | null,
  published: string,
  outbox: string,
];

function prepareResults(database: StoreDatabase): AddTable {
  const list = database
    .prepare<[string, string], ResultColumns>(`
      SELECT presentity, document, composed_at, published, outbox FROM result
      WHERE presentity BETWEEN ? AND ? ORDER BY presentity`)
    .raw();
  const texts = { decodeDocument: createDocumentDecoder(), once: keptOnce() };
  return (entryOf, first, last) => {
    for (const [presentity, document, composedAt, published, outbox] of list.all(first, last)) {
      if (document === null && published === "" && outbox === "") continue;
      const entry = entryOf(presentity);
      entry.published = decodePublished(published, texts);
      entry.outbox = decodeOutbox(outbox, presentity, texts);
      if (document === null || composedAt === null) continue;
      entry.document = texts.decodeDocument(document);
      entry.composedAt = composedAt;
    }
  };
}
