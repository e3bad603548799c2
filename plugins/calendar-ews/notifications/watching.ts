import type { Mailbox } from "../../../src/core/addresses.ts";
import { type Milliseconds, milliseconds, minutes } from "../../../src/lib/time.ts";
import type { PluginContext } from "../../../src/ports/plugin-definition.ts";
import type { EwsClient } from "../ews-client.ts";
import { concernsMailbox } from "../ews-errors.ts";
import { type SubscriptionGroup, unsubscribeKept } from "../subscription-group.ts";
import { type KeptSubscription, KeptSubscriptions } from "./kept-subscriptions.ts";
import type { Farewell, WatchDeps } from "./watch-deps.ts";
import { type NOTIFICATION_OPTIONS, type Way, WayChoice } from "./way-choice.ts";

/** What an administrator says about notifications. */
export interface WatchOptions {
  readonly way: (typeof NOTIFICATION_OPTIONS)[number];
  readonly port: number | undefined;
  readonly sources: readonly string[];
}

// Pulling asks for each mailbox alone: at most ten requests a second, so that 15,000 mailboxes take 25 minutes.
const SHORTEST_PULL = minutes(5);
const PULL_PACE = milliseconds(100);

/** All that is watched at one server, however it tells. */
export class Watching {
  readonly deps: Omit<WatchDeps, "key">;
  readonly #kept: KeptSubscriptions;
  readonly #groups = new Set<SubscriptionGroup>();
  readonly #farewells = new Set<Promise<void>>();

  /** @param lifetime aborts when the source stops */
  constructor(client: EwsClient, options: WatchOptions, context: PluginContext, lifetime: AbortSignal) {
    const { runtime, parameters, listener, memory } = context;
    const { clock } = runtime;
    const { host } = client;
    const hasStreaming = (): boolean => client.requestVersion !== "Exchange2007_SP1";
    const unsubscribe = (kept: KeptSubscription): Promise<void> => endKept(client, kept, lifetime);
    this.#kept = new KeptSubscriptions({ host, memory, clock, unsubscribe });
    this.deps = {
      client,
      clock,
      runtime,
      kept: this.#kept,
      ways: new WayChoice({ host, option: options.way, runtime, hasStreaming }),
      listener,
      port: options.port,
      sources: options.sources,
      statusFrequency: () => parameters.integer("ews-status-frequency"),
      pullInterval: () => this.#pullInterval(),
      register: (group) => {
        this.#groups.add(group);
        return (how) => this.#bid(group, how);
      },
    };
  }

  /** The mailbox is not watched any more; its subscription is ended, and nobody waits for that. */
  giveUp(mailbox: Mailbox): void {
    for (const group of this.#groups) group.giveUp(mailbox);
  }

  /** Ends what is subscribed, within two seconds; what is not confirmed is remembered. */
  async sayFarewell(): Promise<void> {
    this.#kept.close();
    for (const group of this.#groups) this.#bid(group, "ended");
    await Promise.all(this.#farewells);
  }

  /** `notifications by push for 3 of 5 mailboxes`, for each way in use. */
  describe(): string {
    const parts = (["streaming", "push", "pull"] as const).flatMap((way) => {
      const { standing, all } = this.#count(way);
      return all === 0 ? [] : [`notifications by ${way} for ${standing} of ${all} mailboxes`];
    });
    return parts.join(", ") || "nothing watched";
  }

  #count(way: Way): { readonly standing: number; readonly all: number } {
    const groups = [...this.#groups].filter((group) => group.way === way);
    const sum = (count: (group: SubscriptionGroup) => number): number =>
      groups.reduce((total, group) => total + count(group), 0);
    return { standing: sum(({ ids }) => ids.length), all: sum(({ size }) => size) };
  }

  #pullInterval(): Milliseconds {
    return milliseconds(Math.max(SHORTEST_PULL, this.#count("pull").all * PULL_PACE));
  }

  #bid(group: SubscriptionGroup, how: Parameters<Farewell>[0]): void {
    if (!this.#groups.delete(group)) return;
    if (how === "lost") {
      group.leave();
      return;
    }
    const farewell = group.unsubscribe().finally(() => this.#farewells.delete(farewell));
    this.#farewells.add(farewell);
  }
}

/** A mailbox that is gone has no subscriptions any more. */
async function endKept(client: EwsClient, kept: KeptSubscription, signal: AbortSignal): Promise<void> {
  try {
    await unsubscribeKept(client, kept, signal);
  } catch (error) {
    if (!concernsMailbox(error)) throw error;
  }
}
