import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findFreePorts } from "./free-ports.ts";
import { type ProsodyPlace, type ProsodySetup, writeProsodyFiles } from "./prosody-config.ts";

export interface ProsodyOptions extends ProsodySetup {
  /** Where configuration, data and log live; kept at the end. Default: a temporary folder, removed at the end. */
  readonly directory?: string;
  readonly ports?: { readonly c2s?: number; readonly component?: number };
}

/** A real Prosody on 127.0.0.1, for tests and the demo. */
export interface Prosody {
  readonly host: string;
  readonly c2sPort: number;
  readonly componentPort: number;
  readonly directory: string;
  /** Ends the server cleanly and starts it again, with the same ports and data. */
  restart(): Promise<void>;
  /** Ends the server cleanly and removes what it has left; safe to call twice. */
  stop(): Promise<void>;
  /** Ends the server with SIGKILL; `restart` brings it back. */
  kill(): Promise<void>;
  /** Everything that the server has logged, debug lines included. */
  log(): string;
  /** Runs a command of Prosody's admin shell, such as `module:reload("presence_gateway", "example.test")`. */
  shell(command: string): Promise<string>;
}

const START_LIMIT = 15_000;
const STOP_LIMIT = 5_000;
const PLUGIN_PATH = fileURLToPath(new URL("../../plugins/server-prosody", import.meta.url));

/** Starts a Prosody that is ready for clients and components; rejects with the server's log when it does not come up. */
export async function startProsody(options: ProsodyOptions): Promise<Prosody> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "prosody-"));
  mkdirSync(directory, { recursive: true });
  const [c2s = 0, component = 0] = await findFreePorts(2);
  const place: ProsodyPlace = {
    directory,
    c2sPort: options.ports?.c2s ?? c2s,
    componentPort: options.ports?.component ?? component,
    pluginPath: PLUGIN_PATH,
  };
  const config = writeProsodyFiles(options, place);
  const removeFiles = (): void => {
    if (options.directory === undefined) rmSync(directory, { recursive: true, force: true });
  };
  let server = await launch(config, place).catch((cause: unknown) => {
    removeFiles();
    throw cause;
  });
  return {
    host: options.host,
    c2sPort: place.c2sPort,
    componentPort: place.componentPort,
    directory,
    async restart() {
      await end(server, "SIGTERM");
      server = await launch(config, place);
    },
    async stop() {
      await end(server, "SIGTERM");
      removeFiles();
    },
    kill: () => end(server, "SIGKILL"),
    log: () => readLog(directory),
    shell: (command) => runShell(config, command),
  };
}

async function launch(config: string, place: ProsodyPlace): Promise<ChildProcess> {
  const server = spawn("prosody", ["-F", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const remember = (chunk: Buffer): void => {
    output = `${output}${chunk.toString()}`.slice(-10_000);
  };
  server.stdout.on("data", remember);
  server.stderr.on("data", remember);
  const failed = new Promise<never>((_, reject) => {
    server.once("error", (cause) =>
      reject(new Error("Prosody is missing: apt-get install prosody prosody-modules", { cause })),
    );
    server.once("exit", (code) =>
      reject(new Error(`Prosody ended with ${code}\n${output}\n${readLog(place.directory)}`)),
    );
  });
  const endWithUs = (): boolean => server.kill("SIGKILL");
  process.once("exit", endWithUs);
  server.once("exit", () => process.off("exit", endWithUs));
  failed.catch(() => undefined); // a later end of the server is no failure to start
  await Promise.race([failed, untilServing(place)]).catch((cause: unknown) => {
    server.kill("SIGKILL");
    throw cause;
  });
  return server;
}

async function untilServing({ c2sPort, componentPort }: ProsodyPlace): Promise<void> {
  for (let waited = 0; waited < START_LIMIT; waited += 20) {
    const answers = await Promise.all([
      isServing(c2sPort, "jabber:client"),
      isServing(componentPort, "jabber:component:accept"),
    ]);
    if (answers.every(Boolean)) return;
    await sleep(20);
  }
  throw new Error(`Prosody does not serve ${c2sPort} and ${componentPort} after ${START_LIMIT} ms`);
}

/** An accepted connection proves a listening kernel only; an answer proves that all modules are loaded. */
const isServing = (port: number, namespace: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once("data", () => {
      resolve(true);
      socket.end();
    });
    socket.write(
      `<stream:stream xmlns="${namespace}" xmlns:stream="http://etherx.jabber.org/streams"></stream:stream>`,
    );
  });

function end(server: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  return new Promise((resolve) => {
    if (server.exitCode !== null || server.signalCode !== null) return resolve();
    const impatience = setTimeout(() => server.kill("SIGKILL"), STOP_LIMIT);
    server.once("exit", () => {
      clearTimeout(impatience);
      resolve();
    });
    server.kill(signal);
  });
}

function readLog(directory: string): string {
  const path = join(directory, "prosody.log");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}

const runShell = (config: string, command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      "prosodyctl",
      ["--config", config, "shell", command],
      { timeout: START_LIMIT },
      (cause, stdout, stderr) => {
        if (cause) reject(new Error(`prosodyctl shell failed: ${stdout}${stderr}`, { cause }));
        else resolve(stdout);
      },
    );
  });
