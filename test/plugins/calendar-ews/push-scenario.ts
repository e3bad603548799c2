import { seconds } from "../../../src/lib/time.ts";
import { SocketNotificationListener } from "../../../src/shell/notification-listener.ts";
import { settle } from "../../doubles/fake-clock.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import { freePort } from "../../shell/notification-stage.ts";
import { passUntil, type Scenario, type ScenarioOptions, startScenario, until, type Watch } from "./scenario.ts";

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
  parameters["exchange-notification-port"] ??= String(await freePort());
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

/** Waits until the watch has told all these words, while a little time passes. */
export const told = ({ runtime }: Scenario, watch: Watch, ...words: readonly string[]): Promise<void> =>
  passUntil(runtime.clock, () => watch.error !== undefined || words.every((word) => watch.words.includes(word)));

/** Lets time pass in small steps, each once the requests of the one before are answered. */
export async function pass({ runtime, exchange }: Scenario, length: number, until_: () => boolean = () => false) {
  for (let passed = 0; passed < length && !until_(); passed += seconds(15)) {
    await runtime.clock.advance(seconds(15));
    for (let turn = 0; turn < 3; turn++) await settle();
    await until(() => exchange.stats.inFlight === exchange.stats.streamingConnections, "quiet");
  }
}
