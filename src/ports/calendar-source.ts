import type { Mailbox } from "../core/addresses.ts";
import type { BusyInterval } from "../core/busy-time.ts";
import type { Milliseconds, TimeWindow } from "../lib/time.ts";
import type { GatewayError } from "./errors.ts";
import type { MailboxSettingsResult } from "./mailbox-settings.ts";
import type { IntegerParameterName } from "./parameters.ts";
import type { Plugin } from "./plugin.ts";

/** One mailbox's answer. */
export type BusyTimeResult =
  | { readonly mailbox: Mailbox; readonly intervals: readonly BusyInterval[] }
  | { readonly mailbox: Mailbox; readonly error: GatewayError };

/**
 * "Look again": a notification carries no calendar data. `all` after (re)subscribing and after any gap; `alive` when the
 * server was heard without a change; `failed` for one mailbox that cannot be watched while the others go on.
 */
export type CalendarChange =
  | { readonly kind: "changed"; readonly mailbox: Mailbox }
  | { readonly kind: "all" }
  | { readonly kind: "alive" }
  | { readonly kind: "failed"; readonly mailbox: Mailbox; readonly error: GatewayError };

/** One step of `gateway test`. */
export interface TestStep {
  readonly step: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly milliseconds: number;
  /** True where it went well and yet is not as it should be. */
  readonly isWarning?: boolean;
}

/** Whom a test tries the server for, as far as they are given. */
export interface TestSubject {
  readonly mailbox?: Mailbox | undefined;
  /** Security identifier of a user, `S-1-5-…`. */
  readonly sid?: string | undefined;
  /** A mailbox that the account should have no rights for. */
  readonly outside?: Mailbox | undefined;
}

/** How the requests to a calendar server stand that throttles. */
export interface RequestLoad {
  readonly running: number;
  readonly waiting: number;
  /** So many may run at once, as learnt from the server. */
  readonly limit: number;
  /** Rest of the time in which the server has asked for none; 0: it has not. */
  readonly pause: Milliseconds;
}

/** Where calendar states come from. Reads start, end and status only. */
export interface CalendarSource extends Plugin {
  readonly capabilities: {
    readonly maxMailboxesPerFetch: number;
    readonly maxMailboxesPerWatch: number;
    /** 1 where it is absent. */
    readonly maxMailboxesPerSettings?: number;
    /** The parameter that says in minutes how often every mailbox is read; without it `ews-status-frequency`. */
    readonly sweepInterval?: IntegerParameterName;
  };
  /** One result per mailbox, in order. One bad mailbox never fails the batch. Rejects when the whole request failed. */
  fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]>;
  /** Runs until the connection is lost (rejects), its lifetime is over (returns), or the signal aborts (rejects). */
  readonly watchChanges?:
    | ((mailboxes: readonly Mailbox[], signal: AbortSignal) => AsyncIterable<CalendarChange>)
    | undefined;
  /** The mailboxes are no longer wanted of the watches that run: what they cost the server is given up soon. */
  readonly unwatch?: ((mailboxes: readonly Mailbox[]) => void) | undefined;
  /** A routine read found a change that should have been told of by a watch that runs. */
  readonly changeUnnoticed?: ((mailbox: Mailbox) => void) | undefined;
  /**
   * Which mailboxes are best watched together: one text for each, in order; equal texts belong together. Without it any
   * may. Rejects when the whole request failed; then they are watched in any order.
   */
  readonly locateMailboxes?:
    | ((mailboxes: readonly Mailbox[], signal: AbortSignal) => Promise<readonly string[]>)
    | undefined;
  /**
   * One result per mailbox, in order, for at most `maxMailboxesPerSettings`. One bad mailbox never fails the batch. Rejects
   * when the whole request failed, with type `auth` when the settings may not be read while calendars may.
   */
  readonly readMailboxSettings?:
    | ((mailboxes: readonly Mailbox[], signal: AbortSignal) => Promise<readonly MailboxSettingsResult[]>)
    | undefined;
  /** The display name of the mailbox's default calendar, as the server has it. Rejects with GatewayError. */
  readonly findCalendarName?: ((mailbox: Mailbox, signal: AbortSignal) => Promise<string>) | undefined;
  /** Absent where the server does not throttle; undefined while nothing is connected. */
  readonly load?: (() => RequestLoad | undefined) | undefined;
  /** Tries the server step by step, for a named mailbox where one is given; never throws for a failed step. */
  readonly test?: ((subject: TestSubject, signal: AbortSignal) => AsyncIterable<TestStep>) | undefined;
}
