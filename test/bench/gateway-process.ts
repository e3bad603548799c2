import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { COMPONENT } from "./population.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));

/** Where the gateway connects and keeps its data. */
export interface GatewaySetup {
  readonly directory: string;
  readonly port: number;
  readonly secret: string;
  readonly domain: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The store's file in the gateway's directory. */
export const storePath = (directory: string): string => join(directory, "gateway.db");

/** The gateway as it is installed: the built program in a process of its own. */
export class GatewayProcess {
  /** When the process was started, in milliseconds since 1970. */
  readonly startedAt = Date.now();
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #watchers = new Set<() => void>();
  #hasEnded = false;

  constructor({ directory, port, secret, domain, environment }: GatewaySetup) {
    const config = join(directory, "config.toml");
    const xmpp = { service: `xmpp://127.0.0.1:${port}`, component: COMPONENT, secret, domains: [domain], admins: [] };
    const toml = Object.entries(xmpp).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
    const text = ["[xmpp]", ...toml, "[store]", `path = ${JSON.stringify(storePath(directory))}`, ""].join("\n");
    writeFileSync(config, text, { mode: 0o600 });
    this.#child = spawn(process.execPath, [PROGRAM, "run", "--config", config], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...environment },
    });
    const { stdout } = this.#child;
    if (stdout) createInterface({ input: stdout }).on("line", (line) => this.#take(line));
    this.#child.on("exit", () => this.#end());
  }

  /** Resolves with the instant (milliseconds since 1970) at which the gateway had logged that event. */
  logged(event: string, deadline: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#lines.find((line) => line.includes(`"event":"${event}"`));
        if (found === undefined && !this.#hasEnded) return;
        finish();
        if (found !== undefined) resolve(timeOf(found));
        else reject(new Error(`the gateway ended before "${event}":\n${this.#lines.slice(-20).join("\n")}`));
      };
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`no "${event}" within ${deadline} ms:\n${this.#lines.slice(-20).join("\n")}`));
      }, deadline);
      this.#watchers.add(look);
      look();
    });
  }

  /** The process's id. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Warnings and errors that were logged. */
  get complaints(): readonly string[] {
    return this.#lines.filter((line) => /"level":"(warn|error)"/.test(line));
  }

  /** The most memory that the process ever had resident, in MB (2^20 bytes). */
  get peakMemory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** CPU time that the process has used, all its threads together, in seconds. */
  get cpuTime(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    // proc(5): utime and stime are fields 14 and 15, counted in hundredths of a second; two went with the name.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** As a power cut: nothing is taken back. */
  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.kill("SIGKILL");
    await ended;
  }

  #take(line: string): void {
    this.#lines.push(line);
    for (const watcher of [...this.#watchers]) watcher();
  }

  #end(): void {
    this.#hasEnded = true;
    for (const watcher of [...this.#watchers]) watcher();
  }
}

const timeOf = (line: string): number => Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? "");
