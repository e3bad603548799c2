import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { followClock } from "../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { MemoryJournal, MemoryRegistry } from "../doubles/memory-store.ts";
import { createTestRuntime, MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { ACCOUNT, createContext, createEwsSource } from "../plugins/calendar-ews/scenario.ts";
import { watchRequests } from "../scenarios/quiet.ts";
import { CountingSource } from "./counting-source.ts";
import type { Figure } from "./figures.ts";
import { jidOf } from "./population.ts";
import { SimulatedClock } from "./simulated-clock.ts";

/** 8 changes of each user in a working day of 8 hours, of which these hours are simulated. */
const SIMULATED_HOURS = 3;
const CHANGES_AN_HOUR = 1;
const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** Turns of the event loop without a sign of work until everything counts as at rest. */
const QUIET_TURNS = 6;
/** Real time after which rest does not come any more. */
const PATIENCE = 60 * SECOND;

/** How many requests an Exchange server gets in the hours in which calendars change most. */
export async function* measureRequests(users: number): AsyncGenerator<Figure> {
  const site = await RequestsSite.start(users);
  try {
    await site.settleIn();
    const atStart = site.requests;
    await site.workingHours();
    const inHours = site.requests - atStart;
    yield {
      name: "requests.per_user_hour",
      value: inHours / users / SIMULATED_HOURS,
      unit: "",
      bound: { atMost: 0.1 },
      note: `every HTTP request to the simulated Exchange in ${SIMULATED_HOURS} simulated hours of a working day, ${users} users with ${CHANGES_AN_HOUR} change an hour each, real engine and EWS plugin: ${inHours} (${site.breakdown}); before them, once: ${atStart} to read all calendars and subscribe`,
    };
  } finally {
    await site.stop();
  }
}

/** A gateway and an Exchange in one simulated time, over real connections. */
class RequestsSite {
  readonly #users: number;
  readonly #clock: SimulatedClock;
  readonly #exchange: SimulatedExchange;
  readonly #source: CountingSource;
  readonly #gateway: Gateway;
  #changes = 0;
  readonly #http = watchRequests();
  #random = 42;

  private constructor(users: number, clock: SimulatedClock, exchange: SimulatedExchange) {
    this.#users = users;
    this.#clock = clock;
    this.#exchange = exchange;
    const runtime = { ...createTestRuntime(), clock };
    const login = { url: exchange.url, account: ACCOUNT.user, password: ACCOUNT.password };
    this.#source = new CountingSource(createEwsSource(login, createContext(runtime)));
    const registry = new MemoryRegistry();
    registry.servers.set("exchange", { name: "exchange", type: "ews", options: {}, isEnabled: true });
    for (let user = 0; user < users; user++) {
      const presentity = parsePresentityId(jidOf(user));
      const mailbox = parseMailbox(jidOf(user));
      registry.users.set(presentity, { presentity, mailbox, gateway: "exchange", locale: "en", isEnabled: true });
    }
    this.#gateway = new Gateway({
      runtime,
      registry,
      journal: new MemoryJournal(),
      parameters: new LiveParameters(registry),
      reservedTexts: new Set(),
      publishers: [],
      clientSources: [],
      createCalendarSource: () => this.#source,
      alert: () => undefined,
      isConnected: () => true,
    });
  }

  static async start(users: number): Promise<RequestsSite> {
    const clock = new SimulatedClock(MONDAY_MORNING);
    const exchange = await startExchange({ accounts: [ACCOUNT], clock: followClock(clock) });
    for (let user = 0; user < users; user++) exchange.addMailbox(jidOf(user));
    const site = new RequestsSite(users, clock, exchange);
    await site.#gateway.start();
    return site;
  }

  /** Requests so far. */
  get requests(): number {
    return Object.values(this.#exchange.stats.requests).reduce((sum, count) => sum + count, 0);
  }

  /** Requests by operation in the simulated hours. */
  get breakdown(): string {
    return this.#operations;
  }

  #operations = "";

  /** Passes the first minutes, in which everything is read and subscribed. */
  async settleIn(): Promise<void> {
    const { stats } = this.#exchange;
    for (let minute = 0; minute < 10; minute++) await this.#pass(MINUTE);
    const isSubscribed = stats.subscriptions === this.#users && this.#isWatching;
    if (!isSubscribed) throw new Error(`only ${stats.subscriptions} of ${this.#users} mailboxes are watched`);
  }

  async workingHours(): Promise<void> {
    const before = { ...this.#exchange.stats.requests };
    // At the very start the server was asked which login it offers (HTTP 401).
    const refusedBefore = JSON.stringify(this.#exchange.stats.refusals);
    const seconds = SIMULATED_HOURS * 3600;
    const changesBySecond = Array.from({ length: seconds }, (): Set<number> => new Set());
    for (let user = 0; user < this.#users; user++)
      for (let change = 0; change < SIMULATED_HOURS * CHANGES_AN_HOUR; change++)
        changesBySecond[this.#below(seconds)]?.add(user);
    for (const changing of changesBySecond) {
      for (const user of changing) this.#change(user);
      await this.#rest();
      await this.#pass(SECOND);
    }
    const refusals = JSON.stringify(this.#exchange.stats.refusals);
    if (refusals !== refusedBefore) throw new Error(`the Exchange refused requests: ${refusals}`);
    this.#operations = Object.entries(this.#exchange.stats.requests)
      .map(([operation, count]) => `${operation} ${count - (before[operation] ?? 0)}`)
      .join(", ");
  }

  async stop(): Promise<void> {
    const stopped = this.#gateway.stop();
    await this.#clock.advance(10 * SECOND, () => turn());
    await stopped;
    await this.#exchange.stop();
    this.#http.end();
  }

  /** A meeting of half an hour somewhere in the next hours. */
  #change(user: number): void {
    const start = this.#clock.now() + this.#below(180) * MINUTE;
    this.#exchange.findMailbox(jidOf(user))?.addMeeting({ start, end: start + 30 * MINUTE, status: "busy" });
    this.#changes++;
  }

  #pass(length: number): Promise<void> {
    return this.#clock.advance(length, () => this.#rest());
  }

  async #rest(): Promise<void> {
    const deadline = performance.now() + PATIENCE;
    for (let quiet = 0; quiet < QUIET_TURNS; quiet = this.#isAtRest ? quiet + 1 : 0) {
      await turn();
      if (performance.now() > deadline) throw new Error(`the simulation does not come to rest: ${this.#describe()}`);
    }
  }

  get #isAtRest(): boolean {
    const { inFlight, streamingConnections } = this.#exchange.stats;
    const hasHeard = this.#source.notified >= this.#changes;
    // What the server has not seen yet may not grow old by simulated time.
    if (this.#http.waiting > 0) return false;
    return (
      this.#source.fetching === 0 && this.#source.subscribing === 0 && inFlight === streamingConnections && hasHeard
    );
  }

  get #isWatching(): boolean {
    const groups = Math.ceil(this.#users / this.#source.capabilities.maxMailboxesPerWatch);
    return this.#exchange.stats.streamingConnections === groups;
  }

  #describe(): string {
    const { inFlight, streamingConnections } = this.#exchange.stats;
    return `${this.#source.fetching} fetches, ${inFlight} in flight, ${streamingConnections} of them streaming, ${this.#source.notified} of ${this.#changes} changes notified`;
  }

  /** A whole number below the limit, the same sequence in each run. */
  #below(limit: number): number {
    this.#random = (this.#random * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((this.#random / 2_147_483_648) * limit);
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
