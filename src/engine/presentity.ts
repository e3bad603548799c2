import type { BareJid, Mailbox, PresentityId } from "../core/addresses.ts";
import type { CalendarState, CompositionInputs, Override, PhoneState } from "../core/compose.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import { SmallMap } from "../lib/small-map.ts";
import { earlier, type Instant } from "../lib/time.ts";
import type { JournalEntry, OutboxRow, Published } from "../ports/journal.ts";
import type { User } from "../ports/registry.ts";

/** The live state of one presentity: the inputs of composition, its result, and what each publisher shows. */
export interface Presentity {
  readonly id: PresentityId;
  user: User | undefined;
  calendar: CalendarState | undefined;
  calendarError: JournalEntry["calendarError"];
  override: Override | undefined;
  phone: PhoneState | undefined;
  readonly clients: SmallMap<string, ClientPresence>;
  /** Resources known from before a reconnect and not heard again yet. */
  readonly unconfirmed: SmallMap<string, true>;
  document: PresenceDocument | undefined;
  composedAt: Instant | undefined;
  validUntil: Instant | undefined;
  readonly published: SmallMap<string, Published>;
  readonly outbox: SmallMap<string, OutboxRow>;
}

/** A presentity of which nothing is known yet. */
const newPresentity = (id: PresentityId): Presentity => ({
  id,
  user: undefined,
  calendar: undefined,
  calendarError: undefined,
  override: undefined,
  phone: undefined,
  clients: new SmallMap(),
  unconfirmed: new SmallMap(),
  document: undefined,
  composedAt: undefined,
  validUntil: undefined,
  published: new SmallMap(),
  outbox: new SmallMap(),
});

/**
 * The presentity as the journal remembers it; its clients are unconfirmed until they are heard again. A calendar that
 * seems to be from the future was read before the clock was set back.
 */
export function restorePresentity(entry: JournalEntry, now: Instant): Presentity {
  const presentity = newPresentity(entry.presentity);
  presentity.calendar = entry.calendar && { ...entry.calendar, heardAt: earlier(entry.calendar.heardAt, now) };
  presentity.calendarError = entry.calendarError;
  presentity.override = entry.override;
  presentity.document = entry.document;
  presentity.composedAt = entry.composedAt;
  for (const client of entry.clients) {
    presentity.clients.set(client.resource, client);
    presentity.unconfirmed.set(client.resource, true);
  }
  for (const published of entry.published) presentity.published.set(published.publisher, published);
  // Whether a row was on its way when the process ended is not known: it counts as tried.
  for (const row of entry.outbox) presentity.outbox.set(row.publisher, { ...row, failures: Math.max(row.failures, 1) });
  return presentity;
}

/** The presentity's clients, and nothing else. */
export const strippedOf = ({ id, clients, unconfirmed }: Presentity): Presentity => ({
  ...newPresentity(id),
  clients,
  unconfirmed,
});

/** The journal's view of a live presentity, but for why it is as it is: that is composed anew when somebody asks. */
export const describePresentity = (presentity: Presentity): JournalEntry => ({
  presentity: presentity.id,
  ...(presentity.calendar && { calendar: presentity.calendar }),
  ...(presentity.calendarError && { calendarError: presentity.calendarError }),
  ...(presentity.override && { override: presentity.override }),
  clients: [...presentity.clients.values()],
  ...(presentity.document && { document: presentity.document }),
  ...(presentity.composedAt !== undefined && { composedAt: presentity.composedAt }),
  published: [...presentity.published.values()],
  outbox: [...presentity.outbox.values()],
});

/** What composition is made from. */
export const inputsOf = (presentity: Presentity): CompositionInputs => ({
  clients: [...presentity.clients.values()],
  ...(presentity.calendar && { calendar: presentity.calendar }),
  ...(presentity.override && { override: presentity.override }),
  ...(presentity.phone && { phone: presentity.phone }),
});

/** All live presentities, found by JID or by mailbox of a calendar server. */
export class Presentities implements Iterable<Presentity> {
  readonly #byId = new Map<BareJid, Presentity>();
  readonly #byMailbox = new Map<string, readonly Presentity[]>();

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
    presentity.user = user;
    this.#index(presentity);
  }

  /** Forgets the presentity. */
  delete(presentity: Presentity): void {
    this.#unindex(presentity);
    this.#byId.delete(presentity.id);
  }

  /** Enabled presentities whose calendar is this mailbox on this server. */
  ofMailbox(gateway: string, mailbox: Mailbox): Iterable<Presentity> {
    return this.#byMailbox.get(`${gateway}\n${mailbox}`) ?? [];
  }

  #index(presentity: Presentity): void {
    const { user } = presentity;
    if (!user?.isEnabled) return;
    const key = `${user.gateway}\n${user.mailbox}`;
    const others = (this.#byMailbox.get(key) ?? []).filter((each) => each !== presentity);
    this.#byMailbox.set(key, [...others, presentity]);
  }

  #unindex(presentity: Presentity): void {
    if (!presentity.user) return;
    const key = `${presentity.user.gateway}\n${presentity.user.mailbox}`;
    const others = (this.#byMailbox.get(key) ?? []).filter((each) => each !== presentity);
    if (others.length === 0) this.#byMailbox.delete(key);
    else this.#byMailbox.set(key, others);
  }
}
