import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { findMissingGajim, openGajim } from "../../lab/gajim/gajim.ts";
import { startMcabber } from "../../lab/mcabber.ts";
import { startPoezio } from "../../lab/poezio.ts";
import { type ClientAccount, startProfanity } from "../../lab/profanity.ts";
import { missingPrograms, type Terminal } from "../../lab/terminal.ts";

/** What a client shows of alice at one moment, in its own words. */
export interface Shown {
  /** From her presence: show and status. */
  readonly presence: string;
  /** From her PEP node (XEP-0108); `undefined` when nothing is shown of it. */
  readonly activity: string | undefined;
  /** The whole of it: the text of a terminal, or the path of a picture. */
  readonly screen: { readonly text: string } | { readonly picture: string };
}

/** A running client of bob, who has alice in the roster, where she is shown. */
export interface BobsClient {
  meeting(): Promise<Shown>;
  /** In the meeting, when bob logged in during it. */
  later(): Promise<Shown>;
  /** After the meeting. */
  end(): Promise<Shown>;
  close(): Promise<void>;
}

/** A Jabber client that people use. */
export interface WatchedClient {
  readonly name: string;
  /** Of Debian. */
  readonly package: string;
  /** What is missing on this machine, in words with what to install; `undefined` when all is there. */
  findMissing(): string | undefined;
  start(account: ClientAccount): Promise<BobsClient>;
}

/** How a client for the terminal says it; the last group of a pattern is what is quoted, or else the whole match. */
interface Words {
  readonly presence: readonly RegExp[];
  readonly activity?: RegExp;
}

interface TerminalClient {
  readonly name: string;
  readonly start: (account: ClientAccount, size: readonly [number, number]) => Promise<Terminal>;
  readonly size: readonly [number, number];
  /** Makes alice visible. */
  readonly open: (terminal: Terminal) => Promise<unknown>;
  /** The text in the order of reading, where the screen has columns. */
  readonly read?: (screen: string) => string;
  readonly meeting: Words;
  /** After a login during the meeting, when that differs. */
  readonly later?: Words;
  readonly end: Words;
}

const LIMIT = 15_000;
const ROSTER_SCRIPT = fileURLToPath(new URL("gajim-roster.py", import.meta.url));

/** Poezio's texts are in the column on the right, where long lines are wrapped. */
const rightColumn = (screen: string): string =>
  screen
    .split("\n")
    .map((line) => line.split("│")[2] ?? "")
    .join(" ");

const TERMINAL_CLIENTS: readonly TerminalClient[] = [
  {
    name: "Profanity",
    start: startProfanity,
    size: [100, 12],
    async open(terminal) {
      await terminal.waitFor(/ alice/);
      await terminal.type("/info alice@example.test");
      await terminal.waitFor(/pc \(0\)/);
    },
    meeting: { presence: [/alice(?:@example\.test)? \(pc\) is dnd, "In a meeting"/] },
    later: { presence: [/pc \(0\), dnd, "In a meeting"/] },
    end: { presence: [/dnd, "In a meeting".*(alice(?:@example\.test)? \(pc\) is online)/s] },
  },
  {
    name: "mcabber",
    start: startMcabber,
    size: [80, 14],
    async open(terminal) {
      await terminal.waitFor(/\[[do]\] alice/);
      await terminal.type("/roster search alice");
      await terminal.waitFor(/\[[do]\] Buddy: alice/);
    },
    meeting: { presence: [/\[d\] Buddy: alice(?:@example\.test)? -- In a meeting/] },
    end: { presence: [/\[o\] Buddy: alice(?:@example\.test)?$/m] },
  },
  {
    name: "poezio",
    start: startPoezio,
    size: [120, 20],
    async open(terminal) {
      await terminal.waitFor(/\[\+\] alice/);
      await terminal.press("Down");
      await terminal.waitFor(/│alice@example\.test \(/);
    },
    read: rightColumn,
    meeting: {
      presence: [/alice@example\.test \(dnd\)/, /Status: In a meeting/],
      activity: /Activity from alice@example\.test: Working\/In a meeting \(In a meeting\)/,
    },
    end: {
      presence: [/alice@example\.test \(\)/, /Status:(?! In)/],
      activity: /Working\/In a meeting.*(alice@example\.test stopped doing their activity)/,
    },
  },
];

/** The clients of the test, and of docs/CLIENTS.md. */
export const WATCHED_CLIENTS: readonly WatchedClient[] = [
  ...TERMINAL_CLIENTS.map(inTerminal),
  { name: "Gajim", package: "gajim", findMissing: findMissingGajim, start: startGajim },
];

function inTerminal(client: TerminalClient): WatchedClient {
  const name = client.name.toLowerCase();
  return {
    name: client.name,
    package: name,
    findMissing() {
      const missing = missingPrograms([name, "tmux"]);
      return missing.length > 0 ? `${missing.join(", ")} not installed (apt-get install ${name} tmux)` : undefined;
    },
    async start(account) {
      const terminal = await client.start(account, client.size);
      const shows = (words: Words): Promise<Shown> => vi.waitFor(() => look(terminal, client, words), LIMIT);
      const self: BobsClient = {
        meeting: () => shows(client.meeting),
        later: () => shows(client.later ?? client.meeting),
        end: () => shows(client.end),
        close: () => terminal.close(),
      };
      await client.open(terminal).catch(async (error: unknown) => {
        await self.close();
        throw error;
      });
      return self;
    },
  };
}

async function look(terminal: Terminal, { name, read }: TerminalClient, words: Words): Promise<Shown> {
  const text = await terminal.screen();
  const shown = (read?.(text) ?? text).replace(/ +/g, " ").replace(/ $/gm, "");
  const quote = (pattern: RegExp): string => {
    const match = pattern.exec(shown);
    if (!match) throw new Error(`${name} does not show ${pattern}:\n${text}`);
    return match.at(-1) ?? "";
  };
  return {
    presence: words.presence.map(quote).join("; "),
    activity: words.activity && quote(words.activity),
    screen: { text },
  };
}

async function startGajim(account: ClientAccount): Promise<BobsClient> {
  const contact = "alice@example.test";
  const gajim = openGajim({ account, script: ROSTER_SCRIPT, task: { contact }, size: [800, 500] });
  let heard = 0;
  const shows = async (texts: readonly string[]): Promise<Shown> => {
    // Name and address stand below what is asked for.
    const expected = [...texts, "alice", contact].join();
    const { picture = "" } = await gajim.waitFor((fact) => fact.texts.join() === expected, heard);
    heard = gajim.facts.length;
    return { presence: texts.join("; "), activity: undefined, screen: { picture } };
  };
  await gajim
    .waitFor(({ texts }) => texts.includes(contact))
    .catch(async (error: unknown) => {
      await gajim.close();
      throw error;
    });
  const meeting = (): Promise<Shown> => shows(["Busy (pc)", "In a meeting"]);
  return {
    meeting,
    later: meeting,
    end: () => shows(["Available (pc)"]),
    close: () => gajim.close(),
  };
}
