import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "./prosody.ts";

/** What an ejabberd for tests shall serve. */
export interface EjabberdOptions {
  /** The virtual host, such as `example.test`. */
  readonly host: string;
  readonly component: { readonly jid: string; readonly secret: string };
  readonly users: readonly { readonly name: string; readonly password: string }[];
  /** Pairs of JIDs, the first of them a user, that are in each other's roster. */
  readonly rosters?: readonly (readonly [string, string])[];
  /** The component may set any `from` (default true): `check_from: false`. */
  readonly trusted?: boolean;
}

/** A real ejabberd on 127.0.0.1. */
export interface Ejabberd {
  readonly host: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  /** Everything that the server has logged. */
  log(): string;
  /** Ends the server and removes what it has left; safe to call twice. */
  stop(): Promise<void>;
}

interface Place {
  readonly directory: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  readonly apiPort: number;
}

const START_LIMIT = 60_000;

/** Where Debian keeps ejabberd's code; `undefined` when it is not installed. */
export function findEjabberd(): string | undefined {
  const folders = existsSync("/usr/lib") ? readdirSync("/usr/lib").map((name) => join("/usr/lib", name)) : [];
  const isHome = (folder: string): boolean =>
    statSync(folder).isDirectory() && readdirSync(folder).some((name) => name.startsWith("ejabberd-"));
  return folders.find(isHome);
}

/**
 * Starts an ejabberd that is ready for clients and components. It runs alone, without Erlang distribution, as user
 * ejabberd when started by root. Rejects with what to install, or with the server's log when it does not come up.
 */
export async function startEjabberd(options: EjabberdOptions): Promise<Ejabberd> {
  const libraries = findEjabberd();
  if (libraries === undefined) throw new Error("ejabberd is not installed: apt-get install ejabberd");
  const place: Place = {
    directory: mkdtempSync(join(tmpdir(), "ejabberd-")),
    c2sPort: await findFreePort(),
    componentPort: await findFreePort(),
    apiPort: await findFreePort(),
  };
  const server = launch(libraries, options, place);
  const log = (): string => readLog(place);
  try {
    await untilReady(server, place);
    await fill(options, place);
  } catch (error) {
    await end(server, place);
    throw error;
  }
  return {
    host: options.host,
    c2sPort: place.c2sPort,
    componentPort: place.componentPort,
    log,
    stop: () => end(server, place),
  };
}

function launch(libraries: string, options: EjabberdOptions, place: Place): ChildProcess {
  const { directory } = place;
  writeFileSync(join(directory, "ejabberd.yml"), JSON.stringify(configurationOf(options, place))); // JSON is YAML
  mkdirSync(join(directory, "db"));
  const identity = process.getuid?.() === 0 ? userIdentity("ejabberd") : undefined;
  if (identity) {
    for (const path of [directory, join(directory, "ejabberd.yml"), join(directory, "db")]) {
      chownSync(path, identity.uid, identity.gid);
    }
  }
  chmodSync(directory, 0o700);
  return spawn("erl", ["-noinput", "-mnesia", "dir", JSON.stringify(join(directory, "db")), "-s", "ejabberd"], {
    ...identity,
    cwd: directory,
    stdio: "ignore",
    env: {
      PATH: process.env["PATH"],
      HOME: directory,
      ERL_LIBS: libraries,
      ERL_CRASH_DUMP_BYTES: "0",
      EJABBERD_CONFIG_PATH: join(directory, "ejabberd.yml"),
      EJABBERD_LOG_PATH: join(directory, "ejabberd.log"),
    },
  });
}

function userIdentity(name: string): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

function configurationOf({ host, component, trusted = true }: EjabberdOptions, place: Place): object {
  const ip = "127.0.0.1";
  const gateway = { both: "gateway" };
  return {
    hosts: [host],
    loglevel: "info",
    listen: [
      { port: place.c2sPort, ip, module: "ejabberd_c2s" },
      {
        port: place.componentPort,
        ip,
        module: "ejabberd_service",
        access: "all",
        shaper: "none",
        check_from: !trusted,
        hosts: { [component.jid]: { password: component.secret } },
      },
      { port: place.apiPort, ip, module: "ejabberd_http", request_handlers: { "/api": "mod_http_api" } },
    ],
    acl: { gateway: { server: component.jid } },
    access_rules: { gateway: { allow: "gateway" } },
    api_permissions: { loopback: { who: { ip: "127.0.0.1/8" }, what: ["register", "add_rosteritem"] } },
    modules: {
      mod_privilege: { roster: gateway, presence: { managed_entity: "gateway" }, message: { outgoing: "gateway" } },
      mod_admin_extra: {},
      mod_caps: {},
      mod_disco: {},
      mod_muc: {}, // mod_caps of 23.01 crashes without
      mod_ping: {},
      mod_pubsub: { plugins: ["flat", "pep"] },
      mod_roster: {},
    },
  };
}

async function untilReady(server: ChildProcess, place: Place): Promise<void> {
  const deadline = performance.now() + START_LIMIT;
  const ready = [place.c2sPort, place.componentPort, place.apiPort].map((port) => `at 127.0.0.1:${port}`);
  while (!ready.every((line) => readLog(place).includes(line))) {
    if (server.exitCode !== null || performance.now() > deadline) {
      throw new Error(`ejabberd did not start:\n${readLog(place)}`);
    }
    await sleep(50);
  }
}

async function fill({ host, users, rosters = [] }: EjabberdOptions, place: Place): Promise<void> {
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

async function call(place: Place, command: string, body: object): Promise<void> {
  const url = `http://127.0.0.1:${place.apiPort}/api/${command}`;
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`ejabberd refused ${command}: ${await answer.text()}`);
}

function readLog({ directory }: Place): string {
  try {
    return readFileSync(join(directory, "ejabberd.log"), "utf8");
  } catch {
    return ""; // not written yet, or removed
  }
}

async function end(server: ChildProcess, { directory }: Place): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const gone = new Promise<void>((resolve) => server.once("exit", () => resolve()));
    server.kill("SIGKILL"); // its data goes with it: no need to wait for an orderly end
    await gone;
  }
  rmSync(directory, { recursive: true, force: true });
}
