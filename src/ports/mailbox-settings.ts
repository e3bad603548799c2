import type { Mailbox } from "../core/addresses.ts";
import type { AutomaticReplies } from "../core/automatic-replies.ts";
import type { Milliseconds } from "../lib/time.ts";
import type { GatewayError } from "./errors.ts";

/** When a mailbox's owner works, in a time zone of its own. */
export interface WorkingHours {
  readonly days: readonly ("sunday" | "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday")[];
  /** Since midnight. */
  readonly start: Milliseconds;
  readonly end: Milliseconds;
  /** As the server names it: Windows or IANA. */
  readonly timeZone: string;
}

/** What a mailbox says of its owner; what is absent was not asked for, not set, or not intelligible. */
export interface MailboxSettings {
  /** BCP 47, in canonical form. */
  readonly locale?: string;
  /** As the server names it: Windows or IANA. */
  readonly timeZone?: string;
  readonly workingHours?: WorkingHours;
  /** Never with their messages. */
  readonly automaticReplies?: AutomaticReplies;
}

/** One mailbox's answer. */
export type MailboxSettingsResult =
  | { readonly mailbox: Mailbox; readonly settings: MailboxSettings }
  | { readonly mailbox: Mailbox; readonly error: GatewayError };
