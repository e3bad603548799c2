import type { PresentityId } from "../core/addresses.ts";
import type { BusyInterval } from "../core/busy-time.ts";
import type { Because, Override } from "../core/compose.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import type { Instant } from "../lib/time.ts";
import type { JournalEntry, OutboxRow, Published } from "../ports/journal.ts";
import type { StoreDatabase } from "./database.ts";
import { encodeIntervals } from "./stored-intervals.ts";

type CalendarError = NonNullable<JournalEntry["calendarError"]>;

/** Instants with added lengths may carry fractions; "not before" must not come too early. */
const whole = Math.ceil;
const wholeOrNull = (at: number | undefined): number | null => (at === undefined ? null : whole(at));

/** The writes of the journal, one function a statement; to be called inside a transaction. */
export type JournalWrites = ReturnType<typeof prepareJournalWrites>;

/** Prepares every statement once. */
export const prepareJournalWrites = (database: StoreDatabase) => ({
  ...prepareInputWrites(database),
  ...prepareResultWrites(database),
  ...prepareOutboxWrites(database),
  deletePresentity: prepareDeletePresentity(database),
});

function prepareInputWrites(database: StoreDatabase) {
  const replaceBusyTime = database.prepare<[string, string, number]>(`
    INSERT INTO busy_time (presentity, intervals, heard_at) VALUES (?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET intervals = excluded.intervals, heard_at = excluded.heard_at`);
  const recordHeard = database.prepare<[string, number]>(`
    INSERT INTO busy_time (presentity, intervals, heard_at) VALUES (?, '[]', ?)
    ON CONFLICT (presentity) DO UPDATE SET heard_at = excluded.heard_at`);
  const replaceCalendarError = database.prepare<[string, string, string, number]>(`
    INSERT INTO calendar_error (presentity, code, message, at) VALUES (?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET code = excluded.code, message = excluded.message, at = excluded.at`);
  const deleteCalendarError = database.prepare<[string]>("DELETE FROM calendar_error WHERE presentity = ?");
  const replaceOverride = database.prepare<[string, string, number, number | null]>(`
    INSERT INTO override (presentity, kind, set_at, until) VALUES (?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET kind = excluded.kind, set_at = excluded.set_at, until = excluded.until`);
  const deleteOverride = database.prepare<[string]>("DELETE FROM override WHERE presentity = ?");
  const replaceClients = database.prepare<[string, string]>(`
    INSERT INTO client_presence (presentity, clients) VALUES (?, ?)
    ON CONFLICT (presentity) DO UPDATE SET clients = excluded.clients`);
  const deleteClients = database.prepare<[string]>("DELETE FROM client_presence WHERE presentity = ?");
  return {
    replaceBusyTime: (presentity: PresentityId, intervals: readonly BusyInterval[], heardAt: Instant) =>
      replaceBusyTime.run(presentity, encodeIntervals(intervals), whole(heardAt)),
    recordHeard: (presentity: PresentityId, heardAt: Instant) => recordHeard.run(presentity, whole(heardAt)),
    replaceCalendarError: (presentity: PresentityId, { code, message, at }: CalendarError) =>
      replaceCalendarError.run(presentity, code, message, whole(at)),
    deleteCalendarError: (presentity: PresentityId) => deleteCalendarError.run(presentity),
    replaceOverride: (presentity: PresentityId, { kind, setAt, until }: Override) =>
      replaceOverride.run(presentity, kind, whole(setAt), wholeOrNull(until)),
    deleteOverride: (presentity: PresentityId) => deleteOverride.run(presentity),
    replaceClients: (presentity: PresentityId, clients: readonly ClientPresence[]) =>
      replaceClients.run(presentity, JSON.stringify(clients)),
    deleteClients: (presentity: PresentityId) => deleteClients.run(presentity),
  };
}

