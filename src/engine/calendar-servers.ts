import type { Mailbox } from "../core/addresses.ts";
import { poolOf } from "../core/server-pool.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { Health } from "../ports/plugin.ts";
import type { CalendarServer, Registry } from "../ports/registry.ts";
import type { Runtime } from "../ports/runtime.ts";
import { enoughFailures } from "./enough-failures.ts";
import { MailboxPlacement, type PlacementServer } from "./mailbox-placement.ts";
import { type Member, newMember, placeOf, RunningServer, stopped } from "./pool-server.ts";
import type { Presentities, Presentity } from "./presentity.ts";
import { probeServer } from "./probe-server.ts";
import { RefreshBusyTime, type RefreshDeps } from "./refresh-busy-time.ts";
import { type FindSuccessor, Successions } from "./successions.ts";
import { WatchCalendar } from "./watch-calendar.ts";

/** Makes a calendar source of a configured server; throws GatewayError for options that the plugin refuses. */
export type CreateCalendarSource = (
  server: CalendarServer,
  secrets: Readonly<Record<string, string>>,
) => CalendarSource;

/** What calendar servers work with. */
export interface CalendarServersDeps extends Omit<RefreshDeps, "serverAnswered" | "serverFailed" | "mailboxWithdrawn"> {
  readonly runtime: Runtime;
  readonly registry: Registry;
  readonly presentities: Presentities;
  readonly create: CreateCalendarSource;
  readonly findSuccessor: FindSuccessor;
}

/** The calendar servers at work; each follows its configuration while the gateway runs. */
export class CalendarServers {
  readonly #deps: CalendarServersDeps;
  readonly #members = new Map<string, Member>();
  readonly #placement: MailboxPlacement;
  readonly #successions: Successions;

