import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ClientAccount } from "../profanity.ts";
import { asNobody, giveToNobody, missingPrograms } from "../terminal.ts";

/** What a Gajim shall do, and for whom. */
export interface GajimSetup {
  readonly account: ClientAccount;
  /** Path of the Python program that acts as the person; it uses gajim_person.py. */
  readonly script: string;
  /** What the program needs to know beside the account. */
  readonly task: Readonly<Record<string, unknown>>;
  /** Width and height of the screen, in pixels. */
  readonly size: readonly [number, number];
}

/** What the person tells: the texts of a window, and the path of its picture. */
export interface GajimFact {
  readonly texts: readonly string[];
  readonly picture: string | undefined;
}

/** The Gajim of Debian on a screen of its own (Xvfb), with a person at it. */
export interface Gajim {
  /** Waits for the first fact after `from` (a count) that the predicate accepts; rejects with what was told. */
  waitFor(predicate: (fact: GajimFact) => boolean, from?: number): Promise<GajimFact>;
  /** Everything told so far. */
  readonly facts: readonly GajimFact[];
  /** Resolves when the program has ended well, and rejects with its complaints otherwise. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

const PERSON = fileURLToPath(new URL("gajim_person.py", import.meta.url));
const PROGRAMS = ["gajim", "xvfb-run", "dbus-run-session", "import"];
const LIMIT = 30_000;
/** Longer than this no Gajim lives. */
const LIFETIME = 55_000;
const Fact = z.object({ texts: z.array(z.string()), picture: z.string().optional() });

/** What is missing on this machine, in words with what to install; `undefined` when all is there. */
export function findMissingGajim(): string | undefined {
  const missing = missingPrograms(PROGRAMS);
  if (missing.length === 0) return undefined;
  return `${missing.join(", ")} not installed (apt-get install gajim xvfb xauth dbus-daemon imagemagick)`;
}

/** Starts Gajim, as nobody when the tests run as root, since it refuses root. */
export function openGajim({ account, script, task, size: [width, height] }: GajimSetup): Gajim {
  const home = mkdtempSync(join(tmpdir(), "gajim-"));
  const out = join(home, "out");
  for (const name of ["config", "run", "out"]) mkdirSync(join(home, name), { mode: 0o700 });
  for (const file of [script, PERSON]) copyFileSync(file, join(home, basename(file)));
  for (const name of ["", "config", "run", "out", ...[script, PERSON].map((file) => basename(file))])
    giveToNobody(join(home, name));
  const [user, domain] = account.jid.split("@");
  const setup = JSON.stringify({ ...task, user, domain, password: account.password, port: account.port, out });
  const screen = ["xvfb-run", "-a", "-s", `-screen 0 ${width}x${height}x24`, "dbus-run-session", "--"];
  const [program = "", ...args] = asNobody([...screen, "/usr/bin/python3", join(home, basename(script)), setup]);
  const child = spawn(program, args, { cwd: home, env: environmentOf(home), detached: true });
  return new RunningGajim(child, home, out);
}

const environmentOf = (home: string): NodeJS.ProcessEnv => ({
  PATH: "/usr/bin:/bin",
  LANG: "C.UTF-8",
  HOME: home,
  XDG_CONFIG_HOME: join(home, "config"),
  XDG_DATA_HOME: join(home, "data"),
  XDG_CACHE_HOME: join(home, "cache"),
  XDG_RUNTIME_DIR: join(home, "run"),
  PYTHON_KEYRING_BACKEND: "keyring.backends.null.Keyring",
  NO_AT_BRIDGE: "1",
});

class RunningGajim implements Gajim {
  readonly facts: GajimFact[] = [];
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #home: string;
  #complaints = "";

  constructor(child: ChildProcess, home: string, out: string) {
    this.#child = child;
    this.#home = home;
    child.stderr?.on("data", (data: Buffer) => {
      this.#complaints = `${this.#complaints}${data}`.slice(-5000);
    });
    if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => this.#take(line, out));
    process.once("exit", this.#kill);
    const impatience = setTimeout(this.#kill, LIFETIME);
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(this.#recount(`ended with ${code}`)))));
    });
    child.once("close", () => clearTimeout(impatience));
    this.ended.catch(() => undefined); // heard by those who wait
  }

  async waitFor(predicate: (fact: GajimFact) => boolean, from = 0): Promise<GajimFact> {
    const until = performance.now() + LIMIT;
    for (;;) {
      const found = this.facts.slice(from).find(predicate);
      if (found) return found;
      if (this.#child.exitCode !== null || performance.now() > until) throw new Error(this.#recount("did not show it"));
      await sleep(50);
    }
  }

  async close(): Promise<void> {
    // The person leaves when nobody listens any more, and the screen and the bus go with them.
    this.#child.stdin?.end();
    const impatience = setTimeout(this.#kill, 3000);
    await this.ended.catch(() => undefined);
    clearTimeout(impatience);
    process.off("exit", this.#kill);
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 3 });
  }

  readonly #kill = (): void => {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, "SIGKILL");
    } catch {
      // gone
    }
  };

  #take(line: string, out: string): void {
    if (!line.startsWith("{")) return; // Gajim's own words
    const { texts, picture } = Fact.parse(JSON.parse(line));
    this.facts.push({ texts, picture: picture === undefined ? undefined : join(out, picture) });
  }

  #recount(what: string): string {
    return `Gajim ${what}: ${JSON.stringify(this.facts.slice(-5))}\n${this.#complaints}`;
  }
}
