import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Instant, instant, plus, seconds } from "../../src/lib/time.ts";
import { type Figure, median } from "./figures.ts";
import { GatewayProcess, storePath } from "./gateway-process.ts";
import {
  type DuePublications,
  dueAt,
  HOST,
  keyOf,
  type Population,
  wholeSecondAfter,
  writeStore,
} from "./population.ts";
import { type Publication, SinkProcess } from "./sink-protocol.ts";

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
  const site = await startSite(plan.users);
  try {
    const bursts: BurstSample[] = [];
    for (const at of site.population.instants) bursts.push(await site.burst(at));
    if (plan.burst !== undefined) yield* burstFigures(plan.burst, plan.users, bursts, site.gateway.peakMemory);
    if (!plan.withRestart) return;
    const restarts: RestartSample[] = [];
    while (restarts.length < RESTARTS) restarts.push(await site.restart());
    yield* restartFigures(plan.users, restarts);
  } finally {
    await site.stop();
  }
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

class TooLate extends Error {}

async function startSite(users: number): Promise<BurstSite> {
  for (let attempt = 1; ; attempt++) {
    const site = await BurstSite.start(planPopulation(users, attempt));
    try {
      await site.untilReady();
      return site;
    } catch (error) {
      await site.stop();
      if (!(error instanceof TooLate) || attempt === ATTEMPTS) throw error;
    }
  }
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
  #due: DuePublications;

  private constructor(population: Population, sink: SinkProcess) {
    this.population = population;
    this.#sink = sink;
    writeStore(storePath(this.#directory), population, instant(Date.now()));
    this.#due = this.#expectAt(population.instants[0]);
    this.#gateway = this.#startGateway();
  }

  static async start(population: Population): Promise<BurstSite> {
    return new BurstSite(population, await SinkProcess.start());
  }

  /** The process that runs now. */
  get gateway(): GatewayProcess {
    return this.#gateway;
  }

  async untilReady(): Promise<void> {
    await this.#gateway.logged("gateway.ready", PATIENCE);
    const early = this.population.instants[0] - Date.now();
    if (early < 1500) throw new TooLate(`the gateway was ready ${early} ms before the burst: too late to measure it`);
  }

  /** What happens when the instant comes; `#due` is what is expected then. */
  async burst(at: Instant): Promise<BurstSample> {
    this.#due = this.#expectAt(at);
    await pause(at - 200 - Date.now());
    const cpuBefore = this.#gateway.cpuTime;
    await this.#sink.complete(PATIENCE);
    await pause(300);
    const publications = await this.#sink.report();
    return {
      seconds: (lastArrival(publications) - at) / 1000,
      cpu: this.#gateway.cpuTime - cpuBefore,
      lost: countWrong(publications, this.#due),
    };
  }

  async restart(): Promise<RestartSample> {
    const { later } = this.population;
    await this.#gateway.kill();
    const isFirst = Date.now() < later;
    this.#due = isFirst ? this.#expectAt(later) : this.#expectNothing();
    await pause(later - Date.now());
    this.#gateway = this.#startGateway();
    const complete = isFirst ? this.#sink.complete(PATIENCE) : undefined;
    const readyAt = await this.#gateway.logged("gateway.ready", PATIENCE);
    await complete;
    await pause(3000);
    const publications = await this.#sink.report();
    const expected = publications.filter((each) => this.#due.has(keyOf(each)));
    return {
      seconds: (Math.max(readyAt, lastArrival(expected)) - this.#gateway.startedAt) / 1000,
      republished: publications.length - expected.length,
      lost: countWrong(expected, this.#due),
    };
  }

  async stop(): Promise<void> {
    await this.#gateway.kill();
    this.#sink.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #startGateway(): GatewayProcess {
    return new GatewayProcess({ directory: this.#directory, port: this.#sink.port, secret: "bench", domain: HOST });
  }

  #expectAt(at: Instant): DuePublications {
    const due = dueAt(at, this.population);
    this.#sink.expect(this.population.users, due.size);
    return due;
  }

  #expectNothing(): DuePublications {
    this.#sink.expect(this.population.users, Number.MAX_SAFE_INTEGER);
    return new Map();
  }
}

/** What is missing, and each publication that is wrong, repeated or not due. */
function countWrong(publications: readonly Publication[], due: DuePublications): number {
  const missing = new Map(due);
  let wrong = 0;
  for (const publication of publications) {
    const parts = missing.get(keyOf(publication));
    if (parts?.every((part) => publication.stanza.includes(part))) missing.delete(keyOf(publication));
    else wrong++;
  }
  return missing.size + wrong;
}

const lastArrival = (publications: readonly Publication[]): number => publications.at(-1)?.at ?? 0;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const spread = (samples: readonly number[]) => ({ value: median(samples), samples });
