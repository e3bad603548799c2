import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Instant, instant, plus, seconds } from "../../src/lib/time.ts";
import { type Figure, median } from "./figures.ts";
import { GatewayProcess, storePath } from "./gateway-process.ts";
import { countDueAt, HOST, type Population, wholeSecondAfter, writeStore } from "./population.ts";
import { SinkProcess } from "./sink-protocol.ts";

/** How long is waited for what a bound allows seconds for. */
const PATIENCE = 60_000;
/** On a busy machine the gateway may not be ready before the first burst: then all is done again with more time. */
const ATTEMPTS = 4;
const RESTARTS = 3;

/** What is measured, and how the figures are called. */
export interface BurstPlan {
  readonly users: number;
  /** The prefix of the burst's figures; `undefined`: none is wanted. */
  readonly burst: string | undefined;
  readonly withRestart: boolean;
}

interface BurstSample {
  readonly seconds: number;
  /** Seconds of CPU that the gateway's process used. */
  readonly cpu: number;
  readonly lost: number;
}

interface RestartSample {
  readonly seconds: number;
  readonly republished: number;
  readonly lost: number;
}

/** Something changes of half the users at one instant, three times; then, if wanted, the gateway is killed and started. */
export async function* measureBurst(plan: BurstPlan): AsyncGenerator<Figure> {
  const { bursts, memory, restarts } = await measureWithPatience(plan);
  if (plan.burst !== undefined) yield* burstFigures(plan.burst, plan.users, bursts, memory);
  if (plan.withRestart) yield* restartFigures(plan.users, restarts);
}

interface Measured {
  readonly bursts: readonly BurstSample[];
  readonly memory: number;
  readonly restarts: readonly RestartSample[];
}

class TooLate extends Error {}

async function measureWithPatience(plan: BurstPlan): Promise<Measured> {
  for (let attempt = 1; ; attempt++) {
    const site = await BurstSite.start(planPopulation(plan.users, attempt));
    try {
      return await measureOnce(site, plan);
    } catch (error) {
      if (!(error instanceof TooLate) || attempt === ATTEMPTS) throw error;
    } finally {
      await site.stop();
    }
  }
}

async function measureOnce(site: BurstSite, { withRestart }: BurstPlan): Promise<Measured> {
  const bursts: BurstSample[] = [];
  const restarts: RestartSample[] = [];
  await site.gateway.logged("gateway.ready", PATIENCE);
  for (const at of site.population.instants) bursts.push(await site.burst(at));
  const memory = site.gateway.peakMemory;
  while (withRestart && restarts.length < RESTARTS) restarts.push(await site.restart());
  return { bursts, memory, restarts };
}

function* burstFigures(
  name: string,
  users: number,
  samples: readonly BurstSample[],
  memory: number,
): Generator<Figure> {
  const changes = Math.floor(users / 2);
  const cpu = samples.map((sample) => sample.cpu.toFixed(2)).join(", ");
  yield {
    ...spread(samples.map((sample) => sample.seconds)),
    name: `${name}.seconds`,
    unit: "s",
    bound: { atMost: changes <= 7500 ? 1 : 5 },
    note: `${changes} of ${users} users change at one instant: to the arrival of the last of ${2 * changes} publications (PEP and overlay) at a sink in another process; meetings begin, others begin, the first end, in one process with an SQLite store; CPU of the gateway ${cpu} s`,
  };
  yield {
    name: `${name}.rss_mb`,
    value: memory,
    unit: "MB",
    bound: { atMost: 400 },
    note: `the most that was ever resident of the gateway's process, start included (VmHWM), ${users} users`,
  };
  yield {
    name: `${name}.lost`,
    value: sum(samples.map((sample) => sample.lost)),
    unit: "",
    bound: { atMost: 0 },
    note: `publications that did not come, came twice, came with the wrong content or for somebody else, of ${6 * changes}`,
  };
}

