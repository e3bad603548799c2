import type { Mailbox } from "../../src/core/addresses.ts";
import { seconds } from "../../src/lib/time.ts";
import type { CalendarChange } from "../../src/ports/calendar-source.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { EwsClient } from "./ews-client.ts";
import { ewsError, problemError } from "./ews-errors.ts";
import { encodeStream, type StreamFrame, StreamParser } from "./streaming.ts";
import { SubscriptionGroup } from "./subscription-group.ts";

/** Most mailboxes of one notification connection. */
export const MAX_WATCHED = 200;

// MS-OXWSNTIF: at most 30; one less, so that both sides agree that it was the lifetime and not a fault.
const LIFETIME_MINUTES = 29;
// A connection that lasts no longer than this is not renewed at once, but reported.
const TOO_SHORT = seconds(10);

/** What the watch needs. */
export interface WatchDeps {
  readonly client: EwsClient;
  readonly runtime: Runtime;
  /** Told of the group at once; calls back at the end, to take over the farewell, which must not hold up the watch. */
  readonly register: (group: SubscriptionGroup) => () => void;
}

/** Why a notification connection ended without an error. */
type StreamEnd = "lifetime-over" | "subscriptions-lost";

/** Watches one group of mailboxes until the connection is lost or the signal aborts, and rejects then. */
export async function* watchChanges(
  { client, runtime, register }: WatchDeps,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const group = new SubscriptionGroup(client, runtime.clock, mailboxes);
  const farewell = register(group);
  const progress: Progress = { isUp: false };
  try {
    for (;;) {
      const { subscribed, failed } = await group.subscribe(signal);
      for (const { mailbox, error } of failed) yield { kind: "failed", mailbox, error };
      if (group.ids.length === 0) throw failed[0]?.error ?? noneLeft(client.host);
      // They may have changed while nobody looked; before the first connection that is what `all` says.
      if (progress.isUp) for (const mailbox of subscribed) yield { kind: "changed", mailbox };
      const openedAt = runtime.clock.now();
      const end = yield* readStream({ client, group, progress, signal });
      if (end === "lifetime-over") refuseHotLoop(client.host, runtime.clock.now() - openedAt);
    }
  } finally {
    farewell();
  }
}

interface Progress {
  /** `all` was told. */
  isUp: boolean;
}

const noneLeft = (host: string): GatewayError => ewsError("ews-subscription-lost", `${host}: no subscription stands`);

/** Settles with the signal: for a watch of nothing, which is no error. */
export const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** A server that ends every connection at once must not be asked again at once: that is for the engine to pace. */
function refuseHotLoop(host: string, lifetime: number): void {
  if (lifetime < 0 || lifetime >= TOO_SHORT) return; // below zero: the clock was set back
  throw ewsError("ews-unavailable", `${host}: the server ends notification connections at once`);
}

interface Reading {
  readonly client: EwsClient;
  readonly group: SubscriptionGroup;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function* readStream(reading: Reading): AsyncGenerator<CalendarChange, StreamEnd> {
  const { client, group, progress, signal } = reading;
  for await (const frame of openStream(client, group, signal)) {
    if (!progress.isUp && frame.problem === undefined) {
      progress.isUp = true;
      yield { kind: "all" };
    }
    yield* changesOf(frame, group);
    if (frame.lost.length > 0) {
      group.forget(frame.lost);
      return "subscriptions-lost";
    }
    if (frame.problem) throw problemError(frame.problem, client.host);
    if (frame.isClosing) return "lifetime-over";
  }
  throw ewsError("ews-unavailable", `${client.host}: the notification connection was closed`);
}

async function* openStream(
  client: EwsClient,
  group: SubscriptionGroup,
  signal: AbortSignal,
): AsyncGenerator<StreamFrame, void> {
  const { anchor, ids } = group;
  if (anchor === undefined) return;
  const parser = new StreamParser(client.host);
  const headers = group.affinity(anchor);
  const bytes = client.stream(
    (version) => ({ body: encodeStream(ids, { anchor, lifetimeMinutes: LIFETIME_MINUTES }, version), headers }),
    signal,
  );
  for await (const chunk of bytes) yield* parser.write(chunk);
}

function* changesOf(frame: StreamFrame, group: SubscriptionGroup): Generator<CalendarChange, void> {
  let isAlive = frame.problem === undefined;
  for (const id of frame.changed) {
    const mailbox = group.mailboxOf(id);
    if (mailbox === undefined) continue;
    isAlive = false;
    yield { kind: "changed", mailbox };
  }
  if (isAlive) yield { kind: "alive" };
}
