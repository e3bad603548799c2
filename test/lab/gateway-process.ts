import { type ChildProcess, execFile, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findFreePort } from "./free-ports.ts";

/** One line of the gateway's log. */
export interface GatewayLogLine {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** What a command printed, and how it ended. */
export interface CommandOutput {
  readonly code: number;
  readonly text: string;
}

/** The gateway as a process of its own, as administrators run it. */
export interface GatewayProcess {
  readonly configPath: string;
  readonly lines: readonly GatewayLogLine[];
  /** Runs it; resolves when it has logged `gateway.ready`, or another event. */
  start(event?: string): Promise<void>;
  /** Waits for a line of the log from now on. */
  waitForLog(event: string, limit?: number): Promise<GatewayLogLine>;
  /** `presence-gateway command`. */
  command(line: string, environment?: Readonly<Record<string, string>>): Promise<CommandOutput>;
  /** Any other subcommand. */
  invoke(args: readonly string[]): Promise<CommandOutput>;
  /** The same with another configuration file. */
  invokeOn(configPath: string, args: readonly string[]): Promise<CommandOutput>;
  /** Ends it and resolves with its exit code; safe when it does not run. */
  end(signal: NodeJS.Signals): Promise<number | undefined>;
  readonly pid: number | undefined;
}

const MAIN = fileURLToPath(new URL("../../dist/src/main.js", import.meta.url));
const READY_LIMIT = 30_000;

/** What the gateway's configuration file needs to say. */
export interface GatewaySetup {
  readonly directory: string;
  readonly componentPort: number;
  readonly component: string;
  readonly secret: string;
  readonly domains: readonly string[];
  readonly admins: readonly string[];
  readonly actsBy?: "auto" | "privilege" | "trusted";
  /** Domains whose users have contact JIDs. */
  readonly contactDomains?: readonly string[];
  readonly metricsPort?: number;
  readonly logLevel?: string;
  /** What `[notifications]` says. */
  readonly notifications?: Readonly<Record<string, string>>;
  /** Settings of the section [sip]; absent: no section. */
  readonly sip?: Readonly<Record<string, unknown>>;
}

const toml = (value: unknown): string => JSON.stringify(value);

/** Writes the configuration; the gateway does not run yet. */
export function prepareGateway(setup: GatewaySetup): GatewayProcess {
  const configPath = join(setup.directory, "gateway.toml");
  const lines = [
    "[xmpp]",
    `service = ${toml(`xmpp://127.0.0.1:${setup.componentPort}`)}`,
    `component = ${toml(setup.component)}`,
    `secret = { file = "component-secret" }`,
    `domains = ${toml(setup.domains)}`,
    `admins = ${toml(setup.admins)}`,
    ...(setup.actsBy ? [`acts-by = ${toml(setup.actsBy)}`] : []),
    ...(setup.contactDomains ? [`contact-domains = ${toml(setup.contactDomains)}`] : []),
    "[store]",
    `path = "gateway.db"`,
    `secrets-directory = "."`,
    "[log]",
    `level = ${toml(setup.logLevel ?? "info")}`,
    ...(setup.sip ? ["[sip]", ...Object.entries(setup.sip).map(([key, value]) => `${key} = ${toml(value)}`)] : []),
    ...(setup.metricsPort ? ["[metrics]", `listen = "127.0.0.1:${setup.metricsPort}"`] : []),
    "[notifications]",
    ...Object.entries(setup.notifications ?? {}).map(([name, value]) => `${name} = ${toml(value)}`),
  ];
  writeFileSync(join(setup.directory, "component-secret"), `${setup.secret}\n`, { mode: 0o600 });
  writeFileSync(configPath, `${lines.join("\n")}\n`);
  return new GatewayOnDisk(configPath);
}

/** The same for a gateway of this domain whose XMPP server is not there. */
export const prepareAlone = async (
  directory: string,
  domain: string,
  secret = "component secret",
): Promise<GatewayProcess> =>
  prepareGateway({
    directory,
    componentPort: await findFreePort(),
    component: `calendar.${domain}`,
    secret,
    domains: [domain],
    admins: [`carol@${domain}`],
  });

class GatewayOnDisk implements GatewayProcess {
  readonly configPath: string;
  readonly lines: GatewayLogLine[] = [];
  readonly #watchers = new Set<(line: GatewayLogLine) => void>();
  #child: ChildProcess | undefined;

  constructor(configPath: string) {
    this.configPath = configPath;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(event = "gateway.ready"): Promise<void> {
    const child = spawn(process.execPath, [MAIN, "run", "--config", this.configPath], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let complaints = "";
    child.stderr.on("data", (data: Buffer) => {
      complaints = `${complaints}${data.toString()}`.slice(-10_000);
    });
    createInterface({ input: child.stdout }).on("line", (line) => this.#take(line));
    const endWithUs = (): boolean => child.kill("SIGKILL");
    process.once("exit", endWithUs);
    const ended = new Promise<never>((_resolve, reject) =>
      child.once("exit", (code) => {
        process.off("exit", endWithUs);
        reject(new Error(`the gateway ended with ${code}\n${complaints}\n${this.#recount()}`));
      }),
    );
    ended.catch(() => undefined); // a later end is no failure to start
    await Promise.race([ended, this.waitForLog(event, READY_LIMIT)]);
  }

  waitForLog(event: string, limit = 10_000): Promise<GatewayLogLine> {
    return new Promise((resolve, reject) => {
      const watcher = (line: GatewayLogLine): void => {
        if (line.event !== event) return;
        clearTimeout(timer);
        this.#watchers.delete(watcher);
        resolve(line);
      };
      const timer = setTimeout(() => {
        this.#watchers.delete(watcher);
        reject(new Error(`the gateway did not log ${event}\n${this.#recount()}`));
      }, limit);
      this.#watchers.add(watcher);
    });
  }

  command(line: string, environment: Readonly<Record<string, string>> = {}): Promise<CommandOutput> {
    return this.#execute(["command", "--config", this.configPath, line], environment);
  }

  invoke(args: readonly string[]): Promise<CommandOutput> {
    return this.invokeOn(this.configPath, args);
  }

  invokeOn(configPath: string, args: readonly string[]): Promise<CommandOutput> {
    return this.#execute([...args, "--config", configPath], {});
  }

  async end(signal: NodeJS.Signals): Promise<number | undefined> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? undefined;
    return new Promise((resolve) => {
      child.once("exit", (code) => resolve(code ?? undefined));
      child.kill(signal);
    });
  }

  #execute(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<CommandOutput> {
    return new Promise((resolve) => {
      const env = { ...process.env, ...environment };
      execFile(process.execPath, [MAIN, ...args], { env, timeout: 60_000 }, (error, stdout, stderr) => {
        const code = error ? (typeof error.code === "number" ? error.code : 1) : 0;
        resolve({ code, text: `${stdout}${stderr}`.trimEnd() });
      });
    });
  }

  #take(text: string): void {
    const line = parseLine(text);
    this.lines.push(line);
    for (const watcher of [...this.#watchers]) watcher(line);
  }

  #recount(): string {
    return this.lines
      .slice(-30)
      .map((line) => JSON.stringify(line))
      .join("\n");
  }
}

function parseLine(text: string): GatewayLogLine {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && "event" in value && "level" in value) {
      return { ...value, event: String(value.event), level: String(value.level) };
    }
  } catch {
    // Not JSON: shown as it is, below.
  }
  return { level: "text", event: text };
}
