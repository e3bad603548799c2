import { afterEach } from "vitest";
import type { z } from "zod";
import definition from "../../../plugins/calendar-webdav/index.ts";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import type { BusyInterval } from "../../../src/core/busy-time.ts";
import { hours, plus, type TimeWindow } from "../../../src/lib/time.ts";
import type { CalendarSource } from "../../../src/ports/calendar-source.ts";
import type { ParameterName } from "../../../src/ports/parameters.ts";
import type { PluginContext } from "../../../src/ports/plugin-definition.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { createTestRuntime, MONDAY_MORNING, type TestRuntime } from "../../doubles/test-runtime.ts";
import { LoopbackListener } from "../../doubles/webdav/loopback-listener.ts";
import { startWebdavServer, type WebdavServer, type WebdavServerOptions } from "../../doubles/webdav/webdav-server.ts";
import { createContext, until } from "../calendar-ews/scenario.ts";

/** The service account of every scenario. */
export const ACCOUNT = { user: "svc", password: "p:ä&s", mayImpersonate: true };

export const ALICE = parseMailbox("alice@example.com");
export const BOB = parseMailbox("bob@example.com");
export const CAROL = parseMailbox("carol@example.com");

export const DAY: TimeWindow = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };

/** A meeting of an hour, so many hours after Monday nine. */
export const meetingAt = (hour: number, status: BusyInterval["status"] = "busy"): BusyInterval => ({
  start: plus(MONDAY_MORNING, hours(hour)),
  end: plus(MONDAY_MORNING, hours(hour + 1)),
  status,
});

/** What a source of a test is given beside its options. */
export interface Surroundings {
  readonly runtime: Runtime;
  readonly listener?: LoopbackListener;
  readonly memory?: TestMemory;
  readonly parameters?: Partial<Record<ParameterName, string>>;
}

/** A source as the chat command `gateway add` would make it. */
export function createWebdavSource(
  options: z.input<typeof definition.options>,
  { runtime, parameters, listener = new LoopbackListener(), memory = new TestMemory() }: Surroundings,
): CalendarSource {
  const context: PluginContext = { ...createContext(runtime, parameters), listener, memory };
  return definition.create(definition.options.parse(options), context);
}

/** What a scenario may change. */
export interface ScenarioOptions {
  readonly server?: Partial<WebdavServerOptions>;
  readonly options?: Partial<z.input<typeof definition.options>>;
  readonly parameters?: Partial<Record<ParameterName, string>>;
  readonly memory?: TestMemory;
  readonly listener?: LoopbackListener;
}

/** A running server with the mailboxes of alice, bob and carol, and a started source, in one simulated time. */
export interface Scenario {
  readonly server: WebdavServer;
  readonly runtime: TestRuntime;
  readonly source: CalendarSource;
  readonly listener: LoopbackListener;
  readonly memory: TestMemory;
  readonly signal: AbortSignal;
  /** Another source for the same server, as after a restart; `end` does not stop it. */
  restarted(): Promise<CalendarSource>;
  /** Stops the source, letting time pass. */
  stop(source?: CalendarSource): Promise<void>;
  end(): Promise<void>;
}

/** Starts a scenario; `end` it. */
export async function startScenario(given: ScenarioOptions = {}): Promise<Scenario> {
  const runtime = createTestRuntime();
  const server = await startWebdavServer({ accounts: [ACCOUNT], clock: followClock(runtime.clock), ...given.server });
  for (const mailbox of [ALICE, BOB, CAROL]) server.addMailbox(mailbox);
  const { listener = new LoopbackListener(), memory = new TestMemory(), parameters = {} } = given;
  const options = { url: server.url, account: ACCOUNT.user, password: ACCOUNT.password, ...given.options };
  const { signal } = new AbortController();
  const create = async (): Promise<CalendarSource> => {
    const created = createWebdavSource(options, { runtime, listener, memory, parameters });
    await created.start(signal);
    return created;
  };
  const source = await create();
  const stop = async (which = source): Promise<void> => {
    let isOver = false;
    const stopped = which.stop().finally(() => {
      isOver = true;
    });
    await until(async () => {
      await runtime.clock.advance(100); // the farewell has two seconds
      return isOver;
    });
    await stopped;
  };
  const end = async (): Promise<void> => {
    await stop();
    server.stop();
  };
  return { server, runtime, source, listener, memory, signal, restarted: create, stop, end };
}

/** Starts scenarios for the tests of a file, each of which is ended after its test. */
export function useScenarios(): typeof startScenario {
  const started: Scenario[] = [];
  afterEach(async () => {
    for (const scenario of started.splice(0)) await scenario.end();
  });
  return async (options) => {
    const scenario = await startScenario(options);
    started.push(scenario);
    return scenario;
  };
}

/** Adds `user0@example.com` and so on. */
export const addMailboxes = (server: WebdavServer, count: number): readonly Mailbox[] =>
  Array.from({ length: count }, (_, index) => {
    const smtp = `user${index}@example.com`;
    server.addMailbox(smtp);
    return parseMailbox(smtp);
  });
