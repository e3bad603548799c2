import { rmSync } from "node:fs";
import Sqlite from "better-sqlite3";
import { parsePresentityId } from "../../src/core/addresses.ts";
import type { BusyInterval } from "../../src/core/busy-time.ts";
import type { ClientPresence, PresenceDocument } from "../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { hours, type Instant, instant, minutes, plus, seconds } from "../../src/lib/time.ts";
import type { Journal } from "../../src/ports/journal.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";

export const HOST = "example.test";
export const COMPONENT = "calendar.example.test";
/** The run of the sink's server module. */
export const MODULE_INSTANCE = "bench";

/** Users, and when something changes of them: half of them at each instant, one in a hundred at the last. */
export interface Population {
  readonly users: number;
  /** Meetings of the even users begin, meetings of the odd ones begin, those of the even ones end. */
  readonly instants: readonly [Instant, Instant, Instant];
  /** Another meeting of some even users begins. */
  readonly later: Instant;
}

/** What must stand in each publication that is due, by publisher and JID. */
export type DuePublications = ReadonlyMap<string, readonly string[]>;

const LOCALES = ["en", "de", "fr", "es", "ja"] as const;
const PEP = "xmpp-pep";
const OVERLAY = "xmpp-overlay";

/** The user's bare JID by number, also their mailbox. */
export const jidOf = (user: number): string => `u${String(user).padStart(6, "0")}@${HOST}`;
const localeOf = (user: number): string => LOCALES[(user + Math.floor(user / 100)) % LOCALES.length] ?? "en";

const isAwaitedLater = (user: number): boolean => user % 100 === 0;

/** What is due at an instant of the population. */
export function dueAt(at: Instant, population: Population): DuePublications {
  const due = new Map<string, readonly string[]>();
  for (let user = 0; user < population.users; user++) {
    for (const meeting of meetingsOf(user, population)) {
      if (meeting.start === at) addDue(due, user, beginning(user, meeting));
      if (meeting.end === at) addDue(due, user, ENDING);
    }
  }
  return due;
}

/** How many publications are due at an instant of the population. */
export function countDueAt(at: Instant, population: Population): number {
  let count = 0;
  for (let user = 0; user < population.users; user++)
    for (const { start, end } of meetingsOf(user, population)) if (start === at || end === at) count += 2;
  return count;
}

/** The key of `DuePublications`. */
export const keyOf = ({ publisher, to }: { readonly publisher: string; readonly to: string }): string =>
  `${publisher} ${to}`;

type Parts = Readonly<Record<typeof PEP | typeof OVERLAY, readonly string[]>>;

function addDue(due: Map<string, readonly string[]>, user: number, parts: Parts): void {
  for (const publisher of [PEP, OVERLAY] as const) due.set(keyOf({ publisher, to: jidOf(user) }), parts[publisher]);
}

function beginning(user: number, { end }: BusyInterval): Parts {
  const text = TEXT_CATALOGUE[localeOf(user)]?.["in-a-meeting"] ?? "";
  return {
    [PEP]: ["<working><in_a_meeting/></working>", `>${text}</text>`],
    [OVERLAY]: ['show="dnd"', `until="${end / 1000}"`, 'activity="in_a_meeting"', `>${text}</status>`],
  };
}

const NOTHING: PresenceDocument = { show: "available", source: "client" };

const ENDING: Parts = {
  [PEP]: ['<activity xmlns="http://jabber.org/protocol/activity"/>'],
  [OVERLAY]: ['<overlay xmlns="urn:x-presence-gateway:server:1"/>'],
};

function meetingsOf(user: number, { instants, later }: Population): readonly BusyInterval[] {
  const meeting = (start: Instant, end = plus(start, minutes(30 + (user % 60)))): BusyInterval => ({
    start,
    end,
    status: "busy",
  });
  if (user % 2 === 1) return [meeting(instants[1])];
  return isAwaitedLater(user)
    ? [meeting(instants[0], instants[2]), meeting(later)]
    : [meeting(instants[0], instants[2])];
}

/** The meetings, and five other entries of an ordinary day. */
function calendarOf(user: number, population: Population): readonly BusyInterval[] {
  const others = [4, 7, 11, 15, 20].map((after, index): BusyInterval => {
    const from = plus(population.instants[0], hours(after));
    return { start: from, end: plus(from, minutes(60)), status: index === 2 ? "tentative" : "busy" };
  });
  return [...meetingsOf(user, population), ...others];
}

/**
 * Fills a new store with users as a gateway leaves them that has run for days: calendars known, one client of each
 * online, and what earlier meetings were taken back with noted as published.
 */
export function writeStore(path: string, population: Population, now: Instant): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  const store = openStore({ path, runtime: createTestRuntime(now) });
  for (let user = 0; user < population.users; user++) {
    writeMemory(store.journal, user, population, now);
    if (user % 10_000 === 0) store.journal.flush();
  }
  store.close();
  const database = new Sqlite(path);
  const insert = database.prepare(
    "INSERT INTO user (presentity, mailbox, gateway, locale, is_enabled) VALUES (?,?,?,?,1)",
  );
  database.transaction(() => {
    for (let user = 0; user < population.users; user++)
      insert.run(jidOf(user), jidOf(user), "exchange", localeOf(user));
  })();
  database.close();
}

/** As both publishers name a run of the server's module. */
const EPOCH = `${HOST}=${MODULE_INSTANCE}`;

function writeMemory(journal: Journal, user: number, population: Population, now: Instant): void {
  const presentity = parsePresentityId(jidOf(user));
  const client: ClientPresence = { resource: "pc", show: "available", priority: 0, status: {}, since: now };
  journal.replaceBusyTime(presentity, calendarOf(user, population), now);
  journal.replaceServer(presentity, "exchange");
  journal.replaceClients(presentity, [client]);
  const shown = { document: NOTHING, locale: localeOf(user), at: now };
  const published = [
    { ...shown, publisher: PEP, epoch: EPOCH },
    { ...shown, publisher: OVERLAY, epoch: EPOCH },
  ];
  journal.recordPublications(presentity, { published, outbox: [] });
}

/** The next whole second that is at least so many milliseconds away. */
export const wholeSecondAfter = (length: number): Instant =>
  instant(Math.ceil((Date.now() + length) / seconds(1)) * seconds(1));
