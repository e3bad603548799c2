import { poolOf } from "../core/server-pool.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import { GatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { CalendarServer } from "../ports/registry.ts";
import type { PlacementServer } from "./mailbox-placement.ts";
import type { RefreshBusyTime } from "./refresh-busy-time.ts";
import type { WatchCalendar } from "./watch-calendar.ts";

/** A calendar server at work. */
export interface RunningServer {
  readonly source: CalendarSource;
  readonly refresh: RefreshBusyTime;
  readonly watch: WatchCalendar;
  readonly stop: AbortController;
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

/** The condition of a server at work. */
export function healthOf({ source, refresh, watch }: RunningServer): Health {
  if (refresh.lastError) return { state: "down", error: refresh.lastError };
  if (watch.lastError) return { state: "degraded", error: watch.lastError };
  const health = source.health();
  if (health.state !== "ok" || !source.watchChanges || health.detail !== undefined) return health;
  const { live, all } = watch.coverage;
  return { ...health, detail: `notifications for ${live} of ${all} mailboxes` };
}
