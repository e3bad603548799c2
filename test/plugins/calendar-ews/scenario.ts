import type { z } from "zod";
import definition from "../../../plugins/calendar-ews/index.ts";
import { type Mailbox, parseBareJid, parseMailbox } from "../../../src/core/addresses.ts";
import type { CalendarChange, CalendarSource } from "../../../src/ports/calendar-source.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { type ParameterName, readParameters } from "../../../src/ports/parameters.ts";
import type { PluginContext } from "../../../src/ports/plugin-definition.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import type { XmppLink } from "../../../src/ports/xmpp-link.ts";
import { followClock } from "../../doubles/exchange/clock.ts";
import { type ExchangeOptions, type SimulatedExchange, startExchange } from "../../doubles/exchange/exchange.ts";
import { createInboundContext } from "../../doubles/plugin-context.ts";
import { createTestRuntime, type TestRuntime } from "../../doubles/test-runtime.ts";
import { createTestTrust } from "../../doubles/trust.ts";

const refuse = (): never => {
  throw new Error("a calendar source does not use XMPP");
};

const noXmpp: XmppLink = {
  domain: parseBareJid("gateway.example.com"),
  isOnline: false,
  access: () => undefined,
  health: () => ({ state: "stopped" }),
  send: refuse,
  request: refuse,
  requestAs: refuse,
  handle: refuse,
  watch: refuse,
};

/** The service account of every scenario. */
export const ACCOUNT = { user: "svc", password: "p:ä&s", mayImpersonate: true };

/** A context for the plugin; parameters may be changed while it runs. */
export const createContext = (
  runtime: Runtime,
  parameters: Partial<Record<ParameterName, string>> = {},
): PluginContext => ({
  name: "exchange",
  runtime,
  parameters: readParameters(() => parameters),
  xmpp: noXmpp,
  trust: createTestTrust(),
  ...createInboundContext(),
});

/** A source as the chat command `gateway add` would make it. */
export function createEwsSource(options: z.input<typeof definition.options>, context: PluginContext): CalendarSource {
  return definition.create(definition.options.parse(options), context);
}

type GivenOptions = Partial<z.input<typeof definition.options>>;

/** What a scenario may change. */
export interface ScenarioOptions {
  readonly exchange?: Partial<ExchangeOptions>;
  readonly options?: GivenOptions;
  /** Options that depend on the server's URL. */
  readonly optionsAt?: (url: string) => GivenOptions;
  readonly parameters?: Partial<Record<ParameterName, string>>;
  /** What is to be otherwise of the plugin's context. */
  readonly context?: (runtime: TestRuntime) => Partial<PluginContext>;
}

/** A running server with mailboxes, and a started source, in one simulated time. */
export interface Scenario {
  readonly exchange: SimulatedExchange;
  readonly runtime: TestRuntime;
  readonly source: CalendarSource;
  readonly parameters: Partial<Record<ParameterName, string>>;
  readonly signal: AbortSignal;
  end(): Promise<void>;
}

/** Starts a scenario; `end` it. */
export async function startScenario({
  exchange: given,
  options,
  optionsAt,
  parameters = {},
  context: changed = () => ({}),
}: ScenarioOptions = {}): Promise<Scenario> {
  const runtime = createTestRuntime();
  const exchange = await startExchange({ accounts: [ACCOUNT], clock: followClock(runtime.clock), ...given });
  const context = { ...createContext(runtime, parameters), ...changed(runtime) };
  const login = { url: exchange.url, account: ACCOUNT.user, password: ACCOUNT.password };
  const source = createEwsSource({ ...login, ...options, ...optionsAt?.(exchange.url) }, context);
  const ended = new AbortController();
  await source.start(ended.signal);
  return {
    exchange,
    runtime,
    source,
    parameters,
    signal: ended.signal,
    async end() {
      const stopped = source.stop();
      await until(async () => {
        await runtime.clock.advance(100); // the farewell has two seconds
        return source.health().state === "stopped";
      });
      await stopped;
      ended.abort(new Error("the scenario is over"));
      await exchange.stop();
    },
  };
}

/** Makes `user0@example.com` and so on. */
export function addMailboxes(exchange: SimulatedExchange, count: number): readonly Mailbox[] {
  return Array.from({ length: count }, (_, index) => {
    const smtp = `user${String(index).padStart(3, "0")}@example.com`;
    exchange.addMailbox(smtp);
    return parseMailbox(smtp);
  });
}

/** Waits until the condition holds; fails after twenty seconds of real time. */
export async function until(condition: () => boolean | Promise<boolean>, what = "the condition"): Promise<void> {
  const deadline = performance.now() + 50_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come to hold within 50 s`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits until the condition holds while simulated time passes, five times as fast as real time. */
export async function passUntil(clock: TestRuntime["clock"], condition: () => boolean): Promise<void> {
  let last = performance.now();
  await until(async () => {
    const now = performance.now();
    await clock.advance(Math.round((now - last) * 5));
    last = now;
    return condition();
  });
}

/** A watch whose changes are collected. */
export interface Watch {
  readonly changes: CalendarChange[];
  /** `all`, `changed user000@…`, `failed user000@… ews-…` since the last `forget`; signs of life are left out. */
  readonly words: readonly string[];
  /** What ended the watch; undefined while it runs. */
  readonly error: unknown;
  readonly ended: Promise<void>;
  forget(): void;
  stop(reason?: unknown): void;
}

const word = (change: CalendarChange): string => {
  switch (change.kind) {
    case "all":
    case "alive":
      return change.kind;
    case "changed":
      return `changed ${change.mailbox}`;
    case "failed":
      return `failed ${change.mailbox} ${change.error.code}`;
  }
};

/** Begins to watch and collects until `stop` or an error. */
export function startWatch(source: CalendarSource, mailboxes: readonly Mailbox[]): Watch {
  const stopping = new AbortController();
  const changes: CalendarChange[] = [];
  let error: unknown;
  const collect = async (): Promise<void> => {
    try {
      for await (const change of source.watchChanges?.(mailboxes, stopping.signal) ?? []) changes.push(change);
      error = "returned";
    } catch (caught) {
      error = caught;
    }
  };
  return {
    changes,
    get words() {
      return changes.filter(({ kind }) => kind !== "alive").map(word);
    },
    get error() {
      return error;
    },
    ended: collect(),
    forget: () => changes.splice(0),
    stop: (reason = new Error("stopped watching")) => stopping.abort(reason),
  };
}

/** The error of a promise that must reject with a GatewayError. */
export async function gatewayError(promise: Promise<unknown>): Promise<GatewayError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("it did not reject");
}
