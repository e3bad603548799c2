import { GraphWatching } from "../../../../plugins/calendar-graph/notifications/graph-watching.ts";
import { type Mailbox, parseMailbox } from "../../../../src/core/addresses.ts";
import type { CalendarChange } from "../../../../src/ports/calendar-source.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";
import type { NotificationListener } from "../../../../src/ports/notification-listener.ts";
import { DirectWebhooks } from "../../../doubles/direct-webhooks.ts";
import { followClock } from "../../../doubles/exchange/clock.ts";
import { settle } from "../../../doubles/fake-clock.ts";
import type { Post } from "../../../doubles/microsoft/notification-delivery.ts";
import { CloudSubscriptions } from "../../../doubles/microsoft/subscriptions.ts";
import { TestMemory } from "../../../doubles/plugin-context.ts";
import { createTestRuntime, type TestRuntime } from "../../../doubles/test-runtime.ts";
import { ScriptedGraph } from "./scripted-graph.ts";

export const ALICE = parseMailbox("alice@example.com");
export const BOB = parseMailbox("bob@example.com");
export const CAROL = parseMailbox("carol@example.com");
export const ALL = [ALICE, BOB, CAROL];

/** What one watch told, in words: `all`, `alice`, `failed alice graph-…`, `alive`; and how it ended. */
export interface Told {
  readonly words: string[];
  end: unknown;
  readonly stop: AbortController;
}

/** How a scenario differs from the usual. */
export interface ScenarioOptions {
  readonly pageSize?: number;
  /** What hears, and how the cloud reaches it. */
  readonly connect?: (runtime: TestRuntime) => { readonly listener: NotificationListener; readonly post: Post };
}

/** One tenant in simulated time, one gateway's memory, and the watching that is at work. */
export class Scenario {
  readonly runtime: TestRuntime = createTestRuntime();
  readonly webhooks = new DirectWebhooks();
  readonly #listener: NotificationListener;
  readonly memory = new TestMemory();
  readonly access = new Map<string, "denied" | "not-found">();
  readonly cloud: CloudSubscriptions;
  readonly graph: ScriptedGraph;
  watching: GraphWatching;
  #lifetime = new AbortController();

  constructor({ pageSize = 2, connect }: ScenarioOptions = {}) {
    const { listener, post } = connect?.(this.runtime) ?? {
      listener: this.webhooks,
      post: (url: string, body: string) => this.webhooks.post(url, body),
    };
    this.#listener = listener;
    this.cloud = new CloudSubscriptions({
      clock: followClock(this.runtime.clock),
      post,
      origin: "https://graph.microsoft.com",
      access: (mailbox) => this.access.get(mailbox) ?? "granted",
      pageSize,
    });
    this.graph = new ScriptedGraph(this.cloud);
    this.watching = this.#start();
  }

  /** Stops as the program does and starts again with what was remembered. */
  async restart(): Promise<void> {
    await this.stop();
    this.watching = this.#start();
  }

  async stop(): Promise<void> {
    this.#lifetime.abort(new GatewayError("stopped", { type: "cancel", code: "graph-stopped" }));
    await this.watching.close();
    await settle();
  }

  /** Begins to watch. */
  watch(mailboxes: readonly Mailbox[] = ALL): Told {
    const told: Told = { words: [], end: undefined, stop: new AbortController() };
    const read = async (): Promise<void> => {
      try {
        for await (const change of this.watching.watchChanges(mailboxes, told.stop.signal))
          told.words.push(word(change));
        told.end = "returned";
      } catch (error) {
        told.end = error;
      }
    };
    void read(); // never rejects
    return told;
  }

  /** Begins to watch, and has heard `all`. */
  async watchUp(mailboxes: readonly Mailbox[] = ALL): Promise<Told> {
    const told = this.watch(mailboxes);
    await this.pass(0);
    told.words.splice(0, told.words.indexOf("all") + 1);
    return told;
  }

  /** Lets simulated time pass and everything that follows happen. */
  async pass(length: number): Promise<void> {
    await this.runtime.clock.advance(length);
    await this.cloud.delivery.settle();
    await settle();
  }

  #start(): GraphWatching {
    this.#lifetime = new AbortController();
    const { runtime, memory } = this;
    return new GraphWatching(this.graph, { runtime, listener: this.#listener, memory }, this.#lifetime.signal);
  }
}

const nameOf = (mailbox: Mailbox): string => mailbox.split("@", 1)[0] ?? "";

function word(change: CalendarChange): string {
  if (change.kind === "changed") return nameOf(change.mailbox);
  return change.kind === "failed" ? `failed ${nameOf(change.mailbox)} ${change.error.code}` : change.kind;
}
