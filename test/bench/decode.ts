import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { CalendarSource } from "../../src/ports/calendar-source.ts";
import { createClock } from "../../src/shell/runtime.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { decodeAvailability } from "../plugins/calendar-ews/decode-availability.ts";
import { createContext, createEwsSource } from "../plugins/calendar-ews/scenario.ts";
import {
  ACCOUNT,
  CANNED_DAY,
  CANNED_MAILBOXES,
  type CannedExchange,
  ENTRIES,
  startCannedExchange,
} from "./canned-answer.ts";
import { type Figure, median } from "./figures.ts";

/** Debian's own Python: its package python3-exchangelib is not seen by any other. */
const PYTHON = "/usr/bin/python3";
const PEER = fileURLToPath(new URL("./exchangelib-peer.py", import.meta.url));
const WARM_UP = 20;
const CALLS = 60;
const PEER_CALLS = 15;
/** As the bytes come from a socket. */
const CHUNK = 16 * 1024;

const PEER_REPORT = z.object({ seconds: z.array(z.number()), events: z.number() });

/** What decoding 100 mailboxes with 20 entries each costs, alone and beside another client of the same server. */
export async function* measureDecode(say: (line: string) => void): AsyncGenerator<Figure> {
  const exchange = await startCannedExchange();
  try {
    yield measureDecoding(exchange.answer);
    if (spawnSync(PYTHON, ["-c", "import exchangelib"]).status === 0) yield await compare(exchange);
    else say("decode.ratio_to_exchangelib is not measured: install the Debian package python3-exchangelib");
  } finally {
    exchange.stop();
  }
}

/** CPU time of all threads of this process, garbage collection included, in milliseconds. */
function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function measureDecoding(answer: Buffer): Figure {
  const chunks = Array.from({ length: Math.ceil(answer.length / CHUNK) }, (_, index) =>
    answer.subarray(index * CHUNK, (index + 1) * CHUNK),
  );
  const query = { host: "canned", mailboxes: CANNED_MAILBOXES, window: CANNED_DAY };
  const samples: number[] = [];
  for (let call = 0; call < WARM_UP + CALLS; call++) {
    const before = cpuNow();
    const results = decodeAvailability(query, chunks);
    if (call >= WARM_UP) samples.push(cpuNow() - before);
    checkCount(results);
  }
  return {
    name: "decode.cpu_ms",
    value: median(samples),
    samples,
    unit: "ms",
    bound: { atMost: 30 },
    note: `CPU of decoding one answer of GetUserAvailability: ${CANNED_MAILBOXES.length} mailboxes with ${ENTRIES} entries, ${answer.length} bytes`,
  };
}

function checkCount(results: Awaited<ReturnType<CalendarSource["fetchBusyTime"]>>): void {
  const entries = results.reduce((count, result) => count + ("intervals" in result ? result.intervals.length : 0), 0);
  const expected = CANNED_MAILBOXES.length * ENTRIES;
  if (entries !== expected) throw new Error(`${entries} entries were decoded, ${expected} were sent`);
}

async function compare(exchange: CannedExchange): Promise<Figure> {
  const own = median(await measureOwn(exchange.url));
  const peer = await measurePeer(exchange.url);
  return {
    name: "decode.ratio_to_exchangelib",
    value: peer / own,
    unit: "x",
    bound: { atLeast: 5 },
    note: `the same answer asked for over loopback HTTP: exchangelib ${peer.toFixed(1)} ms of CPU a call, our source ${own.toFixed(1)} ms (medians; request, HTTP client and decoding included on both sides)`,
  };
}

async function measureOwn(url: string): Promise<readonly number[]> {
  const runtime = { ...createTestRuntime(), clock: createClock() };
  const source = createEwsSource({ url, account: ACCOUNT.user, password: ACCOUNT.password }, createContext(runtime));
  const { signal } = new AbortController();
  await source.start(signal);
  const samples: number[] = [];
  for (let call = 0; call < WARM_UP + CALLS; call++) {
    const before = cpuNow();
    const results = await source.fetchBusyTime(CANNED_MAILBOXES, CANNED_DAY, signal);
    if (call >= WARM_UP) samples.push(cpuNow() - before);
    checkCount(results);
  }
  await source.stop();
  return samples;
}

/** The median CPU of one call of exchangelib, in milliseconds. */
async function measurePeer(url: string): Promise<number> {
  const child = spawn(PYTHON, [PEER, url, String(CANNED_MAILBOXES.length), String(PEER_CALLS)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  for await (const chunk of child.stdout) output += String(chunk);
  const { seconds, events } = PEER_REPORT.parse(JSON.parse(output));
  if (events !== CANNED_MAILBOXES.length * ENTRIES) throw new Error(`exchangelib saw ${events} entries`);
  return median(seconds) * 1000;
}
