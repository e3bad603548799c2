import type { BareJid, Mailbox, PresentityId } from "../core/addresses.ts";
import type { CalendarState, CompositionInputs, Override, PhoneState } from "../core/compose.ts";
import { type PackedIntervals, packIntervals, unpackIntervals } from "../core/packed-intervals.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import { NONE } from "../lib/keyed-list.ts";
import { earlier, type Instant } from "../lib/time.ts";
import type { JournalEntry, OutboxRow, Published } from "../ports/journal.ts";
import type { User } from "../ports/registry.ts";

/** The calendar as last read; `CalendarState` in less memory. */
interface RememberedCalendar {
  readonly intervals: PackedIntervals;
  /** When it was last read successfully. */
  readonly heardAt: Instant;
}

const unpackCalendar = ({ intervals, heardAt }: RememberedCalendar): CalendarState => ({
  intervals: unpackIntervals(intervals),
  heardAt,
});

/** The live state of one presentity: the inputs of composition, its result, and what each publisher shows. */
export interface Presentity {
  readonly id: PresentityId;
  user: User | undefined;
  calendar: RememberedCalendar | undefined;
  calendarError: JournalEntry["calendarError"];
  /** The calendar server of its pool that the mailbox is on. */
  server: string | undefined;
  override: Override | undefined;
  phone: PhoneState | undefined;
  clients: readonly ClientPresence[];
  /** Resources known from before a reconnect and not heard again yet. */
  unconfirmed: readonly string[];
  document: PresenceDocument | undefined;
  composedAt: Instant | undefined;
  validUntil: Instant | undefined;
  published: readonly Published[];
  outbox: readonly OutboxRow[];
}

/** A presentity of which nothing is known yet. */
const newPresentity = (id: PresentityId): Presentity => ({
  id,
  user: undefined,
  calendar: undefined,
  calendarError: undefined,
  server: undefined,
  override: undefined,
  phone: undefined,
  clients: NONE,
  unconfirmed: NONE,
  document: undefined,
  composedAt: undefined,
  validUntil: undefined,
  published: NONE,
  outbox: NONE,
});

/**
 * The presentity as the journal remembers it; its clients are unconfirmed until they are heard again. A calendar that
 * seems to be from the future was read before the clock was set back. Clients of a network that nobody listens to any more
 * would never be confirmed nor gone: they are left out.
 */
export function restorePresentity(
  entry: JournalEntry,
  now: Instant,
  networks: ReadonlySet<ClientPresence["via"]>,
): Presentity {
  const presentity = newPresentity(entry.presentity);
  presentity.calendar = entry.calendar && {
    intervals: packIntervals(entry.calendar.intervals),
    heardAt: earlier(entry.calendar.heardAt, now),
  };
  presentity.calendarError = entry.calendarError;
  presentity.server = entry.server;
  presentity.override = entry.override;
  presentity.document = entry.document;
  presentity.composedAt = entry.composedAt;
  const clients = entry.clients.filter(({ via }) => via === undefined || networks.has(via));
  presentity.clients = orNone(clients);
  presentity.unconfirmed = orNone(clients.map(({ resource }) => resource));
  presentity.published = orNone(entry.published);
  // Whether a row was on its way when the process ended is not known: it counts as tried.
  presentity.outbox = orNone(entry.outbox.map((row) => ({ ...row, failures: Math.max(row.failures, 1) })));
  return presentity;
}

/** Most people have nothing due: they share the list of nothing. */
const orNone = <Item>(list: readonly Item[]): readonly Item[] => (list.length === 0 ? NONE : list);

/** The presentity's clients, and nothing else. */
export const strippedOf = ({ id, clients, unconfirmed }: Presentity): Presentity => ({
  ...newPresentity(id),
  clients,
  unconfirmed,
});

/** The journal's view of a live presentity. */
export const describePresentity = (presentity: Presentity): JournalEntry => ({
  presentity: presentity.id,
  ...(presentity.calendar && { calendar: unpackCalendar(presentity.calendar) }),
  ...(presentity.calendarError && { calendarError: presentity.calendarError }),
  ...(presentity.server !== undefined && { server: presentity.server }),
  ...(presentity.override && { override: presentity.override }),
  clients: presentity.clients,
  ...(presentity.document && { document: presentity.document }),
  ...(presentity.composedAt !== undefined && { composedAt: presentity.composedAt }),
  published: presentity.published,
  outbox: presentity.outbox,
});