  constructor(deps: CalendarServersDeps) {
    this.#deps = deps;
    this.#placement = new MailboxPlacement({
      ...deps,
      servers: () => this.#places(),
      find: (name) => this.#placeOf(name),
      mailboxesOf: (server) => this.#running(server)?.watch.mailboxes ?? [],
      moved: (presentity, from) => {
        if (presentity.user) this.release(from, presentity.user.mailbox);
        this.#attach(presentity);
        if (from !== undefined && this.#placeOf(from)?.pool !== this.#placeOf(presentity.server)?.pool)
          this.refresh(presentity);
      },
    });
    this.#successions = new Successions({ ...deps, members: this.#members, placement: this.#placement });
  }

  /** Puts the configuration of all to work: before the first is given users, all are known. */
  async syncAll(servers: readonly CalendarServer[], signal: AbortSignal): Promise<void> {
    for (const server of servers) if (server.isEnabled && !this.#members.has(server.name)) this.#enter(server);
    for (const presentity of this.#deps.presentities) this.#placement.place(presentity);
    await Promise.all(servers.map(({ name }) => this.sync(name, signal)));
  }

  /** Puts the server's present configuration to work: starts it, starts it anew, or stops it. */
  async sync(name: string, signal: AbortSignal): Promise<void> {
    const before = this.#members.get(name)?.server;
    const server = await this.#deps.registry.findCalendarServer(name);
    // A gateway that stops leaves everybody where they are: the next run finds them there.
    if (signal.aborted) return this.#stopOne(name);
    if (!server?.isEnabled) {
      const stopping = this.#stopOne(name);
      this.#members.delete(name);
      this.#placement.evacuate(name);
      await stopping;
      return;
    }
    await this.#stopOne(name);
    const member = this.#enter(server);
    await this.#startOne(member, signal);
    const isElsewhere = before !== undefined && poolOf(before) !== poolOf(server);
    for (const presentity of this.#deps.presentities)
      if (isElsewhere || presentity.server === name || !this.#members.has(presentity.server ?? ""))
        this.#placement.place(presentity);
    if (before?.retired && !server.retired) this.#placement.recall(name);
    this.#placement.balance();
  }

  /** Stops all; safe to call twice. */
  async stop(): Promise<void> {
    this.#placement.stop();
    await Promise.all([...this.#members.keys()].map((name) => this.#stopOne(name)));
  }

  /** The mailbox's calendar is wanted. */
  add(presentity: Presentity): void {
    if (!presentity.user?.isEnabled) return;
    if (!this.#placement.place(presentity)) this.#attach(presentity);
  }

  /** The mailbox is no longer wanted of this server, unless another presentity shares it. */
  release(server: string | undefined, mailbox: Mailbox): void {
    if (server === undefined) return;
    for (const _sharer of this.#deps.presentities.ofMailbox(server, mailbox)) return;
    this.#running(server)?.detach(mailbox);
  }

  /** The presentity was given another gateway: it goes to that one's own servers, and is read now. */
  rehome(presentity: Presentity): void {
    this.#placement.bringHome(presentity);
    this.refresh(presentity);
  }

  /** Reads the presentity's calendar, and its mailbox's settings, now. */
  refresh({ user, server }: Presentity): void {
    if (user) this.#running(server)?.readNow(user.mailbox);
  }

  /** Parameters changed. */
  reschedule(): void {
    for (const { running } of this.#members.values()) running?.refresh.reschedule();
  }

  /** The clock was set back. */
  clockSetBack(): void {
    for (const { running } of this.#members.values()) running?.clockSetBack();
  }

  /** The running source of a server. */
  source(name: string): CalendarSource | undefined {
    return this.#running(name)?.source;
  }

  /** Mailboxes known to have changed and not read yet, over all servers. */
  get depth(): number {
    return [...this.#members.values()].reduce((sum, { running }) => sum + (running?.refresh.depth ?? 0), 0);
  }

  /** True once every server has answered. */
  get isProven(): boolean {
    return [...this.#members.values()].every(({ running }) => running?.refresh.isProven);
  }

  /** Each server's condition. */
  *health(): Generator<readonly [string, Health]> {
    for (const [name, { running, failure }] of this.#members) {
      if (running) yield [name, running.health];
      else if (failure) yield [name, { state: "down", error: failure }];
    }
  }

  #places(): readonly PlacementServer[] {
    const members = [...this.#members.values()];
    return members.map((member) => ({ ...placeOf(member), successor: this.#successions.successorOf(member) }));
  }

  #placeOf(name: string | undefined): PlacementServer | undefined {
    const member = this.#members.get(name ?? "");
    return member && placeOf(member);
  }

  #running(name: string | undefined): RunningServer | undefined {
    return name === undefined ? undefined : this.#members.get(name)?.running;
  }

  #attach(presentity: Presentity): void {
    if (presentity.user?.isEnabled) this.#running(presentity.server)?.attach(presentity.user.mailbox, presentity);
  }

  #enter(server: CalendarServer): Member {
    const member = newMember(server, this.#members.get(server.name));
    this.#members.set(server.name, member);
    return member;
  }

  async #startOne(member: Member, signal: AbortSignal): Promise<void> {
    const { name, type } = member.server;
    const { log } = this.#deps.runtime;
    try {
      const running = await this.#run(member, signal);
      member.running = running;
      for (const presentity of this.#deps.presentities) if (presentity.server === name) this.#attach(presentity);
      running.start();
      log.info("calendar.started", { gateway: name, type });
    } catch (error) {
      member.failure = toGatewayError(error);
      const { code, message } = member.failure;
      log.error("calendar.not-started", { gateway: name, code, message });
      if (member.told !== code) this.#deps.alert(`Calendar server ${name} could not be started: ${message}`);
      member.told = code;
      member.isFailing = true;
      this.#placement.evacuate(name);
    }
  }

  async #run(member: Member, signal: AbortSignal): Promise<RunningServer> {
    const { name } = member.server;
    const source = this.#deps.create(member.server, await this.#deps.registry.openSecrets(name));
    const stop = new AbortController();
    await source.start(AbortSignal.any([signal, stop.signal]));
    const serverAnswered = (): void => this.#answered(member);
    const mailboxWithdrawn = (mailbox: Mailbox, error: GatewayError): void =>
      this.#successions.succeed(member, mailbox, error);
    const watch: WatchCalendar = new WatchCalendar(name, source, {
      runtime: this.#deps.runtime,
      markChanged: (mailbox) => refresh.markChanged(mailbox),
      serverAnswered,
      mailboxFailed: (mailbox) => this.#placement.moveOnce(name, mailbox),
      mailboxWithdrawn,
      groupFailed: (mailboxes, failures, error) => {
        if (failures < enoughFailures({ isSilent: true })) return;
        if (watch.coverage.live === 0 || error.isWithdrawn) this.#failing(member, error);
        else this.#placement.evacuate(name, mailboxes);
      },
    });
    const refresh: RefreshBusyTime = new RefreshBusyTime(name, source, {
      ...this.#deps,
      serverAnswered,
      mailboxWithdrawn,
      serverFailed: (failures, error) => {
        const isSilent = source.watchChanges !== undefined && watch.coverage.live === 0;
        if (failures >= enoughFailures({ isSilent, error })) this.#failing(member, error);
      },
    });
    return new RunningServer(name, { source, refresh, watch, stop }, this.#deps);
  }

  /** Takes the server out of service: others of the pool get its mailboxes, and it is tried until it answers. */
  #failing(member: Member, error: GatewayError): void {
    if (error.isWithdrawn && this.#successions.retire(member, error.message)) return;
    const { code, message } = error;
    const { name } = member.server;
    const wasFailing = member.isFailing;
    member.isFailing = true;
    const mailboxes = this.#placement.evacuate(name);
    const { runtime, presentities, alert } = this.#deps;
    // Told again is only what another person may have to mend: services that are away have many codes.
    if (!wasFailing || (error.type === "auth" && member.told !== code)) {
      member.told = code;
      runtime.log.warn("calendar.server-failing", { gateway: name, code, message, mailboxes });
      const moved = mailboxes > 0 ? ` Other servers of its pool have its ${mailboxes} mailboxes now.` : "";
      alert(`Calendar server ${name} does not work: ${message}${moved}`);
    }
    if (wasFailing) return;
    const { running } = member;
    if (!running) return;
    const pool = this.#places().filter((place) => place.pool === poolOf(member.server));
    const anyMailbox = (): Mailbox | undefined => {
      for (const place of pool) for (const mailbox of presentities.mailboxesOn(place.name)) return mailbox;
      return undefined;
    };
    const probe = {
      source: running.source,
      // With mailboxes of its own (there is no other server) its own reads and watches are the attempts.
      mailbox: () => (presentities.countOn(name) > 0 ? undefined : anyMailbox()),
      isOver: () => !member.isFailing,
    };
    // Never rejects: it ends with the server's stop, every failure is retried.
    void probeServer(probe, runtime, running.stop.signal).then((isBack) => {
      if (isBack) this.#answered(member);
    });
  }

  #answered(member: Member): void {
    if (!(member.isFailing || member.told !== undefined) || !member.running) return;
    member.isFailing = false;
    member.told = undefined;
    this.#deps.runtime.log.info("calendar.server-back", { gateway: member.server.name });
    this.#deps.alert(`Calendar server ${member.server.name} works again.`);
    for (const { server, isFailing } of this.#members.values()) if (isFailing) this.#placement.evacuate(server.name);
    this.#placement.balance();
  }

  async #stopOne(name: string): Promise<void> {
    const member = this.#members.get(name);
    const running = member?.running;
    if (!member || !running) return;
    member.running = undefined;
    running.stop.abort(stopped());
    await running.source.stop();
  }
}
