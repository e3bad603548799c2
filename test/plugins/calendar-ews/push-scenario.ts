import { expect } from "vitest";
import type { Mailbox } from "../../../src/core/addresses.ts";
import { seconds } from "../../../src/lib/time.ts";
import { SocketNotificationListener } from "../../../src/shell/notification-listener.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { findFreePort } from "../../lab/free-ports.ts";
import { quiet, watchRequests } from "../../scenarios/quiet.ts";
import { passUntil, type Scenario, type ScenarioOptions, startScenario, startWatch, type Watch } from "./scenario.ts";

/** A scenario whose source hears on a real port of this machine and remembers. */
export interface PushScenario extends Scenario {
  readonly listener: SocketNotificationListener;
  readonly memory: TestMemory;
}

/** Starts it, with the memory and in the time of an earlier run if that is given. */
export async function startPushScenario(
  { parameters = {}, ...options }: ScenarioOptions = {},
  earlier?: PushScenario,
): Promise<PushScenario> {
  parameters["exchange-notification-port"] ??= String(await findFreePort());
  const memory = earlier?.memory ?? new TestMemory();
  const listeners: SocketNotificationListener[] = [];
  const scenario = await startScenario({
    ...options,
    parameters,
    context: (own) => {
      const runtime = earlier?.runtime ?? own;
      const port = (): number => Number(parameters["exchange-notification-port"]);
      const listener = new SocketNotificationListener({ runtime, listen: "127.0.0.1", address: "127.0.0.1", port });
      listeners.push(listener);
      return { listener, memory, runtime };
    },
  });
  const [listener] = listeners;
  if (!listener) throw new Error("a listener");
  return {
    ...scenario,
    runtime: earlier?.runtime ?? scenario.runtime,
    listener,
    memory,
    async end() {
      await scenario.end();
      await listener.close();
    },
  };
}

/** Begins to watch and waits until everything is subscribed to. */
export async function watchUp(scenario: PushScenario, mailboxes: readonly Mailbox[]): Promise<Watch> {
  const watch = startWatch(scenario.source, mailboxes);
  await told(scenario, watch, "all");
  expect(watch.error).toBeUndefined();
  return watch;
}

/** Waits until the watch has told all these words, while a little time passes. */
export const told = ({ runtime }: Scenario, watch: Watch, ...words: readonly string[]): Promise<void> =>
  passUntil(runtime.clock, () => watch.error !== undefined || words.every((word) => watch.words.includes(word)));

/** Lets time pass in small steps, each once the requests of the one before are answered. */
export async function pass(
  { runtime, exchange }: Scenario,
  length: number,
  isEnough: () => boolean = () => false,
): Promise<void> {
  const { stats } = exchange;
  const progress = (): string =>
    [stats.inFlight, stats.subscriptions, stats.connections, Object.values(stats.requests)].join();
  const requests = watchRequests();
  for (let passed = 0; passed < length && !isEnough(); passed += seconds(15)) {
    await runtime.clock.advance(seconds(15));
    await quiet(progress, requests);
  }
  requests.end();
}
