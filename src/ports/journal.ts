import type { PresentityId, SipAor } from "../core/addresses.ts";
import type { AutomaticRepliesState } from "../core/automatic-replies.ts";
import type { BusyInterval } from "../core/busy-time.ts";
import type { Override } from "../core/compose.ts";
import type { ClientPresence, PresenceDocument } from "../core/presence.ts";
import type { CalendarState } from "../core/view-calendar.ts";
import type { Instant } from "../lib/time.ts";

/** What one publisher was last known to show for a presentity. */
export interface Published {
  readonly publisher: string;
  /** The publisher's reduction of the document. */
  readonly document: PresenceDocument;
  readonly locale: string;
  readonly at: Instant;
  /** The publisher's epoch then. */
  readonly epoch: string;
  readonly tag?: string | undefined;
  /** The address of record under which it is shown, by publishers with SIP addresses. */
  readonly sip?: SipAor | undefined;
}

/** A publication that is due; at most one per presentity and publisher, the newest. */
export interface OutboxRow {
  readonly presentity: PresentityId;
  readonly publisher: string;
  readonly document: PresenceDocument;
  readonly locale: string;
  readonly kind: "publish" | "retract";
  /** When it was recorded. */
  readonly since: Instant;
  /** Not to be tried before. */
  readonly notBefore: Instant;
  readonly failures: number;
  /** What went wrong last. */
  readonly lastError?: string;
  /** The address of record it is for, by publishers with SIP addresses. */
  readonly sip?: SipAor | undefined;
}

/** What is published and what is due of one presentity. The journal looks at it when it writes, which may be later. */
export interface Publications {
  /** One of each publisher. */
  readonly published: readonly Published[];
  /** At most one of each publisher. */
  readonly outbox: readonly OutboxRow[];
}

/** Everything the journal knows of one presentity. */
export interface JournalEntry extends Publications {
  readonly presentity: PresentityId;
  readonly calendar?: CalendarState;
  readonly automaticReplies?: AutomaticRepliesState;
  /** What went wrong at the last read of the calendar, if it did. */
  readonly calendarError?: { readonly code: string; readonly message: string; readonly at: Instant };
  /** The calendar server of its pool that the calendar is read from. */
  readonly server?: string;
  readonly override?: Override;
  readonly clients: readonly ClientPresence[];
  readonly document?: PresenceDocument;
  /** When the document became what it is. */
  readonly composedAt?: Instant;
}

/**
 * What the engine remembers per presentity. Synchronous and local. Writes of one turn of the event loop share one
 * transaction; `flush` makes them durable at once. Throws GatewayError (`store-…`); after a failure nothing of the
 * turn is lost: it is written with the next one.
 */
export interface Journal {
  /** Everything, at start; one pass. */
  load(): Iterable<JournalEntry>;
  find(presentity: PresentityId): JournalEntry | undefined;

  replaceBusyTime(presentity: PresentityId, intervals: readonly BusyInterval[], heardAt: Instant): void;
  /** Only the time of the last successful read; the intervals stay. */
  recordHeard(presentity: PresentityId, heardAt: Instant): void;
  recordCalendarError(presentity: PresentityId, error: JournalEntry["calendarError"]): void;
  replaceAutomaticReplies(presentity: PresentityId, state: AutomaticRepliesState | undefined): void;
  replaceServer(presentity: PresentityId, server: string | undefined): void;
  replaceOverride(presentity: PresentityId, override: Override | undefined): void;
  replaceClients(presentity: PresentityId, clients: readonly ClientPresence[]): void;

  /** The document and what is to be published because of it, together or not at all. */
  recordComposition(
    presentity: PresentityId,
    composition: { readonly document: PresenceDocument; readonly composedAt: Instant },
    publications: Publications,
  ): void;
  /** What is published and due has changed. May follow within two seconds: until then the rows that were due still are. */
  recordPublications(presentity: PresentityId, publications: Publications): void;
  /** Forgets the presentity entirely. */
  deletePresentity(presentity: PresentityId): void;

  /** Makes what was written durable now; `prompt`: but for what was published, which may follow within two seconds. */
  flush(scope?: "prompt" | "all"): void;
}
