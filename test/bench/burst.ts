import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Instant, instant, plus, seconds } from "../../src/lib/time.ts";
import { type Figure, median } from "./figures.ts";
import { GatewayProcess, storePath } from "./gateway-process.ts";
import {
  expectedParts,
  HOST,
  jidOf,
  type Population,
  usersStartingAt,
  wholeSecondAfter,
  writeStore,
} from "./population.ts";
import { type Publication, SinkProcess } from "./sink-protocol.ts";

const PUBLISHERS = ["xmpp-pep", "xmpp-overlay"] as const;
const RUNS = 3;
/** Time that the test allows for what the bound allows less. */
const PATIENCE = 60_000;
/** On a busy machine the gateway may not be ready before the burst: then all is done again with more time. */
const ATTEMPTS = 4;

/** What is measured over and over, and how the figures are called. */
export interface BurstPlan {
  readonly users: number;
  /** The prefix of the figures; `undefined`: none is wanted. */
  readonly burst: string | undefined;
  readonly withRestart: boolean;
}

interface Sample {
  readonly seconds: number;
  /** Seconds of CPU that the gateway's process used for the burst. */
  readonly cpu: number;
  readonly memory: number;
  readonly lost: number;
  readonly restart: RestartSample | undefined;
}

interface RestartSample {
  readonly seconds: number;
  readonly republished: number;
  readonly lost: number;
}

/** Meetings of half the users begin at one instant; then, if wanted, the gateway is killed and started again. */
export async function* measureBurst(plan: BurstPlan): AsyncGenerator<Figure> {
  const samples: Sample[] = [];
  for (let run = 0; run < RUNS; run++) samples.push(await runOnce(plan));
  if (plan.burst !== undefined) yield* burstFigures(plan.burst, plan.users, samples);
  if (plan.withRestart) yield* restartFigures(plan.users, samples);
}

function* burstFigures(name: string, users: number, samples: readonly Sample[]): Generator<Figure> {
  const changes = Math.ceil(users / 2);
  const bound = { atMost: changes <= 7500 ? 1 : 5 };
  const what = `${changes} of ${users} users`;
  yield {
    ...spread(samples.map((sample) => sample.seconds)),
    name: `${name}.seconds`,
    unit: "s",
    bound,
    note: `from the start of a meeting of ${what} to the arrival of the last of ${2 * changes} publications (PEP and overlay) at a sink in another process; fresh process and SQLite store each time; the gateway used ${median(samples.map(({ cpu }) => cpu)).toFixed(2)} s of CPU`,
  };
  yield {
    ...spread(samples.map((sample) => sample.memory)),
    name: `${name}.rss_mb`,
    unit: "MB",
    bound: { atMost: 400 },
    note: `most memory resident in the gateway's process from its start to the end of the burst (VmHWM), ${users} users`,
  };
  yield {
    name: `${name}.lost`,
    value: sum(samples.map((sample) => sample.lost)),
    unit: "",
    bound: { atMost: 0 },
    note: `publications that did not come, came twice, came with the wrong content or for somebody else, in ${samples.length} bursts`,
  };
}

function* restartFigures(users: number, samples: readonly Sample[]): Generator<Figure> {
  const restarts = samples.flatMap(({ restart }) => restart ?? []);
  yield {
    ...spread(restarts.map((restart) => restart.seconds)),
    name: "restart.seconds",
    unit: "s",
    bound: { atMost: 5 },
    note: `after SIGKILL with ${users} users, half of them shown in a meeting: from the start of the process to gateway.ready and the last publication for those (1 %) whose meeting began meanwhile`,
  };
  yield {
    name: "restart.republished",
    value: sum(restarts.map((restart) => restart.republished)),
    unit: "",
    bound: { atMost: 0 },
    note: `publications for users of whom nothing had changed, up to 3 s after the last one that was due, in ${restarts.length} restarts`,
  };
  yield {
    name: "restart.lost",
    value: sum(restarts.map((restart) => restart.lost)),
    unit: "",
    bound: { atMost: 0 },
    note: "publications that were due because a meeting began while the gateway was down, and did not come or were wrong",
  };
}

class TooLate extends Error {}

