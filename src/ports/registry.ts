import type { Mailbox, PresentityId, SipAor } from "../core/addresses.ts";
import type { Instant } from "../lib/time.ts";

/** A user whose calendar state is shown. */
export interface User {
  readonly presentity: PresentityId;
  readonly mailbox: Mailbox;
  /** Name of the pool of calendar servers, or of one server. */
  readonly gateway: string;
  /** BCP 47. */
  readonly locale: string;
  /** Nobody has set the locale: it is what the mailbox says, or what stands until it is heard. Absent: an administrator did. */
  readonly localeFrom?: LocaleOrigin;
  readonly isEnabled: boolean;
  /** The address of record under which presence is published by SIP; of one user only. Absent: none is. */
  readonly sip?: SipAor;
  /** The address of record that is kept while SIP is off for the user; never together with `sip`. */
  readonly restingSip?: SipAor;
  /** In which zone the user is told times; `replaceUser` leaves it as it is. */
  readonly timeZone?: TimeZoneChoice;
  /** Since when the user wants to be left out: nothing is read nor shown. `replaceUser` leaves it as it is. */
  readonly optedOutAt?: Instant;
}

/** Whether `replaceUser` would store the same; a time zone and an opt-out it leaves as they are. */
export const isSameUser = (a: User, b: User): boolean =>
  a.presentity === b.presentity &&
  a.mailbox === b.mailbox &&
  a.gateway === b.gateway &&
  a.locale === b.locale &&
  a.localeFrom === b.localeFrom &&
  a.isEnabled === b.isEnabled &&
  a.sip === b.sip &&
  a.restingSip === b.restingSip;

/** Where a locale comes from that no administrator has set. */
export type LocaleOrigin = "mailbox" | "default" | "user";

/** A time zone (IANA) and who told it. */
export interface TimeZoneChoice {
  readonly zone: string;
  readonly from: "mailbox" | "user";
}

/** Nothing stored of a presentity: the store's tables that hold something of one, each with its count of rows. */
export const NO_HOLDINGS = {
  user: 0,
  directory_user: 0,
  time_zone: 0,
  opt_out: 0,
  busy_time: 0,
  calendar_error: 0,
  automatic_replies: 0,
  placement: 0,
  override: 0,
  client_presence: 0,
  result: 0,
  audit: 0,
  registry_change: 0,
  plugin_memory: 0,
  user_import: 0,
} as const;

/** How many rows each table holds of one presentity. */
export type Holdings = Readonly<Record<keyof typeof NO_HOLDINGS, number>>;

/** A configured calendar server: plain options, and the names of its sealed secrets. */
export interface CalendarServer {
  readonly name: string;
  /** Which calendar plugin, e.g. `ews`. */
  readonly type: string;
  readonly options: Readonly<Record<string, string>>;
  readonly isEnabled: boolean;
  /** For people, to tell servers apart. */
  readonly description?: string;
  /** Servers of one pool share its users; absent: a pool of its own, of the server's name. */
  readonly pool?: string;
  /** The server's share of its pool's users against the others', 1 to 100; absent: 1. */
  readonly weight?: number;
  /** The server whose account and password this one uses too, as they change. */
  readonly credentialsOf?: string;
  /** The server or pool that follows on this one when its service is withdrawn. */
  readonly successor?: string;
  /** Set once its successor has its mailboxes, until an administrator takes it back. */
  readonly retired?: Retirement;
}

/** Since when and why a server is retired. */
export interface Retirement {
  readonly at: Instant;
  /** In words, for people. */
  readonly because: string;
}

/** One line of the audit. */
export interface AuditEntry {
  readonly at: Instant;
  /** Who did it: a bare JID, `local administrator`, or `gateway`. */
  readonly actor: string;
  /** `area.what-happened`, like log events. */
  readonly action: string;
  readonly subject: string;
  readonly detail: string;
}

/** What changed, so that it can take effect without a restart, whoever changed it. */
export type RegistryChange =
  | { readonly kind: "user"; readonly presentity: PresentityId }
  | { readonly kind: "calendar-server"; readonly name: string }
  | { readonly kind: "parameter"; readonly name: string }
  | { readonly kind: "calendar-name"; readonly locale: string }
  /** Certificates were installed or removed (TrustStore). */
  | { readonly kind: "certificate" };

/**
 * What people configure. Changes rarely; every change can be watched and takes effect through the watch, whichever
 * process made it. Rejects with GatewayError (`store-…`).
 */
export interface Registry {
  listUsers(): Promise<readonly User[]>;
  findUser(presentity: PresentityId): Promise<User | undefined>;
  replaceUser(user: User): Promise<void>;
  /** Many at once, with the audit lines about them: all of it or nothing. */
  replaceUsers(users: readonly User[], audit: readonly AuditEntry[]): Promise<void>;
  /** An opt-out stays. */
  deleteUser(presentity: PresentityId): Promise<void>;
  /** `undefined` forgets it. */
  replaceTimeZone(presentity: PresentityId, choice: TimeZoneChoice | undefined): Promise<void>;
  /** `undefined`: the user is left out no more. */
  replaceOptOut(presentity: PresentityId, at: Instant | undefined): Promise<void>;
  /** All who have opted out, users or not. */
  listOptOuts(): Promise<ReadonlySet<PresentityId>>;
  /** What is stored of the presentity, journal included. */
  countHoldings(presentity: PresentityId): Promise<Holdings>;

  listCalendarServers(): Promise<readonly CalendarServer[]>;
  findCalendarServer(name: string): Promise<CalendarServer | undefined>;
  /** Secrets are option values that are sealed; one given as `undefined` is removed, one not named stays. */
  replaceCalendarServer(server: CalendarServer, secrets?: Readonly<Record<string, string | undefined>>): Promise<void>;
  deleteCalendarServer(name: string): Promise<void>;
  /** The server's secrets in clear, for the plugin that needs them and nobody else. */
  openSecrets(server: string): Promise<Readonly<Record<string, string>>>;
  /** Names of the secrets that are set. */
  listSecretNames(server: string): Promise<readonly string[]>;

  listParameters(): Promise<Readonly<Record<string, string>>>;
  /** `undefined` puts the default back. */
  replaceParameter(name: string, value: string | undefined): Promise<void>;

  /** Localised display names of the default calendar folder, by locale. */
  listCalendarNames(): Promise<readonly CalendarName[]>;
  replaceCalendarName(locale: string, name: string): Promise<void>;

  recordAudit(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  listAudit(limit: number, subject?: string): Promise<readonly AuditEntry[]>;

  /** Every change from now on, made by this process or another; endless until the signal aborts. */
  watch(signal: AbortSignal): AsyncIterable<RegistryChange>;
}

/** The localised name of the default calendar folder. */
export interface CalendarName {
  readonly locale: string;
  readonly name: string;
  /** `built-in`, or who set it. */
  readonly source: string;
}
