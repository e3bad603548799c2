import type { Mailbox } from "../core/addresses.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import { GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { CalendarServer, Registry } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { Presentities, Presentity } from "./presentity.ts";
import { RefreshBusyTime, type RefreshDeps } from "./refresh-busy-time.ts";
import { WatchCalendar } from "./watch-calendar.ts";

/** Makes a calendar source of a configured server; throws GatewayError for options that the plugin refuses. */
export type CreateCalendarSource = (
  server: CalendarServer,
  secrets: Readonly<Record<string, string>>,
) => CalendarSource;

/** What calendar servers work with. */
export interface CalendarServersDeps extends RefreshDeps {
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly presentities: Presentities;
  readonly create: CreateCalendarSource;
}

interface RunningServer {
  readonly source: CalendarSource;
  readonly refresh: RefreshBusyTime;
  readonly watch: WatchCalendar;
  readonly stop: AbortController;
}

/** The calendar servers at work; each follows its configuration while the gateway runs. */
export class CalendarServers {
  readonly #deps: CalendarServersDeps;
  readonly #running = new Map<string, RunningServer>();
  readonly #failed = new Map<string, GatewayError>();

  constructor(deps: CalendarServersDeps) {
    this.#deps = deps;
  }

  /** Puts the server's present configuration to work: starts it, starts it anew, or stops it. */
  async sync(name: string, signal: AbortSignal): Promise<void> {
    await this.#stopOne(name);
    this.#failed.delete(name);
    const server = await this.#deps.registry.findCalendarServer(name);
    if (!server?.isEnabled || signal.aborted) return;
    try {
      await this.#startOne(server, signal);
    } catch (error) {
      const failure = toGatewayError(error);
      this.#failed.set(name, failure);
      this.#deps.runtime.log.error("calendar.not-started", {
        gateway: name,
        code: failure.code,
        message: failure.message,
      });
    }
  }

  /** Stops all; safe to call twice. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.#stopOne(name)));
  }

  /** The mailbox's calendar is wanted from this server. */
  add(presentity: Presentity): void {
    const { user } = presentity;
    if (!user?.isEnabled) return;
    const running = this.#running.get(user.gateway);
    running?.refresh.add(user.mailbox, presentity.calendar?.heardAt);
    running?.watch.add(user.mailbox);
  }

  /** The mailbox is no longer wanted, unless another presentity shares it. */
  release(gateway: string, mailbox: Mailbox): void {
    for (const _sharer of this.#deps.presentities.ofMailbox(gateway, mailbox)) return;
    const running = this.#running.get(gateway);
    running?.refresh.delete(mailbox);
    running?.watch.delete(mailbox);
  }

  /** Reads the presentity's calendar now. */
  refresh({ user }: Presentity): void {
    if (user) this.#running.get(user.gateway)?.refresh.markChanged(user.mailbox);
  }

  /** Parameters changed. */
  reschedule(): void {
    for (const { refresh } of this.#running.values()) refresh.reschedule();
  }

  /** The clock was set back. */
  clockSetBack(): void {
    for (const { refresh } of this.#running.values()) refresh.clockSetBack();
  }

  /** The running source of a server. */
  source(name: string): CalendarSource | undefined {
    return this.#running.get(name)?.source;
  }

  /** Mailboxes known to have changed and not read yet, over all servers. */
  get depth(): number {
    return [...this.#running.values()].reduce((sum, { refresh }) => sum + refresh.depth, 0);
  }

  /** True once every server has answered. */
  get isProven(): boolean {
    return this.#failed.size === 0 && [...this.#running.values()].every(({ refresh }) => refresh.isProven);
  }

  /** Each server's condition. */
  *health(): Generator<readonly [string, Health]> {
    for (const [name, error] of this.#failed) yield [name, { state: "down", error }];
    for (const [name, { source, refresh, watch }] of this.#running) {
      yield [name, healthOf(source, refresh, watch)];
    }
  }

  async #startOne(server: CalendarServer, signal: AbortSignal): Promise<void> {
    const secrets = await this.#deps.registry.openSecrets(server.name);
    const source = this.#deps.create(server, secrets);
    const stop = new AbortController();
    await source.start(AbortSignal.any([signal, stop.signal]));
    const refresh = new RefreshBusyTime(server.name, source, this.#deps);
    const watch = new WatchCalendar(server.name, source, {
      runtime: this.#deps.runtime,
      markChanged: (mailbox) => refresh.markChanged(mailbox),
    });
    this.#running.set(server.name, { source, refresh, watch, stop });
    for (const presentity of this.#deps.presentities)
      if (presentity.user?.gateway === server.name) this.add(presentity);
    refresh.start(stop.signal);
    watch.start(stop.signal);
    this.#deps.runtime.log.info("calendar.started", { gateway: server.name, type: server.type });
  }

  async #stopOne(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (!running) return;
    this.#running.delete(name);
    running.stop.abort(
      new GatewayError("the calendar server was stopped", { type: "cancel", code: "calendar-stopped" }),
    );
    await running.source.stop();
  }
}

function healthOf(source: CalendarSource, refresh: RefreshBusyTime, watch: WatchCalendar): Health {
  if (refresh.lastError) return { state: "down", error: refresh.lastError };
  if (watch.lastError) return { state: "degraded", error: watch.lastError };
  const health = source.health();
  if (health.state !== "ok" || !source.watchChanges) return health;
  const { live, all } = watch.coverage;
  return { ...health, detail: `notifications for ${live} of ${all} mailboxes` };
}
