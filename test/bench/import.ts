import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { loadConfig } from "../../src/shell/config-file.ts";
import { type ControlAnswer, controlPath, sendControl } from "../../src/shell/control-socket.ts";
import { runCommand } from "../../src/shell/run-command.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { type Figure, median } from "./figures.ts";
import { GatewayProcess, storePath } from "./gateway-process.ts";
import { HOST, jidOf } from "./population.ts";
import { SinkProcess } from "./sink-protocol.ts";

const RUNS = 3;
/** In milliseconds. */
const PATIENCE = 60_000;
const ASKED_EVERY = 20;

interface Sample {
  readonly seconds: number;
  /** The longest that somebody else waited for an answer meanwhile. */
  readonly wait: number;
  /** Rows that the same list, read again, would change. */
  readonly again: number;
}

/** How long it takes until a list of users is at work in a running gateway, given on the command line. */
export async function* measureImport(users: number): AsyncGenerator<Figure> {
  const samples: Sample[] = [];
  while (samples.length < RUNS) samples.push(await importOnce(users));
  const seconds = samples.map((sample) => sample.seconds);
  const waits = samples.map((sample) => sample.wait);
  yield {
    name: "import.seconds",
    value: median(seconds),
    samples: seconds,
    unit: "s",
    bound: { atMost: 5 },
    note: `${users} rows for a running gateway with an SQLite store: file read, dry run, applied, stored and audited, and every user at work in the engine; their clients are online, their calendar server is away`,
  };
  yield {
    name: "import.longest_wait",
    value: Math.max(...waits),
    samples: waits,
    unit: "s",
    bound: { atMost: 0.5 },
    note: "the longest that the gateway took to answer `status` meanwhile, asked for again and again",
  };
  yield {
    name: "import.changed_again",
    value: samples.reduce((sum, { again }) => sum + again, 0),
    unit: "",
    bound: { atMost: 0 },
    note: "rows that the same list changes when it is read again",
  };
}

async function importOnce(users: number): Promise<Sample> {
  const directory = mkdtempSync(join(tmpdir(), "presence-bench-"));
  const file = join(directory, "users.csv");
  const row = (user: number): string => `${jidOf(user)},${jidOf(user)},hq,de,sip:${jidOf(user)},yes\r\n`;
  writeFileSync(
    file,
    `jid,mailbox,gateway,locale,sip,enabled\r\n${Array.from({ length: users }, (_, i) => row(i)).join("")}`,
  );
  await addServer(storePath(directory));
  const sink = await SinkProcess.start();
  sink.expect(users, Number.MAX_SAFE_INTEGER);
  const gateway = new GatewayProcess({ directory, port: sink.port, secret: "bench", domain: HOST });
  try {
    await gateway.logged("gateway.ready", PATIENCE);
    return await measure(directory, file, users);
  } finally {
    await gateway.kill();
    sink.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function addServer(path: string): Promise<void> {
  const store = openStore({ path, runtime: createTestRuntime() });
  const options = { url: "https://127.0.0.1:9/EWS/Exchange.asmx", account: "bench" };
  const server = { name: "hq", type: "ews", options, isEnabled: true };
  await store.registry.replaceCalendarServer(server, { password: "bench" });
  store.close();
}

async function measure(directory: string, file: string, users: number): Promise<Sample> {
  const config = loadConfig(join(directory, "config.toml"), {});
  const run = (line: string): Promise<ControlAnswer> =>
    runCommand(config, {}, { line, tell: () => undefined }, new AbortController().signal);
  const over = new AbortController();
  const answers = watchAnswers(config.storePath, over.signal);
  const started = performance.now();
  expectAnswer(await run(`user import ${file}`), `${users} new`);
  expectAnswer(await run("user import apply 1"), `${users} new`);
  await untilEnabled(config.storePath, users);
  const seconds = (performance.now() - started) / 1000;
  over.abort();
  const again = (await run(`user import ${file}`)).text;
  return { seconds, wait: await answers, again: users - Number(/(\d+) the same/.exec(again)?.[1] ?? 0) };
}

function expectAnswer({ text }: ControlAnswer, expected: string): void {
  if (!text.includes(expected)) throw new Error(`this is not what the list says: ${text.slice(0, 500)}`);
}

const askStatus = (path: string): Promise<ControlAnswer | undefined> =>
  sendControl(controlPath(path), { line: "status", tell: () => undefined });

async function untilEnabled(path: string, users: number): Promise<void> {
  const deadline = performance.now() + PATIENCE;
  while (performance.now() < deadline) {
    if ((await askStatus(path))?.text.includes(`users: ${users} enabled`)) return;
    await pause(ASKED_EVERY);
  }
  throw new Error(`the engine did not hear of ${users} users`);
}

/** The longest time to an answer in seconds, until the signal aborts. */
async function watchAnswers(path: string, signal: AbortSignal): Promise<number> {
  let longest = 0;
  while (!signal.aborted) {
    const asked = performance.now();
    await askStatus(path);
    longest = Math.max(longest, (performance.now() - asked) / 1000);
    await pause(ASKED_EVERY);
  }
  return longest;
}