function* restartFigures(users: number, restarts: readonly RestartSample[]): Generator<Figure> {
  yield {
    ...spread(restarts.map((restart) => restart.seconds)),
    name: "restart.seconds",
    unit: "s",
    bound: { atMost: 5 },
    note: `after SIGKILL with ${users} users, half of them shown in a meeting: from the start of the process to gateway.ready and, the first time, the last publication for those (1 %) whose meeting began meanwhile`,
  };
  yield {
    name: "restart.republished",
    value: sum(restarts.map((restart) => restart.republished)),
    unit: "",
    bound: { atMost: 0 },
    note: `publications for users of whom nothing had changed, up to 3 s after gateway.ready, in ${restarts.length} restarts`,
  };
  yield {
    name: "restart.lost",
    value: sum(restarts.map((restart) => restart.lost)),
    unit: "",
    bound: { atMost: 0 },
    note: "publications due because a meeting began while the gateway was down that did not come or were wrong",
  };
}

/** The instants leave time to fill the store, to start and to hear of all clients, and to end one burst before the next. */
function planPopulation(users: number, attempt: number): Population {
  const first = wholeSecondAfter(attempt * (5000 + users * 0.15));
  const between = seconds(attempt * Math.ceil(4 + users / 10_000));
  const nth = (count: number): Instant => plus(first, count * between);
  return { users, instants: [first, nth(1), nth(2)], later: nth(3) };
}

/** A gateway with its store, and the sink. */
class BurstSite {
  readonly population: Population;
  readonly #directory = mkdtempSync(join(tmpdir(), "presence-bench-"));
  readonly #sink: SinkProcess;
  #gateway: GatewayProcess;

  private constructor(population: Population, sink: SinkProcess) {
    this.population = population;
    this.#sink = sink;
    writeStore(storePath(this.#directory), population, instant(Date.now()));
    this.#sink.expect(population.users, 0);
    this.#gateway = this.#startGateway();
  }

  static async start(population: Population): Promise<BurstSite> {
    return new BurstSite(population, await SinkProcess.start());
  }

  /** The process that runs now. */
  get gateway(): GatewayProcess {
    return this.#gateway;
  }

  /** What happens when the instant comes. */
  async burst(at: Instant): Promise<BurstSample> {
    this.#expectAt(at);
    const early = at - Date.now();
    if (early < 1000) throw new TooLate(`all was ready ${early} ms before the burst: too late to measure it`);
    await pause(early - 200);
    const cpuBefore = this.#gateway.cpuTime;
    await this.#sink.complete(PATIENCE);
    await pause(300);
    const cpu = this.#gateway.cpuTime - cpuBefore;
    const { lastAt = Number.NaN, lost, surplus } = await this.#sink.judge(this.population, at);
    return { seconds: (lastAt - at) / 1000, cpu, lost: lost + surplus };
  }

  async restart(): Promise<RestartSample> {
    const { later } = this.population;
    await this.#gateway.kill();
    const at = Date.now() < later ? later : undefined;
    this.#expectAt(at);
    await pause(later - Date.now());
    this.#gateway = this.#startGateway();
    const complete = at === undefined ? undefined : this.#sink.complete(PATIENCE);
    const readyAt = await this.#gateway.logged("gateway.ready", PATIENCE);
    await complete;
    await pause(3000);
    const { lastAt = readyAt, lost, surplus } = await this.#sink.judge(this.population, at);
    return { seconds: (Math.max(readyAt, lastAt) - this.#gateway.startedAt) / 1000, republished: surplus, lost };
  }

  async stop(): Promise<void> {
    await this.#gateway.kill();
    this.#sink.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #startGateway(): GatewayProcess {
    return new GatewayProcess({ directory: this.#directory, port: this.#sink.port, secret: "bench", domain: HOST });
  }

  #expectAt(at: Instant | undefined): void {
    const { users } = this.population;
    const count = at === undefined ? Number.MAX_SAFE_INTEGER : countDueAt(at, this.population);
    this.#sink.expect(users, count);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const spread = (samples: readonly number[]) => ({ value: median(samples), samples });
