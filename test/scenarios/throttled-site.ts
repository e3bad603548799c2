import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { instant, minutes, plus, seconds } from "../../src/lib/time.ts";
import type { ParameterName } from "../../src/ports/parameters.ts";
import { jidOf } from "../bench/population.ts";
import { SimulatedClock } from "../bench/simulated-clock.ts";
import { type ExchangeClock, followClock } from "../doubles/exchange/clock.ts";
import { type ExchangeOptions, type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import type { Account } from "../doubles/exchange/site.ts";
import { MemoryJournal, MemoryRegistry } from "../doubles/memory-store.ts";
import { createTestRuntime, MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { TableClients } from "../engine/engine-lab.ts";
import { ACCOUNT, createContext, createEwsSource } from "../plugins/calendar-ews/scenario.ts";
import { type EdgeReport, MeetingEdges, onlineAt } from "./meeting-edges.ts";
import { type RequestWatch, watchRequests } from "./quiet.ts";

/** How long each answer of the server takes, in simulated milliseconds. */
const LATENCY = 50;
const SECOND = seconds(1);
const QUIET_TURNS = 5;
/** Real milliseconds after which rest does not come any more. */
const PATIENCE = 30_000;
/** Nothing changes later than this before a meeting begins, so that a storm of subscriptions may pass. */
const NOTICE = minutes(8);

/** Who is there, and with which Exchange. */
export interface SiteOptions {
  readonly users: number;
  readonly version: NonNullable<ExchangeOptions["version"]>;
  readonly budgets?: ExchangeOptions["budgets"];
  readonly parameters?: Partial<Record<ParameterName, string>>;
  readonly account?: Account;
}

/** A gateway with thousands of mailboxes on an Exchange that enforces its throttling policy, in one simulated time. */
export class ThrottledSite {
  readonly exchange: SimulatedExchange;
  readonly runtime: ReturnType<typeof runtimeOf>;
  readonly #users: number;
  readonly #clock: SimulatedClock;
  readonly #gateway: Gateway;
  readonly #edges: MeetingEdges;
  readonly #latency: LatencyCount;
  readonly #http: RequestWatch;
  #random = 42;
  #changesDue = 0;

  private constructor({ users, parameters = {} }: SiteOptions, parts: Parts) {
    this.#users = users;
    this.exchange = parts.exchange;
    this.#clock = parts.clock;
    this.#latency = parts.latency;
    this.runtime = runtimeOf(parts.clock);
    this.#edges = new MeetingEdges(parts.clock);
    this.#http = watchRequests();
    const registry = new MemoryRegistry();
    const clients = new TableClients();
    for (const [name, value] of Object.entries(parameters)) registry.parameters.set(name, value);
    registry.servers.set("exchange", { name: "exchange", type: "ews", options: {}, isEnabled: true });
    for (let user = 0; user < users; user++) {
      const presentity = parsePresentityId(jidOf(user));
      const mailbox = parseMailbox(jidOf(user));
      registry.users.set(presentity, { presentity, mailbox, gateway: "exchange", locale: "en", isEnabled: true });
      clients.channel.push(onlineAt(presentity, MONDAY_MORNING));
    }
    const login = { url: this.exchange.url, account: ACCOUNT.user, password: ACCOUNT.password };
    const deps = {
      runtime: this.runtime,
      registry,
      journal: new MemoryJournal(),
      parameters: new LiveParameters(registry),
      reservedTexts: new Set<string>(),
      publishers: [this.#edges.publisher],
      clientSources: [clients],
      createCalendarSource: () => createEwsSource(login, createContext(this.runtime, parameters)),
      alert: () => undefined,
      isConnected: () => true,
    };
    this.#gateway = new Gateway(deps);
  }

  /** Starts the Exchange and the gateway; each user has a meeting in each of the next hours. */
  static async start(options: SiteOptions): Promise<ThrottledSite> {
    const { users, version, budgets = {}, account = ACCOUNT } = options;
    const clock = new SimulatedClock(MONDAY_MORNING);
    const latency = new LatencyCount(followClock(clock));
    const exchange = await startExchange({ accounts: [account], version, budgets, clock: latency });
    exchange.faults.slow(LATENCY);
    const site = new ThrottledSite(options, { clock, latency, exchange });
    for (let user = 0; user < users; user++) {
      const mailbox = exchange.addMailbox(jidOf(user));
      for (let hour = 0; hour < 3; hour++)
        site.#edges.add(mailbox, plus(clock.now(), minutes(60 * hour + 9)), site.#offset());
    }
    await site.#gateway.start();
    return site;
  }

  get now() {
    return this.#clock.now();
  }

  /** Whether notifications flow for every mailbox; subscriptions that were given up may still stand. */
  get isWatched(): boolean {
    const { subscriptions, streamingConnections } = this.exchange.stats;
    return subscriptions >= this.#users && streamingConnections === Math.ceil(this.#users / 200);
  }

  /** Whether the gateway has read every calendar as it is now. */
  get isRead(): boolean {
    return (
      this.#gateway.calendarServers.depth === 0 && [...this.#gateway.presentities].every(({ calendar }) => calendar)
    );
  }

  /** Requests that the server has got. */
  get requests(): number {
    return Object.values(this.exchange.stats.requests).reduce((sum, count) => sum + count, 0);
  }

  /** The part of the time since then that the server worked for the gateway. */
  shareOfTime(since: number): number {
    return (this.#latency.answers.filter((at) => at >= since).length * LATENCY) / (this.now - since);
  }

  /** The most answers that the server gave within one second. */
  get busiestSecond(): number {
    const counts = new Map<number, number>();
    for (const at of this.#latency.answers) {
      const second = Math.floor(at / SECOND);
      counts.set(second, (counts.get(second) ?? 0) + 1);
    }
    return Math.max(...counts.values());
  }

  /** How often an event was logged. */
  logged(event: string): number {
    return this.runtime.events.filter((each) => each.event === event).length;
  }

  /** Lets time pass, with so many changes of calendars in an hour for each user. */
  async pass(length: number, { changesAnHour }: { readonly changesAnHour: number }): Promise<void> {
    for (const end = plus(this.now, length); this.now < end; ) {
      this.#changesDue += (this.#users * changesAnHour * 5 * SECOND) / minutes(60);
      for (; this.#changesDue >= 1; this.#changesDue--) this.#change();
      await this.#clock.advance(Math.min(5 * SECOND, end - this.now), () => this.#rest());
    }
  }

  /** Lets time pass until the condition holds; the simulated seconds that took. */
  async passUntil(condition: () => boolean, longest: number): Promise<number> {
    const start = this.now;
    while (!condition()) {
      if (this.now - start > longest)
        throw new Error(`not within ${longest} ms: ${JSON.stringify(this.exchange.stats)}`);
      await this.pass(SECOND, { changesAnHour: 1 });
    }
    return (this.now - start) / SECOND;
  }

  /** Takes back what was ordered of faults. */
  endFaults(): void {
    this.exchange.faults.clear();
    this.exchange.faults.slow(LATENCY);
  }

  /** The server is away for so long, and has forgotten all subscriptions then. */
  async restartExchange(length: number): Promise<void> {
    await this.exchange.stop();
    await this.pass(length, { changesAnHour: 1 });
    await this.exchange.restart();
  }

  /** What was shown of all meetings since then. */
  edges(since: number): EdgeReport {
    return this.#edges.report(instant(since), this.now);
  }

  async stop(): Promise<void> {
    const stopped = this.#gateway.stop();
    await this.#clock.advance(10 * SECOND, () => this.#rest());
    await stopped;
    await this.exchange.stop();
    this.#http.end();
  }

  /** Somebody gets a meeting, or loses one. */
  #change(): void {
    const mailbox = this.exchange.findMailbox(jidOf(this.#below(this.#users)));
    if (!mailbox) return;
    const from = plus(this.now, NOTICE);
    if (this.#below(3) === 0 && this.#edges.cancel(mailbox, from)) return;
    this.#edges.add(mailbox, plus(from, this.#below(120) * minutes(1)), this.#offset());
  }

  #offset(): number {
    return this.#below(600) * SECOND;
  }

  /** Everything is at rest when all that wait for an answer wait because the server takes its time. */
  async #rest(): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await new Promise((resolve) => setImmediate(resolve));
      quiet = this.#http.waiting <= this.#latency.waiting ? quiet + 1 : 0;
      if (performance.now() > deadline)
        throw new Error(`no rest: ${this.#http.waiting} wait, ${this.#latency.waiting} are answered slowly`);
    }
  }

  /** A whole number below the limit, the same sequence in each run. */
  #below(limit: number): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#random / 2_147_483_648) * limit);
  }
}

interface Parts {
  readonly clock: SimulatedClock;
  readonly latency: LatencyCount;
  readonly exchange: SimulatedExchange;
}

const runtimeOf = (clock: SimulatedClock) => ({ ...createTestRuntime(), clock });

/** The server's clock; knows which answers wait for their latency. */
class LatencyCount implements ExchangeClock {
  readonly #clock: ExchangeClock;
  /** When each was asked for. */
  readonly answers: number[] = [];
  waiting = 0;

  constructor(clock: ExchangeClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  setTimeout(action: () => void, milliseconds: number): () => void {
    if (milliseconds !== LATENCY) return this.#clock.setTimeout(action, milliseconds);
    this.waiting += 1;
    this.answers.push(this.now());
    return this.#clock.setTimeout(() => {
      this.waiting -= 1;
      action();
    }, milliseconds);
  }
}
