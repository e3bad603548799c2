import type { Mailbox, PresentityId } from "../core/addresses.ts";
import type { Override } from "../core/compose.ts";
import type { Instant } from "../lib/time.ts";
import type { TestStep, TestSubject } from "../ports/calendar-source.ts";
import type { JournalEntry } from "../ports/journal.ts";
import type { Health } from "../ports/plugin.ts";
import type { PublisherDetail } from "../ports/presence-publisher.ts";
import type { ServedDomain } from "./describe-domain.ts";

/** One part of the running gateway and its condition. */
export interface GatewayPart {
  readonly name: string;
  readonly kind: "xmpp" | "clients" | "calendar" | "publisher" | "directory" | "store";
  readonly health: Health;
}

/** What the running gateway counts. */
export interface GatewayCounts {
  readonly presentities: number;
  readonly withCalendar: number;
  /** Presentities whose calendar is unknown: never read, or not heard of for too long. */
  readonly stale: number;
  readonly inMeeting: number;
  readonly outbox: number;
  readonly refreshQueue: number;
  /** When the calendar that was read the longest ago was read. */
  readonly oldestHeard?: Instant;
  /** Since when the oldest publication is due that is not confirmed yet. */
  readonly oldestDue?: Instant;
  /** Publications that failed and wait for a retry, by publisher, with one of the reasons. */
  readonly failing: readonly FailingPublications[];
}

/** Publications of one publisher that failed and wait for a retry. */
interface FailingPublications {
  readonly publisher: string;
  readonly count: number;
  readonly because: string;
}

/** What the commands ask of the running gateway; absent while it is stopped. */
export interface LiveGateway {
  now(): Instant;
  parts(): readonly GatewayPart[];
  counts(): GatewayCounts;
  /** The domains whose users are served. */
  domains(): readonly ServedDomain[];
  /** What is known of the presentity this moment. */
  entry(presentity: PresentityId): JournalEntry | undefined;
  /** What a publisher says of one presentity's publication, or of all its work; empty: nothing, or no such publisher. */
  publisherDetails(name: string, presentity?: PresentityId): readonly PublisherDetail[];
  /** How many mailboxes are on the calendar server now. */
  mailboxesOn(server: string): number;
  /** Reads the presentity's calendar now. */
  refresh(presentity: PresentityId): void;
  /** Tries a calendar server step by step; never throws for a failed step. */
  testCalendarServer(name: string, subject: TestSubject, signal: AbortSignal): AsyncIterable<TestStep>;
  /** What a calendar server says that a mailbox's default calendar is named. Rejects with GatewayError. */
  findCalendarName(server: string, mailbox: Mailbox, signal: AbortSignal): Promise<string>;
  /** Sets or removes the presentity's override and recomputes. */
  setOverride(presentity: PresentityId, override: Override | undefined): void;
  /** Sends the user a chat message in the language (BCP 47); rejects with GatewayError when the XMPP server cannot be reached. */
  tellUser(presentity: PresentityId, text: string, language: string): Promise<void>;
}
