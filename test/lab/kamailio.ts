import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePorts } from "./free-ports.ts";
import { composeKamailioConfig, type KamailioPlace, type KamailioSetup } from "./kamailio-config.ts";

/** A real Kamailio as presence server on 127.0.0.1. */
export interface Kamailio {
  readonly domain: string;
  /** UDP and TCP; by the default trust, what comes here is the gateway's. */
  readonly gatewayPort: number;
  /** UDP and TCP, for everybody else. */
  readonly clientPort: number;
  readonly tlsPort: number;
  readonly directory: string;
  /** Ends the server cleanly and starts it again on the same ports; memory is empty then, SQLite is not. */
  restart(): Promise<void>;
  /** Ends the server cleanly; `restart` brings it back. */
  halt(): Promise<void>;
  /** Ends the server cleanly and removes what it has left; safe to call twice. */
  stop(): Promise<void>;
  log(): string;
}

const START_LIMIT = 15_000;
const STOP_LIMIT = 5_000;
const KAMAILIO = "/usr/sbin/kamailio";

/** What is missing for a real Kamailio; undefined: nothing. */
export const whatKamailioLacks = (): string | undefined =>
  existsSync(KAMAILIO) && existsSync("/usr/share/kamailio/dbtext/kamailio/presentity")
    ? undefined
    : "Kamailio is missing: apt-get install kamailio kamailio-presence-modules kamailio-xml-modules kamailio-extra-modules kamailio-tls-modules kamailio-sqlite-modules sqlite3";

/** Starts a Kamailio that answers; rejects with its log when it does not come up. */
export async function startKamailio(setup: KamailioSetup): Promise<Kamailio> {
  const directory = mkdtempSync(join(tmpdir(), "kamailio-"));
  const [gatewayPort = 0, clientPort = 0, tlsPort = 0] = await findFreePorts(3);
  const place: KamailioPlace = { directory, gatewayPort, clientPort, tlsPort };
  writeFileSync(join(directory, "kamailio.cfg"), composeKamailioConfig(setup, place));
  if (setup.storage === "sqlite") createTables(directory);
  let server = await launch(place).catch((cause: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    throw cause;
  });
  return {
    domain: setup.domain,
    ...place,
    async restart() {
      await end(server);
      server = await launch(place);
    },
    halt: () => end(server),
    async stop() {
      await end(server);
      rmSync(directory, { recursive: true, force: true });
    },
    log: () => readLog(directory),
  };
}

function createTables(directory: string): void {
  const scripts = ["standard", "presence"].map((name) => `/usr/share/kamailio/db_sqlite/${name}-create.sql`);
  const sql = scripts.map((path) => readFileSync(path, "utf8")).join("\n");
  execFileSync("sqlite3", [join(directory, "presence.db")], { input: `PRAGMA journal_mode=WAL;\n${sql}` });
}

async function launch(place: KamailioPlace): Promise<ChildProcess> {
  const { directory } = place;
  const args = ["-f", join(directory, "kamailio.cfg"), "-w", directory, "-Y", directory, "-P", join(directory, "pid")];
  const sizes = ["-m", "512", "-M", "16"]; // megabytes shared, and of each process
  const server = spawn(
    "sh",
    ["-c", `exec "$0" "$@" >>"${directory}/log" 2>&1`, KAMAILIO, ...args, ...sizes, "-DD", "-E"],
    { stdio: "ignore", detached: true }, // a group of its own, which can be ended as a whole
  );
  const endWithUs = (): void => killGroup(server);
  process.once("exit", endWithUs);
  const failed = new Promise<never>((_, reject) =>
    server.once("exit", (code) => {
      process.off("exit", endWithUs);
      reject(new Error(`Kamailio ended with ${code}\n${readLog(directory).slice(-6000)}`));
    }),
  );
  failed.catch(() => undefined); // a later end of the server is no failure to start
  await Promise.race([failed, untilServing(place)]).catch((cause: unknown) => {
    killGroup(server);
    throw cause;
  });
  return server;
}

async function untilServing({ clientPort, gatewayPort, directory }: KamailioPlace): Promise<void> {
  for (let waited = 0; waited < START_LIMIT; waited += 50) {
    if ((await isServing(clientPort)) && (await isServing(gatewayPort))) return;
    await sleep(50);
  }
  throw new Error(`Kamailio does not serve ${clientPort} and ${gatewayPort}\n${readLog(directory).slice(-6000)}`);
}

/** An answer to OPTIONS proves that the script is loaded. */
const isServing = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = createSocket("udp4");
    const finish = (answers: boolean): void => {
      clearTimeout(timer);
      socket.close();
      resolve(answers);
    };
    const timer = setTimeout(() => finish(false), 200);
    socket.once("error", () => finish(false));
    socket.once("message", () => finish(true));
    socket.connect(port, "127.0.0.1", () => socket.send(pingOf(socket.address().port, port)));
  });

const pingOf = (from: number, to: number): string =>
  [
    `OPTIONS sip:127.0.0.1:${to} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${from};rport;branch=z9hG4bK-ping-${from}`,
    "From: <sip:ping@127.0.0.1>;tag=ping",
    `To: <sip:127.0.0.1:${to}>`,
    `Call-ID: ping-${from}`,
    "CSeq: 1 OPTIONS",
    "Max-Forwards: 5",
    "Content-Length: 0",
    "\r\n",
  ].join("\r\n");

/** Kamailio's main process ends its children and removes what it shared; at times one child does not hear it. */
function end(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) return resolve();
    const impatience = setTimeout(() => killGroup(server), STOP_LIMIT);
    server.once("exit", () => {
      clearTimeout(impatience);
      killGroup(server);
      resolve();
    });
    server.kill("SIGTERM");
  });
}

/** Ends what is left of the server's own processes. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error; // nothing is left
  }
}

function readLog(directory: string): string {
  const path = join(directory, "log");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