async function runOnce(plan: BurstPlan): Promise<Sample> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptRun(plan, attempt);
    } catch (error) {
      if (!(error instanceof TooLate) || attempt === ATTEMPTS) throw error;
    }
  }
}

async function attemptRun(plan: BurstPlan, attempt: number): Promise<Sample> {
  const directory = mkdtempSync(join(tmpdir(), "presence-bench-"));
  const sink = await SinkProcess.start();
  const setup = { directory, port: sink.port, secret: "bench", domain: HOST };
  const started: GatewayProcess[] = [];
  const startGateway = (): GatewayProcess => {
    const gateway = new GatewayProcess(setup);
    started.push(gateway);
    return gateway;
  };
  try {
    const population = planPopulation(plan.users, attempt);
    writeStore(storePath(directory), population, instant(Date.now()));
    const burst = await burstOnce(startGateway(), sink, population);
    for (const gateway of started) await gateway.kill();
    return { ...burst, restart: plan.withRestart ? await restartOnce(startGateway, sink, population) : undefined };
  } finally {
    for (const gateway of started) await gateway.kill();
    sink.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The instants leave time to fill the store, to start, and to take the snapshot of all clients. */
function planPopulation(users: number, attempt: number): Population {
  const first = wholeSecondAfter(attempt * (5000 + users * 0.2));
  return { users, instant: first, later: plus(first, seconds(6 + Math.ceil(users / 10_000))) };
}

async function burstOnce(
  gateway: GatewayProcess,
  sink: SinkProcess,
  population: Population,
): Promise<Omit<Sample, "restart">> {
  const due = dueAt(population.instant, population);
  sink.expect(population.users, due.size);
  await gateway.logged("gateway.ready", PATIENCE);
  const early = population.instant - Date.now();
  if (early < 1500) throw new TooLate(`the gateway was ready ${early} ms before the burst: too late to measure it`);
  await pause(early - 200);
  const cpuBefore = gateway.cpuTime;
  await sink.complete(PATIENCE);
  await pause(200);
  const cpu = gateway.cpuTime - cpuBefore;
  const publications = await sink.report();
  return {
    seconds: (lastArrival(publications) - population.instant) / 1000,
    cpu,
    memory: gateway.peakMemory,
    lost: countWrong(publications, due),
  };
}

async function restartOnce(
  start: () => GatewayProcess,
  sink: SinkProcess,
  population: Population,
): Promise<RestartSample> {
  const due = dueAt(population.later, population);
  await pause(Math.max(0, population.later - Date.now()));
  sink.expect(population.users, due.size);
  const gateway = start();
  const complete = sink.complete(PATIENCE);
  const readyAt = await gateway.logged("gateway.ready", PATIENCE);
  await complete;
  await pause(3000);
  const publications = await sink.report();
  const expected = publications.filter((each) => due.has(keyOf(each)));
  return {
    seconds: (Math.max(readyAt, lastArrival(expected)) - gateway.startedAt) / 1000,
    republished: publications.length - expected.length,
    lost: countWrong(expected, due),
  };
}

/** What every publication that is due at the instant must hold. */
function dueAt(at: Instant, population: Population): ReadonlyMap<string, readonly string[]> {
  const users = usersStartingAt(at, population);
  return new Map(
    users.flatMap((user) =>
      PUBLISHERS.map(
        (publisher) => [`${publisher} ${jidOf(user)}`, expectedParts(user, publisher, population)] as const,
      ),
    ),
  );
}

const keyOf = ({ publisher, to }: Publication): string => `${publisher} ${to}`;

/** What is missing, and each publication that is wrong, repeated or not due. */
function countWrong(publications: readonly Publication[], due: ReadonlyMap<string, readonly string[]>): number {
  const missing = new Map(due);
  let wrong = 0;
  for (const publication of publications) {
    const parts = missing.get(keyOf(publication));
    if (parts?.every((part) => publication.stanza.includes(part))) missing.delete(keyOf(publication));
    else wrong++;
  }
  return missing.size + wrong;
}

const lastArrival = (publications: readonly Publication[]): number => publications.at(-1)?.at ?? Number.NaN;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const spread = (samples: readonly number[]) => ({ value: median(samples), samples });