function prepareResultWrites(database: StoreDatabase) {
  const replaceComposition = database.prepare<[string, string, string, number]>(`
    INSERT INTO composition (presentity, document, because, composed_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET
      document = excluded.document, because = excluded.because, composed_at = excluded.composed_at`);
  const replacePublished = database.prepare<[string, string, string, string, number, string, string | null]>(`
    INSERT INTO published (presentity, publisher, document, locale, at, epoch, tag) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (presentity, publisher) DO UPDATE SET
      document = excluded.document, locale = excluded.locale, at = excluded.at, epoch = excluded.epoch,
      tag = excluded.tag`);
  const deletePublished = database.prepare<[string, string]>(
    "DELETE FROM published WHERE presentity = ? AND publisher = ?",
  );
  return {
    replaceComposition: (
      presentity: PresentityId,
      { document, because, composedAt }: { document: PresenceDocument; because: Because; composedAt: Instant },
    ) => replaceComposition.run(presentity, JSON.stringify(document), JSON.stringify(because), whole(composedAt)),
    replacePublished: (presentity: PresentityId, { publisher, document, locale, at, epoch, tag }: Published) =>
      replacePublished.run(presentity, publisher, JSON.stringify(document), locale, whole(at), epoch, tag ?? null),
    deletePublished: (presentity: PresentityId, publisher: string) => deletePublished.run(presentity, publisher),
  };
}

/**
 * A row is the same as another of its presentity and publisher when it says the same of the same instant: what has been
 * sent then needs no second sending, whichever of the two was.
 */
function prepareOutboxWrites(database: StoreDatabase) {
  const replaceRow = database.prepare<[string, string, string, string, string, number, number, number, string | null]>(`
    INSERT INTO outbox (presentity, publisher, document, locale, kind, since, not_before, failures, last_error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (presentity, publisher) DO UPDATE SET
      document = excluded.document, locale = excluded.locale, kind = excluded.kind, since = excluded.since,
      not_before = excluded.not_before, failures = excluded.failures, last_error = excluded.last_error`);
  const deleteSameRow = database.prepare<[string, string, number, string, string, string]>(`
    DELETE FROM outbox
    WHERE presentity = ? AND publisher = ? AND since = ? AND kind = ? AND locale = ? AND document = ?`);
  const recordFailure = database.prepare<[number, number, string, string, string, number, string, string, string]>(`
    UPDATE outbox SET not_before = ?, failures = ?, last_error = ?
    WHERE presentity = ? AND publisher = ? AND since = ? AND kind = ? AND locale = ? AND document = ?`);
  const deleteRow = database.prepare<[string, string]>("DELETE FROM outbox WHERE presentity = ? AND publisher = ?");
  const sameRow = ({ presentity, publisher, since, kind, locale, document }: OutboxRow) =>
    [presentity, publisher, whole(since), kind, locale, JSON.stringify(document)] as const;
  return {
    replaceOutboxRow: ({ presentity, publisher, locale, kind, failures, ...row }: OutboxRow) =>
      replaceRow.run(
        presentity,
        publisher,
        JSON.stringify(row.document),
        locale,
        kind,
        whole(row.since),
        whole(row.notBefore),
        failures,
        row.lastError ?? null,
      ),
    deleteSameOutboxRow: (row: OutboxRow) => deleteSameRow.run(...sameRow(row)),
    recordOutboxFailure: (row: OutboxRow, { retryAt, error }: { readonly retryAt: Instant; readonly error: string }) =>
      recordFailure.run(whole(retryAt), row.failures + 1, error, ...sameRow(row)),
    deleteOutboxRow: (presentity: PresentityId, publisher: string) => deleteRow.run(presentity, publisher),
  };
}

function prepareDeletePresentity(database: StoreDatabase): (presentity: PresentityId) => void {
  const statements = [
    database.prepare<[string]>("DELETE FROM busy_time WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM calendar_error WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM override WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM client_presence WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM composition WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM published WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM outbox WHERE presentity = ?"),
  ];
  return (presentity) => {
    for (const statement of statements) statement.run(presentity);
  };
}
