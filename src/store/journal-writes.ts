import type { PresentityId } from "../core/addresses.ts";
import type { BusyInterval } from "../core/busy-time.ts";
import type { Override } from "../core/compose.ts";
import { packIntervals } from "../core/packed-intervals.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import type { Instant } from "../lib/time.ts";
import type { JournalEntry, Publications } from "../ports/journal.ts";
import { prepareReplaceAutomaticReplies } from "./automatic-replies.ts";
import type { StoreDatabase } from "./database.ts";
import { createPublicationEncoder } from "./publications.ts";

type CalendarError = NonNullable<JournalEntry["calendarError"]>;

/** Instants with added lengths may carry fractions; "not before" must not come too early. */
const whole = Math.ceil;
const wholeOrNull = (at: number | undefined): number | null => (at === undefined ? null : whole(at));

/** The writes of the journal, one function a statement; to be called inside a transaction. */
export type JournalWrites = ReturnType<typeof prepareJournalWrites>;

/** Prepares every statement once. */
export const prepareJournalWrites = (database: StoreDatabase) => ({
  ...prepareInputWrites(database),
  replaceAutomaticReplies: prepareReplaceAutomaticReplies(database),
  ...prepareResultWrites(database),
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
  const replaceServer = database.prepare<[string, string]>(`
    INSERT INTO placement (presentity, server) VALUES (?, ?)
    ON CONFLICT (presentity) DO UPDATE SET server = excluded.server`);
  const deleteServer = database.prepare<[string]>("DELETE FROM placement WHERE presentity = ?");
  const replaceOverride = database.prepare<[string, string, string | null, number, number | null]>(`
    INSERT INTO override (presentity, kind, show, set_at, until) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET
      kind = excluded.kind, show = excluded.show, set_at = excluded.set_at, until = excluded.until`);
  const deleteOverride = database.prepare<[string]>("DELETE FROM override WHERE presentity = ?");
  const replaceClients = database.prepare<[string, string]>(`
    INSERT INTO client_presence (presentity, clients) VALUES (?, ?)
    ON CONFLICT (presentity) DO UPDATE SET clients = excluded.clients`);
  const deleteClients = database.prepare<[string]>("DELETE FROM client_presence WHERE presentity = ?");
  return {
    replaceBusyTime: (presentity: PresentityId, intervals: readonly BusyInterval[], heardAt: Instant) =>
      replaceBusyTime.run(presentity, JSON.stringify(packIntervals(intervals)), whole(heardAt)),
    recordHeard: (presentity: PresentityId, heardAt: Instant) => recordHeard.run(presentity, whole(heardAt)),
    replaceCalendarError: (presentity: PresentityId, { code, message, at }: CalendarError) =>
      replaceCalendarError.run(presentity, code, message, whole(at)),
    deleteCalendarError: (presentity: PresentityId) => deleteCalendarError.run(presentity),
    replaceServer: (presentity: PresentityId, server: string) => replaceServer.run(presentity, server),
    deleteServer: (presentity: PresentityId) => deleteServer.run(presentity),
    replaceOverride: (presentity: PresentityId, override: Override) => {
      const { kind, setAt, until } = override;
      const show = override.kind === "set" ? override.show : null;
      replaceOverride.run(presentity, kind, show, whole(setAt), wholeOrNull(until));
    },
    deleteOverride: (presentity: PresentityId) => deleteOverride.run(presentity),
    replaceClients: (presentity: PresentityId, clients: readonly ClientPresence[]) =>
      replaceClients.run(presentity, JSON.stringify(clients)),
    deleteClients: (presentity: PresentityId) => deleteClients.run(presentity),
  };
}

function prepareResultWrites(database: StoreDatabase) {
  const { encodePublished, encodeOutbox } = createPublicationEncoder();
  const replaceComposition = database.prepare<[string, string, number, string]>(`
    INSERT INTO result (presentity, document, composed_at, published, outbox) VALUES (?, ?, ?, '', ?)
    ON CONFLICT (presentity) DO UPDATE SET
      document = excluded.document, composed_at = excluded.composed_at, outbox = excluded.outbox`);
  const replacePublications = database.prepare<[string, string, string]>(`
    INSERT INTO result (presentity, published, outbox) VALUES (?, ?, ?)
    ON CONFLICT (presentity) DO UPDATE SET published = excluded.published, outbox = excluded.outbox`);
  return {
    replaceComposition: (
      presentity: PresentityId,
      { document, composedAt }: { document: PresenceDocument; composedAt: Instant },
      { outbox }: Publications,
    ) => replaceComposition.run(presentity, JSON.stringify(document), whole(composedAt), encodeOutbox(outbox)),
    replacePublications: (presentity: PresentityId, { published, outbox }: Publications) =>
      replacePublications.run(presentity, encodePublished(published), encodeOutbox(outbox)),
  };
}

function prepareDeletePresentity(database: StoreDatabase): (presentity: PresentityId) => void {
  const statements = [
    database.prepare<[string]>("DELETE FROM busy_time WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM calendar_error WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM automatic_replies WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM placement WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM override WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM client_presence WHERE presentity = ?"),
    database.prepare<[string]>("DELETE FROM result WHERE presentity = ?"),
  ];
  return (presentity) => {
    for (const statement of statements) statement.run(presentity);
  };
}
