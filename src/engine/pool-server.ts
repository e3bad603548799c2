import type { Mailbox } from "../core/addresses.ts";
import { poolOf } from "../core/server-pool.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import { GatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { CalendarServer } from "../ports/registry.ts";
import type { PlacementServer } from "./mailbox-placement.ts";
import type { Presentity } from "./presentity.ts";
import { ReadMailboxSettings, type ReadSettingsDeps } from "./read-mailbox-settings.ts";
import { recordAutomaticReplies } from "./record-mailbox-settings.ts";
import type { RefreshBusyTime } from "./refresh-busy-time.ts";
import type { WatchCalendar } from "./watch-calendar.ts";

/** What a calendar server at work is made of. */
interface ServerParts {
  readonly source: CalendarSource;
  readonly refresh: RefreshBusyTime;
  readonly watch: WatchCalendar;
  readonly stop: AbortController;
}

/** A calendar server at work. */
export class RunningServer {
  readonly source: CalendarSource;
  readonly refresh: RefreshBusyTime;
  readonly watch: WatchCalendar;
  readonly stop: AbortController;
  /** Absent where the source reads none. */
  readonly #settings: ReadMailboxSettings | undefined;
  readonly #deps: ReadSettingsDeps;

  constructor(gateway: string, { source, refresh, watch, stop }: ServerParts, deps: ReadSettingsDeps) {
    this.source = source;
    this.refresh = refresh;
    this.watch = watch;
    this.stop = stop;
    this.#deps = deps;
    this.#settings = source.readMailboxSettings && new ReadMailboxSettings(gateway, source, deps);
  }

  /** Lets it work, until it is stopped. */
  start(): void {
    this.refresh.start(this.stop.signal);
    this.watch.start(this.stop.signal);
    this.#settings?.start(this.stop.signal);
  }

  /** The presentity's mailbox is read from now on. */
  attach(mailbox: Mailbox, presentity: Presentity): void {
    this.refresh.add(mailbox, presentity.calendar?.heardAt);
    this.watch.add(mailbox);
    if (this.#settings) this.#settings.add(mailbox, presentity.automaticReplies?.heardAt);
    else recordAutomaticReplies(this.#deps, presentity, undefined);
  }

  /** The mailbox is read no more. */
  detach(mailbox: Mailbox): void {
    this.refresh.delete(mailbox);
    this.watch.delete(mailbox);
    this.#settings?.delete(mailbox);
  }

  /** Reads the mailbox's calendar and settings now. */
  readNow(mailbox: Mailbox): void {
    this.refresh.markChanged(mailbox);
    this.#settings?.readSoon(mailbox);
  }

  /** The clock was set back. */
  clockSetBack(): void {
    this.refresh.clockSetBack();
    this.#settings?.clockSetBack();
  }

  /** Its condition; that settings cannot be read is only said. */
  get health(): Health {
    const health = this.#calendarHealth();
    const problem = this.#settings?.lastError;
    if (health.state !== "ok" || !problem) return health;
    const before = health.detail === undefined ? "" : `${health.detail}, `;
    return { ...health, detail: `${before}no mailbox settings (${problem.code})` };
  }

  #calendarHealth(): Health {
    if (this.refresh.lastError) return { state: "down", error: this.refresh.lastError };
    if (this.watch.lastError) return { state: "degraded", error: this.watch.lastError };
    const health = this.source.health();
    if (health.state !== "ok" || !this.source.watchChanges || health.detail !== undefined) return health;
    const { live, all } = this.watch.coverage;
    return { ...health, detail: `notifications for ${live} of ${all} mailboxes` };
  }
}

/** A configured server that is enabled. */
export interface Member {
  server: CalendarServer;
  running: RunningServer | undefined;
  /** Why it could not be started. */
  failure: GatewayError | undefined;
  /** Out of service: as long as others of the pool are not, it has no mailboxes. */
  isFailing: boolean;
  /** Code of what administrators were last told that is wrong; "" of an earlier configuration; undefined when it works. */
  told: string | undefined;
  /** Administrators know that it serves some mailboxes no more. */
  hasToldWithdrawal: boolean;
}

/** One that has not been started, in the place of what it was before. */
export const newMember = (server: CalendarServer, before: Member | undefined): Member => ({
  server,
  running: undefined,
  failure: undefined,
  isFailing: false,
  told: before?.told === undefined ? undefined : "",
  hasToldWithdrawal: false,
});

/** What placing mailboxes has to know of it. */
export const placeOf = ({ server, isFailing }: Member): PlacementServer => ({
  name: server.name,
  pool: poolOf(server),
  weight: server.weight ?? 1,
  isInService: !isFailing,
  successor: server.successor,
  isRetired: server.retired !== undefined,
});

/** Why what ran at a server that was stopped ends. */
export const stopped = (): GatewayError =>
  new GatewayError("the calendar server was stopped", { type: "cancel", code: "calendar-stopped" });
