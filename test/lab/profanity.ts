import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** Whose client it is, and where the server listens on 127.0.0.1. */
export interface ProfanityOptions {
  readonly jid: string;
  readonly password: string;
  readonly port: number;
}

/** The Profanity of Debian in a terminal of its own (tmux), as a person uses it. */
export interface Profanity {
  /** Types a line and presses Enter. */
  type(line: string): Promise<void>;
  /** What the terminal shows. */
  screen(): Promise<string>;
  /** Waits until the terminal shows it; rejects with what it shows. */
  waitFor(pattern: RegExp, deadline?: number): Promise<string>;
  close(): Promise<void>;
}

const run = promisify(execFile);
const DEADLINE = 15_000;
/** Long lines of the client must not be cut. */
const SIZE = ["-x", "200", "-y", "60"];

/** What is missing on this machine; `undefined` when all is there. */
export const findMissing = (): string | undefined =>
  ["profanity", "tmux"].find((name) => !existsSync(`/usr/bin/${name}`));

/** Starts the client and resolves when it is logged in. */
export async function startProfanity({ jid, password, port }: ProfanityOptions): Promise<Profanity> {
  const directory = mkdtempSync(join(tmpdir(), "profanity-"));
  const socket = join(directory, "tmux");
  const folder = join(directory, "profanity");
  mkdirSync(folder);
  const account = ["enabled=true", `jid=${jid}`, `password=${password}`, "server=127.0.0.1", `port=${port}`];
  const more = ["tls.policy=disable", "auth.policy=default", "resource=profanity", "presence.last=online"];
  writeFileSync(join(folder, "accounts"), [`[${jid}]`, ...account, ...more, ""].join("\n"), { mode: 0o600 });
  const tmux = async (...args: readonly string[]): Promise<string> =>
    (await run("tmux", ["-S", socket, "-f", "/dev/null", ...args])).stdout;
  const environment = { HOME: directory, XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory, LANG: "C.UTF-8" };
  const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  await tmux("new-session", "-d", ...SIZE, "env", ...settings, "TERM=screen", "profanity", "-a", jid);
  const end = (): void => {
    // The server ends with its only session; it may have ended already.
    execFileSync("tmux", ["-S", socket, "kill-server"], { stdio: "ignore" });
  };
  const endQuietly = (): void => {
    try {
      end();
    } catch {
      // gone
    }
  };
  process.once("exit", endQuietly);
  const self: Profanity = {
    async type(line) {
      await tmux("send-keys", "-l", line);
      await tmux("send-keys", "Enter");
    },
    screen: () => tmux("capture-pane", "-p", "-J"),
    async waitFor(pattern, deadline = DEADLINE) {
      const until = Date.now() + deadline;
      for (;;) {
        const shown = await self.screen();
        if (pattern.test(shown)) return shown;
        if (Date.now() > until) throw new Error(`Profanity did not show ${pattern}:\n${shown}`);
        await sleep(100);
      }
    },
    async close() {
      process.off("exit", endQuietly);
      endQuietly();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await self.waitFor(/logged in successfully|Roster:|online/i).catch(async (error: unknown) => {
    await self.close();
    throw error;
  });
  return self;
}
