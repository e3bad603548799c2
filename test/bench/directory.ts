import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DirectorySync, type SyncOutcome } from "../../src/engine/directories/directory-sync.ts";
import { Gateway } from "../../src/engine/gateway.ts";
import { LiveParameters } from "../../src/engine/live-parameters.ts";
import { hours } from "../../src/lib/time.ts";
import type { CalendarSource } from "../../src/ports/calendar-source.ts";
import { createClock } from "../../src/shell/runtime.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createTestRuntime } from "../doubles/test-runtime.ts";
import { createLdapSource } from "../lab/ldap-scene.ts";
import { BASE, composeLdif, hasSlapd, startSlapd } from "../lab/slapd.ts";
import type { Figure } from "./figures.ts";

/** After which there is no more hope that the gateway knows everybody. */
const PATIENCE = 120_000;
const LANGUAGES = ["en", "de-AT, en;q=0.5", "fr"] as const;

/** What a real directory of so many people costs: first, again, and when nothing has changed. */
export async function* measureDirectory(people: number): AsyncGenerator<Figure> {
  if (!hasSlapd()) throw new Error("the Debian package slapd is not installed");
  const folder = mkdtempSync(join(tmpdir(), "bench-directory-"));
  const uids = Array.from({ length: people }, (_, index) => `u${String(index).padStart(6, "0")}`);
  const persons = uids.map((uid, index) => ({ uid, language: LANGUAGES[index % LANGUAGES.length] ?? "en" }));
  const slapd = await startSlapd({ ldif: composeLdif(persons, { presence: uids }) });
  const runtime = { ...createTestRuntime(), clock: createClock() };
  const store = openStore({ path: join(folder, "gateway.db"), runtime });
  const parameters = new LiveParameters(store.registry);
  const gateway = new Gateway({
    runtime,
    registry: store.registry,
    journal: store.journal,
    parameters,
    reservedTexts: new Set(),
    publishers: [],
    clientSources: [],
    createCalendarSource: () => QUIET_CALENDARS,
    alert: () => undefined,
    isConnected: () => true,
  });
  try {
    await store.registry.replaceCalendarServer({ name: "main", type: "ews", options: {}, isEnabled: true });
    await gateway.start();
    const source = createLdapSource(slapd, { groups: [`cn=presence,ou=groups,${BASE}`] }, runtime);
    const sync = new DirectorySync(SETTINGS, source, {
      runtime,
      registry: store.registry,
      users: store.directoryUsers,
      servedDomains: ["example.com"],
      configured: new Set([SETTINGS.name]),
      alert: () => undefined,
    });
    const known = async (): Promise<void> => {
      for (const limit = Date.now() + PATIENCE; enabledOf(gateway) < people; await sleep(10))
        if (Date.now() > limit) throw new Error(`the gateway knows ${enabledOf(gateway)} of ${people} users`);
    };
    yield* measureSyncs(sync, known, people);
  } finally {
    await gateway.stop();
    store.close();
    await slapd.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* measureSyncs(sync: DirectorySync, known: () => Promise<void>, people: number): AsyncGenerator<Figure> {
  const { signal } = new AbortController();
  const stalls = monitorEventLoopDelay({ resolution: 5 });
  stalls.enable();
  const first = await timed(async () => {
    const outcome = await sync.sync({ isFull: false }, signal);
    if (outcome.added !== people) throw new Error(`${outcome.added} of ${people} were added`);
    await known();
    return outcome;
  });
  const again: Timed[] = [];
  for (const isFull of [false, true, false]) again.push(await timed(() => sync.sync({ isFull }, signal)));
  stalls.disable();
  const site = `${people} people in a group of a real slapd, read in pages of 500`;
  yield {
    name: "directory.first_seconds",
    value: first.seconds,
    unit: "s",
    bound: { atMost: 20 },
    note: `${site}, until the store has them and the engine knows them`,
  };
  yield {
    name: "directory.again_seconds",
    value: Math.max(...again.map(({ seconds }) => seconds)),
    samples: again.map(({ seconds }) => seconds),
    unit: "s",
    bound: { atMost: 5 },
    note: "nothing has changed: keys and changes, everything, keys and changes; the slowest",
  };
  yield {
    name: "directory.changed_when_nothing_changed",
    value: again.reduce((sum, { outcome }) => sum + outcome.added + outcome.changed + outcome.removed, 0),
    unit: "",
    bound: { atMost: 0 },
    note: "users written by these three",
  };
  yield {
    name: "directory.longest_stall_ms",
    value: stalls.max / 1e6,
    unit: "ms",
    bound: { atMost: 500 },
    note: "the longest that the event loop had no turn, in all of it",
  };
}

interface Timed {
  readonly seconds: number;
  readonly outcome: SyncOutcome;
}

async function timed(work: () => Promise<SyncOutcome>): Promise<Timed> {
  const start = performance.now();
  const outcome = await work();
  return { seconds: (performance.now() - start) / 1000, outcome };
}

const enabledOf = ({ presentities }: Gateway): number => {
  let count = 0;
  for (const { user } of presentities) if (user?.isEnabled) count++;
  return count;
};

const SETTINGS = {
  name: "bench",
  templates: [{ isEnabled: true }],
  interval: hours(1),
  fullInterval: hours(24),
  mostRemovedPercent: 10,
};

/** Calendars without entries, known at once. */
const QUIET_CALENDARS: CalendarSource = {
  capabilities: { maxMailboxesPerFetch: 100, maxMailboxesPerWatch: 100 },
  start: async () => undefined,
  stop: async () => undefined,
  health: () => ({ state: "ok" }),
  fetchBusyTime: async (mailboxes) => mailboxes.map((mailbox) => ({ mailbox, intervals: [] })),
};
