import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  compileServerModule,
  composeEjabberdConfig,
  type EjabberdPlace,
  type EjabberdSetup,
  findEjabberd,
} from "./ejabberd-config.ts";
import { findFreePorts } from "./free-ports.ts";

/** A real ejabberd on 127.0.0.1. */
export interface Ejabberd {
  readonly host: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  /** What the server has logged until two seconds ago. */
  log(): string;
  /** Ends the server cleanly and starts it again, with the same ports and data. */
  restart(): Promise<void>;
  /** Puts another configuration into force while the server runs; rejects when the server refuses it. */
  reconfigure(change: Partial<EjabberdSetup>): Promise<void>;
  /** Ends the server and removes what it has left; safe to call twice. */
  stop(): Promise<void>;
}

const START_LIMIT = 60_000;
const STOP_LIMIT = 10_000;

/**
 * Starts an ejabberd that is ready for clients and components. It runs alone, without Erlang distribution, as user
 * ejabberd when started by root. Rejects with what to install, or with the server's log when it does not come up.
 */
export async function startEjabberd(setup: EjabberdSetup): Promise<Ejabberd> {
  const libraries = findEjabberd();
  if (libraries === undefined) throw new Error("ejabberd is not installed: apt-get install ejabberd");
  const [c2sPort = 0, componentPort = 0, apiPort = 0] = await findFreePorts(3);
  const place: EjabberdPlace = {
    directory: mkdtempSync(join(tmpdir(), "ejabberd-")),
    c2sPort,
    componentPort,
    apiPort,
  };
  const removeFiles = (): void => rmSync(place.directory, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", removeFiles);
  let server: ChildProcess | undefined;
  try {
    furnish(setup, place);
    server = await launch(libraries, place);
    await fill(setup, place);
  } catch (error) {
    await end(server, "SIGKILL");
    removeFiles();
    process.off("exit", removeFiles);
    throw error;
  }
  return {
    host: setup.host,
    c2sPort: place.c2sPort,
    componentPort: place.componentPort,
    log: () => readLog(place),
    async restart() {
      await end(server, "SIGTERM");
      server = await launch(libraries, place);
    },
    async reconfigure(change) {
      writeFileSync(configPath(place), composeEjabberdConfig({ ...setup, ...change }, place));
      await call(place, "reload_config", {});
    },
    async stop() {
      await end(server, "SIGKILL"); // its data goes with it: no need to wait for an orderly end
      removeFiles();
      process.off("exit", removeFiles);
    },
  };
}

const configPath = ({ directory }: EjabberdPlace): string => join(directory, "ejabberd.yml");

function furnish(setup: EjabberdSetup, place: EjabberdPlace): void {
  const { directory } = place;
  const folders = ["db", "ebin"].map((name) => join(directory, name));
  for (const folder of folders) mkdirSync(folder);
  writeFileSync(configPath(place), composeEjabberdConfig(setup, place));
  if (setup.module) compileServerModule(join(directory, "ebin"));
  const identity = findIdentity();
  if (identity)
    for (const path of [directory, configPath(place), ...folders]) chownSync(path, identity.uid, identity.gid);
  chmodSync(directory, 0o700);
}

async function launch(libraries: string, place: EjabberdPlace): Promise<ChildProcess> {
  const { directory } = place;
  const logged = readLog(place).length;
  const flags = ["-noinput", "-pa", join(directory, "ebin"), "-mnesia", "dir", JSON.stringify(join(directory, "db"))];
  const server = spawn("erl", [...flags, "-s", "ejabberd"], {
    ...findIdentity(),
    cwd: directory,
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      HOME: directory,
      ERL_LIBS: libraries,
      ERL_CRASH_DUMP_BYTES: "0",
      EJABBERD_CONFIG_PATH: configPath(place),
      EJABBERD_LOG_PATH: join(directory, "ejabberd.log"),
    },
  });
  const endWithUs = (): boolean => server.kill("SIGKILL");
  process.once("exit", endWithUs);
  server.once("exit", () => process.off("exit", endWithUs));
  await untilReady(server, place, logged).catch(async (cause: unknown) => {
    await end(server, "SIGKILL");
    throw cause;
  });
  return server;
}

/** Whom the server runs as; `undefined`: whoever runs the tests. */
function findIdentity(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync("id", [flag, "ejabberd"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

async function untilReady(server: ChildProcess, place: EjabberdPlace, logged: number): Promise<void> {
  const deadline = performance.now() + START_LIMIT;
  const ready = [place.c2sPort, place.componentPort, place.apiPort].map((port) => `at 127.0.0.1:${port}`);
  const isReady = (): boolean => {
    const log = readLog(place).slice(logged);
    return ready.every((line) => log.includes(line));
  };
  while (!isReady()) {
    if (server.exitCode !== null || performance.now() > deadline) {
      throw new Error(`ejabberd did not start:\n${readLog(place)}`);
    }
    await sleep(50);
  }
}

async function fill({ host, users, rosters = [] }: EjabberdSetup, place: EjabberdPlace): Promise<void> {
  for (const { name, password } of users) await call(place, "register", { user: name, host, password });
  for (const pair of rosters) {
    for (const [owner, contact] of [pair, pair.toReversed()]) {
      const [localuser = "", localhost = ""] = owner?.split("@") ?? [];
      const [user = "", contactHost = ""] = contact?.split("@") ?? [];
      if (localhost !== host) continue;
      const item = { localuser, localhost, user, host: contactHost, nick: user, group: "", subs: "both" };
      await call(place, "add_rosteritem", item);
    }
  }
}

async function call(place: EjabberdPlace, command: string, body: object): Promise<void> {
  const url = `http://127.0.0.1:${place.apiPort}/api/${command}`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`ejabberd refused ${command}: ${await answer.text()}`);
}

function readLog({ directory }: EjabberdPlace): string {
  try {
    return readFileSync(join(directory, "ejabberd.log"), "utf8");
  } catch {
    return ""; // not written yet, or removed
  }
}

async function end(server: ChildProcess | undefined, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  server.kill(signal);
  const impatience = setTimeout(() => server.kill("SIGKILL"), STOP_LIMIT);
  await gone;
  clearTimeout(impatience);
}
