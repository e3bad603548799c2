import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { Channel } from "../../src/lib/channel.ts";
import { plus } from "../../src/lib/time.ts";
import type { ClientChange } from "../../src/ports/client-presence-source.ts";
import { followClock } from "../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { MemoryJournal, MemoryRegistry } from "../doubles/memory-store.ts";
import { createTestRuntime, MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { ACCOUNT, createContext, createEwsSource } from "../plugins/calendar-ews/scenario.ts";
import { watchRequests } from "../scenarios/quiet.ts";
import { CountingSource } from "./counting-source.ts";
import { EdgeRecorder, edgesOf, type PlannedMeeting } from "./edge-recorder.ts";
import type { Figure } from "./figures.ts";
import { jidOf } from "./population.ts";
import { SimulatedClock } from "./simulated-clock.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const SERVERS = ["cas1", "cas2", "cas3"] as const;
const POOL = "cas";
/** In minutes from the start: everybody is subscribed by the first; then one server is down, then all work again. */
const [DOWN_AT, BACK_AT, OVER_AT] = [15, 25, 45];
/** Meetings entered each second between the first minutes and the last, some minutes before they begin. */
const NEW_MEETINGS = { perSecond: 5, from: 10, to: 38, lead: 3 };
/** An edge counts as lost when it is not shown by then. */
const LATEST = 59 * SECOND;
/** Turns of the event loop without a sign of work until everything counts as at rest. */
const QUIET_TURNS = 8;
/** Real time after which rest does not come any more. */
const PATIENCE = 60 * SECOND;

/** What an outage of one server of three costs: no edge of a meeting, and how long until the spread is even again. */
export async function* measurePool(users: number): AsyncGenerator<Figure> {
  const site = await PoolSite.start(users);
  try {
    await site.passUntil(DOWN_AT * MINUTE);
    site.expectEveryoneWatched("before the outage");
    const recovery = await site.outage();
    await site.passUntil(OVER_AT * MINUTE);
    site.expectEveryoneWatched("after the outage");
    const { edges, lost } = site.countEdges();
    const spread = site.spread;
    const during = `${users} mailboxes, ${SERVERS.length} servers, one down from minute ${DOWN_AT} to ${BACK_AT} of simulated time`;
    yield {
      name: "pool.edges_lost",
      value: lost,
      unit: "",
      bound: { atMost: 0 },
      note: `of ${edges} starts and ends of meetings in ${OVER_AT} minutes, ${site.entered} of the meetings entered meanwhile; ${during}`,
    };
    yield {
      name: "pool.recovery_seconds",
      value: recovery,
      unit: "s",
      bound: { atMost: 60 },
      note: `until all ${Math.round(users / SERVERS.length)} mailboxes of the server were read and watched on the others (simulated; a real server adds its own time to answer)`,
    };
    yield {
      name: "pool.spread_max_to_min",
      value: Math.max(...spread) / Math.max(1, Math.min(...spread)),
      unit: "",
      bound: { atMost: 1.2 },
      note: `${spread.join(", ")} mailboxes ${OVER_AT - BACK_AT} minutes after the server was back`,
    };
  } finally {
    await site.stop();
  }
}

/** A gateway, three servers of one organisation and everybody online, in one simulated time, over real connections. */
class PoolSite {
  readonly #users: number;
  readonly #clock: SimulatedClock;
  readonly #exchanges: readonly SimulatedExchange[];
  readonly #sources = new Map<string, CountingSource>();
  readonly #recorder: EdgeRecorder;
  readonly #gateway: Gateway;
  readonly #clients = new Channel<ClientChange>();
  readonly #meetings: PlannedMeeting[][] = [];
  readonly #http = watchRequests();
  #random = 42;
  /** Meetings that were entered while the clock ran. */
  entered = 0;

  private constructor(users: number, clock: SimulatedClock, exchanges: readonly SimulatedExchange[]) {
    this.#users = users;
    this.#clock = clock;
    this.#exchanges = exchanges;
    this.#recorder = new EdgeRecorder(clock);
    const runtime = { ...createTestRuntime(), clock };
    const registry = new MemoryRegistry();
    for (const name of SERVERS)
      registry.servers.set(name, { name, type: "ews", options: {}, isEnabled: true, pool: POOL });
    for (let user = 0; user < users; user++) {
      const presentity = parsePresentityId(jidOf(user));
      const mailbox = parseMailbox(jidOf(user));
      registry.users.set(presentity, { presentity, mailbox, gateway: POOL, locale: "en", isEnabled: true });
      const presence: ClientPresence = {
        resource: "pc",
        show: "available",
        priority: 0,
        status: {},
        since: clock.now(),
      };
      this.#clients.push({ kind: "present", presentity, presence });
      this.#meetings.push([]);
      this.#enter(user, 12 + (user % 30), 10 + (user % 11));
    }
    this.#gateway = new Gateway({
      runtime,
      registry,
      journal: new MemoryJournal(),
      parameters: new LiveParameters(registry),
      reservedTexts: new Set(),
      publishers: [this.#recorder],
      clientSources: [createClients(this.#clients)],
      createCalendarSource: ({ name }) => this.#createSource(name, runtime),
      alert: () => undefined,
      isConnected: () => true,
    });
  }

  static async start(users: number): Promise<PoolSite> {
    const clock = new SimulatedClock(MONDAY_MORNING);
    const options = { accounts: [ACCOUNT], clock: followClock(clock) };
    const exchanges = await Promise.all(SERVERS.map(() => startExchange(options)));
    for (const exchange of exchanges) for (let user = 0; user < users; user++) exchange.addMailbox(jidOf(user));
    const site = new PoolSite(users, clock, exchanges);
    await site.#gateway.start();
    return site;
  }

  /** Mailboxes on each server. */
  get spread(): readonly number[] {
    return SERVERS.map((name) => this.#gateway.presentities.countOn(name));
  }

  /** The first server goes away and comes back; returns how many seconds its mailboxes were without another. */
  async outage(): Promise<number> {
    const failed = this.#exchanges[0];
    const orphans = [...this.#gateway.presentities].filter(({ server }) => server === SERVERS[0]);
    const failedAt = this.#clock.now();
    await failed?.stop();
    const isAdopted = (): boolean =>
      orphans.every(({ server, calendar }) => server !== SERVERS[0] && (calendar?.heardAt ?? 0) > failedAt) &&
      this.#watched === this.#users;
    while (!isAdopted() && this.#minute < BACK_AT) await this.passUntil(this.#elapsed + SECOND);
    const seconds = (this.#clock.now() - failedAt) / SECOND;
    await this.passUntil(BACK_AT * MINUTE);
    await failed?.restart();
    return seconds;
  }

  expectEveryoneWatched(when: string): void {
    if (this.#watched !== this.#users) throw new Error(`${when} ${this.#watched} of ${this.#users} are watched`);
  }

  /** Compares what was shown with what was entered. */
  countEdges(): { readonly edges: number; readonly lost: number } {
    let [edges, lost] = [0, 0];
    const [from, to] = [plus(MONDAY_MORNING, 10 * MINUTE), plus(this.#clock.now(), -LATEST)];
    for (const [user, meetings] of this.#meetings.entries()) {
      for (const { at, isInMeeting } of edgesOf(meetings, from, to)) {
        edges++;
        if (this.#recorder.wasInMeeting(jidOf(user), at + LATEST) !== isInMeeting) lost++;
      }
    }
    return { edges, lost };
  }

  /** Lets time pass a second at a time until so long after the start. */
  async passUntil(end: number): Promise<void> {
    while (this.#elapsed < end) {
      const { perSecond, from, to, lead } = NEW_MEETINGS;
      if (this.#minute >= from && this.#minute < to) {
        for (let meeting = 0; meeting < perSecond; meeting++) {
          this.#enter(this.#below(this.#users), Math.ceil(this.#minute) + lead + this.#below(5), 10);
          this.entered++;
        }
      }
      await this.#clock.advance(SECOND, () => this.#rest());
    }
  }

  async stop(): Promise<void> {
    const stopped = this.#gateway.stop();
    await this.#clock.advance(10 * SECOND, turn);
    await stopped;
    await Promise.all(this.#exchanges.map((exchange) => exchange.stop()));
    this.#http.end();
  }

  get #elapsed(): number {
    return this.#clock.now() - MONDAY_MORNING;
  }

  get #minute(): number {
    return this.#elapsed / MINUTE;
  }

  /** Mailboxes that notifications flow for. */
  get #watched(): number {
    return this.#exchanges.reduce((sum, { stats }) => sum + stats.subscriptions, 0);
  }

  #createSource(name: string, runtime: Parameters<typeof createContext>[0]): CountingSource {
    const url = this.#exchanges[(SERVERS as readonly string[]).indexOf(name)]?.url ?? "";
    const login = { url, account: ACCOUNT.user, password: ACCOUNT.password };
    const source = new CountingSource(createEwsSource(login, createContext(runtime)));
    this.#sources.set(name, source);
    return source;
  }

  /** A meeting in the user's calendar, which every server shows. */
  #enter(user: number, minute: number, length: number): void {
    const start = MONDAY_MORNING + minute * MINUTE;
    const meeting = { start, end: start + length * MINUTE };
    this.#meetings[user]?.push(meeting);
    for (const exchange of this.#exchanges)
      exchange.findMailbox(jidOf(user))?.addMeeting({ ...meeting, status: "busy" });
  }

  async #rest(): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = this.#isAtRest ? quiet + 1 : 0) {
      await turn();
      if (performance.now() > deadline) throw new Error("the simulation does not come to rest");
    }
  }

  get #isAtRest(): boolean {
    // What a server has not seen yet may not grow old by simulated time.
    if (this.#http.waiting > 0) return false;
    const isServed = this.#exchanges.every(({ stats }) => stats.inFlight === stats.streamingConnections);
    return isServed && [...this.#sources.values()].every(({ fetching, subscribing }) => fetching + subscribing === 0);
  }

  /** A whole number below the limit, the same sequence in each run. */
  #below(limit: number): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#random / 2_147_483_648) * limit);
  }
}

const createClients = (changes: Channel<ClientChange>) => ({
  start: async () => undefined,
  stop: async () => undefined,
  health: () => ({ state: "ok" }) as const,
  watchClients: (signal: AbortSignal) => changes.read(signal),
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
