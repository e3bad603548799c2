import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, type Instant, plus, seconds } from "../../../src/lib/time.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import { availabilityOperation } from "../availability.ts";
import type { EwsClient } from "../ews-client.ts";
import { ewsError, isEwsError } from "../ews-errors.ts";
import { problemError } from "../response-problem.ts";
import { encodeStream, type StreamFrame, StreamParser } from "../streaming.ts";
import { SubscriptionGroup } from "../subscription-group.ts";
import { subscribeMissing, type WatchDeps } from "./watch-deps.ts";

// MS-OXWSNTIF: at most 30; one less, so that both sides agree that it was the lifetime and not a fault.
const LIFETIME_MINUTES = 29;
// What a proxy in between that cuts or holds back the stream looks like from here.
const OF_A_CUT = ["ews-unavailable", "ews-timeout", "ews-stream-silent", "ews-bad-answer", "ews-not-xml"] as const;
// A proxy that holds the stream back shows only after minutes: twice is enough.
const SILENCE_COUNTS = 3;
// A connection that lasts no longer than this is not renewed at once, but reported.
const TOO_SHORT = seconds(10);

/** Why a notification connection ended without an error. */
type StreamEnd = "lifetime-over" | "subscriptions-lost";

/** Watches by one streaming connection until it is lost or the signal aborts, and rejects then. */
export async function* watchByStreaming(
  deps: WatchDeps,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const { client, runtime, register } = deps;
  const group = new SubscriptionGroup(deps, mailboxes, { kind: "streaming" });
  const farewell = register(group);
  const progress: Progress = { isUp: false };
  try {
    for (;;) {
      const subscribed = yield* subscribeMissing(deps, group, signal);
      // They may have changed while nobody looked; before the first connection that is what `all` says.
      if (progress.isUp) for (const mailbox of subscribed) yield { kind: "changed", mailbox };
      // What fails after an answer is no outage, but the way.
      if (subscribed.length === 0 && !progress.isUp) await proveServer(deps, mailboxes, signal);
      const openedAt = runtime.clock.now();
      const end = yield* noteCuts(deps, readStream({ deps, group, progress, openedAt, signal }), signal);
      if (end === "lifetime-over") refuseHotLoop(client.host, runtime.clock.now() - openedAt);
    }
  } finally {
    // The server keeps subscriptions for half an hour when only the connection is lost.
    farewell(signal.aborted ? "ended" : "lost");
  }
}

/** Subscriptions that are taken up need no request: so one is made that any server answers. Rejects as the server does. */
async function proveServer(
  { client, runtime }: WatchDeps,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): Promise<void> {
  // Any of them: a single bad one must not keep the others from being watched for long.
  const impersonated = mailboxes[Math.floor(runtime.random() * mailboxes.length)];
  if (impersonated === undefined) return;
  const now = runtime.clock.now();
  const window = { start: now, end: plus(now, hours(1)) };
  // An application has no mailbox, so it asks as the one that is asked for, as it watches.
  const query = { host: client.host, mailboxes: [impersonated], window, impersonated };
  await client.call(availabilityOperation(query), "watching", signal);
}

/** Counts connections that were lost, for the choice of the way: one that lasts takes it all back. */
async function* noteCuts<End>(
  { ways, key }: WatchDeps,
  reading: AsyncGenerator<CalendarChange, End>,
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, End> {
  try {
    return yield* reading;
  } catch (error) {
    if (!signal.aborted && isEwsError(error, ...OF_A_CUT))
      ways.failed("streaming", key, isEwsError(error, "ews-stream-silent") ? SILENCE_COUNTS : 1);
    throw error;
  }
}

interface Progress {
  /** `all` was told. */
  isUp: boolean;
}

/** A server that ends every connection at once must not be asked again at once: that is for the engine to pace. */
function refuseHotLoop(host: string, lifetime: number): void {
  if (lifetime < 0 || lifetime >= TOO_SHORT) return; // below zero: the clock was set back
  throw ewsError("ews-unavailable", `${host}: the server ends notification connections at once`);
}

interface Reading {
  readonly deps: WatchDeps;
  readonly openedAt: Instant;
  readonly group: SubscriptionGroup;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function* readStream(reading: Reading): AsyncGenerator<CalendarChange, StreamEnd> {
  const { group, progress, openedAt, signal } = reading;
  const { client, runtime, ways, key } = reading.deps;
  for await (const frame of openStream(client, group, signal)) {
    if (!progress.isUp && frame.problem === undefined) {
      progress.isUp = true;
      yield { kind: "all" };
    }
    if (runtime.clock.now() - openedAt >= TOO_SHORT) ways.worked("streaming", key);
    yield* changesOf(frame, group);
    if (frame.lost.some((id) => group.mailboxOf(id) !== undefined)) {
      group.forget(frame.lost);
      progress.isUp = false; // what this connection had on its way is lost too
      return "subscriptions-lost";
    }
    if (frame.lost.length > 0) continue; // given up by us: the others go on
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
