import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { encodePidf } from "../../plugins/shared-sip/documents/encode-pidf.ts";
import { instant } from "../../src/lib/time.ts";
import { findFreePort } from "../lab/free-ports.ts";
import { type Figure, percentile } from "./figures.ts";
import { aorOf, presentityOf, writeSipStore } from "./sip-population.ts";
import { SipProcess, type SipReport } from "./sip-protocol.ts";
import { hasSipp, SippResponder } from "./sipp.ts";

const USERS = 25_000;
/** All within a minute. */
const PER_SECOND = 417;
const MANY = 50_000;
const PEAK = 50_000;
const PATIENCE = 120_000;
/** From writing the store to the first meeting: filling the server and starting again. */
const LEAD = 45_000;
const ATTEMPTS = 3;

/** Publishing by SIP (RFC 3903): a busy minute, what goes when nothing holds it back, and memory. */
export async function* measureSip(complain: (text: string) => void): AsyncGenerator<Figure> {
  const folder = mkdtempSync(join(tmpdir(), "presence-bench-"));
  try {
    yield* pacedFigures(await measurePaced(folder));
    yield await measureHeap();
    if (hasSipp()) yield await measurePeak(folder);
    else complain("sip.peak_ratio_to_sipp is not measured: there is no sipp here (Debian package sip-tester)");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Reported<Kind extends SipReport["kind"]> = Extract<SipReport, { kind: Kind }>;

interface Paced {
  readonly paced: Reported<"paced">;
  readonly held: Reported<"held">;
}

class TooLate extends Error {}

/** On a busy machine the gateway may not be ready before the first meeting: then all is done again with more time. */
async function measurePaced(folder: string): Promise<Paced> {
  for (let attempt = 1; ; attempt++) {
    const running: SipProcess[] = [];
    try {
      return await runPaced(join(folder, `paced-${attempt}.db`), attempt * LEAD, (each) => running.push(each));
    } catch (error) {
      if (!(error instanceof TooLate) || attempt === ATTEMPTS) throw error;
    } finally {
      for (const each of running) await each.kill();
    }
  }
}

async function runPaced(store: string, lead: number, own: (process: SipProcess) => void): Promise<Paced> {
  const begin = (...[program, order]: ConstructorParameters<typeof SipProcess>): SipProcess => {
    const started = new SipProcess(program, order);
    own(started);
    return started;
  };
  const first = Date.now() + lead;
  writeSipStore(store, USERS, instant(first));
  const sink = begin("sip-sink");
  const { port } = await sink.report("listening", PATIENCE);
  const filling = begin("sip-sender", { mode: "fill", store, port, users: USERS });
  await filling.report("ready", PATIENCE);
  await filling.kill();
  const sender = begin("sip-sender", { mode: "paced", store, port, users: USERS, first, perSecond: PER_SECOND });
  await sender.report("ready", PATIENCE);
  if (Date.now() > first - 3000) throw new TooLate();
  const paced = await sender.report("paced", lead + PATIENCE);
  sink.send("held");
  return { paced, held: await sink.report("held", PATIENCE) };
}

function* pacedFigures({ paced, held }: Paced): Generator<Figure> {
  const { cpu, elapsed, latencies } = paced;
  const what = `${USERS} meetings begin at one instant, after a restart of the gateway, and are published over TCP at ${PER_SECOND}/s: engine, SQLite store, PIDF documents, modifications`;
  yield {
    name: "sip.cpu_share",
    value: cpu / elapsed,
    unit: "core",
    bound: { atMost: 0.1 },
    note: `${what}; ${cpu.toFixed(2)} s of CPU in ${elapsed.toFixed(1)} s`,
  };
  yield {
    name: "sip.lost",
    value: 2 * USERS - held.users - held.meetings,
    unit: "",
    bound: { atMost: 0 },
    note: `users of whom the server has no publication, or not the meeting, of ${USERS}`,
  };
  yield {
    name: "sip.wrong_aor",
    value: held.wrong + held.doubled,
    unit: "",
    bound: { atMost: 0 },
    note: "publications with the entity tag or the document of another user, or beside an earlier one of the same user",
  };
  yield {
    name: "sip.p99_ms",
    value: percentile(latencies, 0.99),
    unit: "ms",
    bound: { atMost: 20 },
    note: `from the writing of the document, when its turn has come, to the confirmation; median ${percentile(latencies, 0.5).toFixed(1)} ms, longest ${percentile(latencies, 1).toFixed(0)} ms`,
  };
}

async function measureHeap(): Promise<Figure> {
  const sink = new SipProcess("sip-sink");
  const { port } = await sink.report("listening", PATIENCE);
  const sender = new SipProcess("sip-sender", { mode: "heap", port, users: MANY });
  try {
    const { megabytes } = await sender.report("heap", PATIENCE);
    return {
      name: "sip.heap_mb_50000",
      value: megabytes,
      unit: "MB",
      bound: { atMost: 60 },
      note: `growth of the heap after garbage collection by ${MANY} publications, each with an address, a document, an entity tag and its time of refresh`,
    };
  } finally {
    await sender.kill();
    await sink.kill();
  }
}

/** In turns against one responder, the best of three each: who else works on the machine slows both. */
async function measurePeak(folder: string): Promise<Figure> {
  const port = await findFreePort();
  const responder = await SippResponder.start(folder, port);
  const [ours, theirs]: [number[], number[]] = [[], []];
  const document = { show: "dnd", source: "calendar", text: "in-a-meeting" } as const;
  const body = encodePidf({ presentity: presentityOf(0), document, locale: "en" }, aorOf(0));
  try {
    for (let round = 0; round < 3; round++) {
      theirs.push(await responder.measure(folder, PEAK, body));
      const sender = new SipProcess("sip-sender", { mode: "peak", port, users: PEAK });
      ours.push((await sender.report("peak", PATIENCE)).perSecond);
      await sender.kill();
      await pause(200);
    }
  } finally {
    await responder.stop();
  }
  const [best, peer] = [Math.max(...ours), Math.max(...theirs)];
  return {
    name: "sip.peak_ratio_to_sipp",
    value: best / peer,
    unit: "",
    bound: { atLeast: 0.5 },
    note: `${PEAK} publications as fast as they go over TCP to a responder of sipp: ${Math.round(best)}/s with documents, sipp itself ${Math.round(peer)}/s`,
    samples: ours.map((each) => each / peer),
  };
}
