import type { Mailbox } from "../../../src/core/addresses.ts";
import type { Milliseconds } from "../../../src/lib/time.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../../src/ports/errors.ts";
import type { NotificationListener } from "../../../src/ports/notification-listener.ts";
import type { Runtime } from "../../../src/ports/runtime.ts";
import { ewsError } from "../ews-errors.ts";
import type { GroupDeps, SubscriptionGroup } from "../subscription-group.ts";
import type { WayChoice } from "./way-choice.ts";

/** `ended`: the subscriptions are not needed any more; `lost`: the next watch of the mailboxes may take them up. */
export type Farewell = (how: "ended" | "lost") => void;

/** What watching needs, whichever way. */
export interface WatchDeps extends GroupDeps {
  readonly runtime: Runtime;
  readonly ways: WayChoice;
  /** What tells the watch of these mailboxes from others. */
  readonly key: string;
  /** Told of a group at once; calls back at the end, to take over the farewell, which must not hold up the watch. */
  readonly register: (group: SubscriptionGroup) => Farewell;
  readonly listener: NotificationListener;
  /** Where pushed notifications are heard; undefined: the parameter's port. */
  readonly port: number | undefined;
  /** Addresses that pushed notifications are taken from; empty: all. */
  readonly sources: readonly string[];
  /** Minutes, 10 to 1440, asked each time. */
  readonly statusFrequency: () => number;
  /** Within which time each mailbox is asked for once when pulling, asked each time. */
  readonly pullInterval: () => Milliseconds;
}

const noneLeft = (host: string): GatewayError => ewsError("ews-subscription-lost", `${host}: no subscription stands`);

/**
 * Subscribes what lacks a subscription; tells which mailboxes cannot be, returns which are now. Rejects when it is the
 * server that fails, or when none stands.
 */
export async function* subscribeMissing(
  { client }: Pick<WatchDeps, "client">,
  group: SubscriptionGroup,
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, readonly Mailbox[]> {
  const { subscribed, failed } = await group.subscribe(signal);
  const isNone = group.ids.length === 0;
  const reason = failed[0]?.error ?? noneLeft(client.host);
  // What is refused for all alike is not the mailboxes' fault.
  if (isNone && failed.every(({ error }) => error.code === "ews-request-refused")) throw reason;
  for (const { mailbox, error } of failed) yield { kind: "failed", mailbox, error };
  if (isNone) throw reason;
  return subscribed;
}