/** What composition is made from. */
export const inputsOf = (presentity: Presentity): CompositionInputs => ({
  clients: presentity.clients,
  ...(presentity.calendar && { calendar: unpackCalendar(presentity.calendar) }),
  ...(presentity.override && { override: presentity.override }),
  ...(presentity.phone && { phone: presentity.phone }),
});

/** All live presentities, found by JID or by mailbox of a calendar server. */
export class Presentities implements Iterable<Presentity> {
  readonly #byId = new Map<BareJid, Presentity>();
  /** By calendar server and mailbox; nearly every mailbox is of one presentity. */
  readonly #byMailbox = new Map<string, Map<Mailbox, Presentity | readonly Presentity[]>>();

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }

  [Symbol.iterator](): IterableIterator<Presentity> {
    return this.#byId.values();
  }

  /** The presentity of a bare JID, by exact comparison. */
  find(id: BareJid): Presentity | undefined {
    return this.#byId.get(id);
  }

  /** The presentity of the JID; made when it is new. */
  open(id: PresentityId): Presentity {
    const existing = this.#byId.get(id);
    if (existing) return existing;
    const presentity = newPresentity(id);
    this.#byId.set(id, presentity);
    return presentity;
  }

  /** Adds one that was restored. */
  add(presentity: Presentity): void {
    this.#byId.set(presentity.id, presentity);
    this.#index(presentity);
  }

  /** Sets who the presentity is by configuration; `undefined` when it is no user any more. */
  assign(presentity: Presentity, user: User | undefined): void {
    this.#unindex(presentity);
    presentity.user = user && withSharedTexts(user, presentity.id);
    this.#index(presentity);
  }

  /** Sets which calendar server the mailbox is on. */
  place(presentity: Presentity, server: string): void {
    this.#unindex(presentity);
    presentity.server = server;
    this.#index(presentity);
  }

  /** Forgets the presentity. */
  delete(presentity: Presentity): void {
    this.#unindex(presentity);
    this.#byId.delete(presentity.id);
  }

  /** Enabled presentities whose calendar is this mailbox on this server. */
  ofMailbox(server: string, mailbox: Mailbox): Iterable<Presentity> {
    return listOf(this.#byMailbox.get(server)?.get(mailbox));
  }

  /** Mailboxes of enabled presentities on this server. */
  mailboxesOn(server: string): Iterable<Mailbox> {
    return this.#byMailbox.get(server)?.keys() ?? [];
  }

  /** How many they are. */
  countOn(server: string): number {
    return this.#byMailbox.get(server)?.size ?? 0;
  }

  #index(presentity: Presentity): void {
    const { user, server } = presentity;
    if (!user?.isEnabled || server === undefined) return;
    const mailboxes = this.#byMailbox.get(server) ?? new Map<Mailbox, Presentity | readonly Presentity[]>();
    this.#byMailbox.set(server, mailboxes);
    const others = listOf(mailboxes.get(user.mailbox)).filter((each) => each !== presentity);
    mailboxes.set(user.mailbox, others.length === 0 ? presentity : [...others, presentity]);
  }

  #unindex(presentity: Presentity): void {
    const { user, server } = presentity;
    const mailboxes = server === undefined ? undefined : this.#byMailbox.get(server);
    if (!user || server === undefined || !mailboxes) return;
    const others = listOf(mailboxes.get(user.mailbox)).filter((each) => each !== presentity);
    if (others.length > 0) mailboxes.set(user.mailbox, others);
    else mailboxes.delete(user.mailbox);
    if (mailboxes.size === 0) this.#byMailbox.delete(server);
  }
}

const listOf = (found: Presentity | readonly Presentity[] | undefined): readonly Presentity[] =>
  found === undefined ? NONE : "id" in found ? [found] : found;

/** The mailbox is mostly the JID: then one text in memory serves for both. */
function withSharedTexts(user: User, id: PresentityId): User {
  const { mailbox, gateway, locale, isEnabled, sip } = user;
  const kept = { presentity: id, mailbox: sharedText(mailbox, id), gateway, locale, isEnabled };
  return sip === undefined ? kept : { ...kept, sip };
}

const sharedText = <Text extends string>(text: Text, known: string): Text =>
  known === (text as string) ? (known as Text) : text;
