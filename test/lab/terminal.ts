import { execFile, execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** A program for the terminal, and the files that it finds in its home. */
export interface TerminalSetup {
  readonly program: string;
  readonly args?: readonly string[];
  /** Path below the home directory → content. */
  readonly files: Readonly<Record<string, string>>;
  /** Columns and rows. */
  readonly size: readonly [number, number];
  /** Runs it as nobody when the tests run as root, for programs that refuse root. */
  readonly asNobody?: boolean;
}

/** A program in a terminal of its own (tmux), as a person uses it. */
export interface Terminal {
  /** Types a line and presses Enter. */
  type(line: string): Promise<void>;
  /** Presses a key by tmux's name, such as `F5` or `Escape`. */
  press(key: string): Promise<void>;
  /** What the terminal shows. */
  screen(): Promise<string>;
  /** Waits until the terminal shows it, up to the deadline (milliseconds); rejects with what it shows. */
  waitFor(pattern: RegExp, deadline?: number): Promise<string>;
  close(): Promise<void>;
}

const run = promisify(execFile);
const DEADLINE = 15_000;
/** The user without rights, on Debian. */
export const NOBODY = 65_534;

/** Which of these Debian programs are missing on this machine. */
export const missingPrograms = (names: readonly string[]): readonly string[] =>
  names.filter((name) => !existsSync(`/usr/bin/${name}`));

/** Puts before a command what makes root nobody; other users stay who they are. */
export const asNobody = (command: readonly string[]): readonly string[] =>
  process.getuid?.() === 0
    ? ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", ...command]
    : command;

/** Gives the file or folder to nobody when the tests run as root. */
export function giveToNobody(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, NOBODY, NOBODY);
}

/** Starts the program. */
export async function openTerminal(setup: TerminalSetup): Promise<Terminal> {
  const { program, args = [], size } = setup;
  const directory = mkdtempSync(join(tmpdir(), `${program}-`));
  const home = join(directory, "home");
  furnish(home, setup);
  if (setup.asNobody) giveToNobody(directory);
  const tmux = async (...words: readonly string[]): Promise<string> =>
    (await run("tmux", ["-S", join(directory, "tmux"), "-f", "/dev/null", ...words])).stdout;
  const environment = { HOME: home, XDG_CONFIG_HOME: home, XDG_DATA_HOME: home, XDG_CACHE_HOME: home, LANG: "C.UTF-8" };
  const settings = Object.entries({ ...environment, TERM: "screen-256color" }).map(
    ([name, value]) => `${name}=${value}`,
  );
  const command = ["env", `--chdir=${home}`, ...settings, program, ...args];
  const [columns, rows] = size;
  const whole = setup.asNobody ? asNobody(command) : command;
  await tmux("new-session", "-d", "-x", `${columns}`, "-y", `${rows}`, ...whole);
  const end = (): void => {
    try {
      execFileSync("tmux", ["-S", join(directory, "tmux"), "kill-server"], { stdio: "ignore" });
    } catch {
      // The server ends with its only session; it has ended already.
    }
  };
  process.once("exit", end);
  const screen = (): Promise<string> => tmux("capture-pane", "-p", "-J");
  return {
    async type(line) {
      await tmux("send-keys", "-l", line);
      await tmux("send-keys", "Enter");
    },
    async press(key) {
      await tmux("send-keys", key);
    },
    screen,
    waitFor: (pattern, deadline = DEADLINE) => untilShown(program, screen, pattern, deadline),
    async close() {
      process.off("exit", end);
      end();
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function furnish(home: string, { files, asNobody: isNobodys }: TerminalSetup): void {
  mkdirSync(home);
  const give = isNobodys ? giveToNobody : () => undefined;
  give(home);
  for (const [path, content] of Object.entries(files)) {
    const file = join(home, path);
    mkdirSync(dirname(file), { recursive: true });
    give(dirname(file));
    writeFileSync(file, content, { mode: 0o600 });
    give(file);
  }
}

async function untilShown(
  program: string,
  screen: () => Promise<string>,
  pattern: RegExp,
  deadline: number,
): Promise<string> {
  const until = performance.now() + deadline;
  for (;;) {
    const shown = await screen();
    if (pattern.test(shown)) return shown;
    if (performance.now() > until) throw new Error(`${program} did not show ${pattern}:\n${shown}`);
    await sleep(100);
  }
}
