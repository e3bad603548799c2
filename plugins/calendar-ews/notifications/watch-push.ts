import type { Mailbox } from "../../../src/core/addresses.ts";
import { seconds } from "../../../src/lib/time.ts";
import { after } from "../../../src/ports/after.ts";
import type { CalendarChange } from "../../../src/ports/calendar-source.ts";
import type { Clock } from "../../../src/ports/runtime.ts";
import { ewsError } from "../ews-errors.ts";
import { SubscriptionGroup } from "../subscription-group.ts";
import { PushInbox, type PushSign } from "./push-inbox.ts";
import { subscribeMissing, type WatchDeps } from "./watch-deps.ts";

const TICK = seconds(30);
const TICKS_A_MINUTE = 2;
// The first StatusEvent comes at once; Exchange repeats it after 30 s and 60 s when it was not answered.
const FIRST_TICKS = 4;

/**
 * Watches by push subscriptions (EWS Subscribe with PushSubscriptionRequest). Returns when there is a better way; rejects
 * with `ews-push-unreachable` when the server never calls.
 */
export async function* watchByPush(
  deps: WatchDeps,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const watched = new Set(mailboxes);
  const progress: Progress = { isUp: false, hasBetter: false };
  // Else the port was changed, or the frequency: subscribed anew, with the new one.
  while (!progress.hasBetter) {
    progress.isUp = false;
    for await (const change of hearOnce(deps, [...watched], progress, signal)) {
      if (change.kind === "failed") watched.delete(change.mailbox);
      yield change;
    }
  }
}

interface Progress {
  /** `all` was told. */
  isUp: boolean;
  /** There is a better way than push. */
  hasBetter: boolean;
}

/** One address, one status frequency. */
async function* hearOnce(
  deps: WatchDeps,
  mailboxes: readonly Mailbox[],
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const { client, runtime, register, listener, sources, port, statusFrequency } = deps;
  const frequency = statusFrequency();
  const inbox = new PushInbox(client.host, (id) => group.mailboxOf(id));
  const request = { transport: "tcp", port, sources, receive: inbox.receive } as const;
  const endpoint = await listener.open(request, signal);
  const delivery = { kind: "push", url: endpoint.url, statusFrequency: frequency } as const;
  const group = new SubscriptionGroup(deps, mailboxes, delivery, (made) => inbox.made(made));
  const farewell = register(group);
  const tellEnd = (): void => inbox.tell("ended");
  endpoint.ended.addEventListener("abort", tellEnd, { once: true });
  if (endpoint.ended.aborted) tellEnd();
  const stopTicking = tick(runtime.clock, () => inbox.tell("tick"));
  try {
    yield* hear({ deps, group, inbox, frequency, progress }, signal);
  } finally {
    stopTicking();
    endpoint.ended.removeEventListener("abort", tellEnd);
    endpoint.close();
    farewell("ended");
  }
}

/** Calls back again and again; the returned function ends it. */
function tick(clock: Clock, callback: () => void): () => void {
  let cancel: () => void;
  const wait = (): void => {
    cancel = after(clock, TICK, () => {
      callback();
      wait();
    });
  };
  wait();
  return () => cancel();
}

interface Hearing {
  readonly deps: WatchDeps;
  readonly group: SubscriptionGroup;
  readonly inbox: PushInbox;
  /** Minutes. */
  readonly frequency: number;
  readonly progress: Progress;
}

async function* hear(hearing: Hearing, signal: AbortSignal): AsyncGenerator<CalendarChange, void> {
  const { deps, group, inbox, progress } = hearing;
  const signs = inbox.read(signal);
  for (;;) {
    inbox.isExpecting = true;
    const subscribed = yield* subscribeMissing(deps, group, signal);
    inbox.isExpecting = false;
    if (progress.isUp) for (const mailbox of subscribed) yield { kind: "changed", mailbox };
    if ((yield* untilOverdue(hearing, signs)) === "over") return;
  }
}

/** Tells what is heard until subscriptions have to be made anew. */
async function* untilOverdue(
  hearing: Hearing,
  signs: ReturnType<PushInbox["read"]>,
): AsyncGenerator<CalendarChange, "over" | "overdue"> {
  // Not by `for await`, which would end the reading for good.
  for (let next = await signs.next(); !next.done; next = await signs.next()) {
    const sign = next.value;
    if (sign.kind === "ended") return "over";
    if (sign.kind === "tick") {
      const end = takeTick(hearing);
      if (end) return end;
    } else yield changeOf(sign, hearing);
  }
  return "over";
}

function changeOf(sign: Exclude<PushSign, { kind: "tick" | "ended" }>, { deps, progress }: Hearing): CalendarChange {
  if (progress.isUp) return sign.kind === "changed" ? { kind: "changed", mailbox: sign.mailbox } : { kind: "alive" };
  progress.isUp = true;
  deps.ways.worked("push", deps.key);
  return { kind: "all" };
}

function takeTick(hearing: Hearing): "over" | "overdue" | undefined {
  const { deps, frequency, progress } = hearing;
  progress.hasBetter = deps.ways.claimBetter("push");
  if (progress.hasBetter || deps.statusFrequency() !== frequency) return "over";
  return forgetOverdue(hearing) ? "overdue" : undefined;
}

/** The watchdog: nothing for twice the status frequency, and the subscription counts as dead. */
function forgetOverdue({ deps, group, inbox, frequency, progress }: Hearing): boolean {
  const overdue = inbox.tick({ first: FIRST_TICKS, again: 2 * frequency * TICKS_A_MINUTE });
  if (overdue.length === 0) return false;
  if (!progress.isUp) {
    deps.ways.failed("push", deps.key);
    throw ewsError("ews-push-unreachable", `${deps.client.host}: push subscriptions stand, but nothing is heard`);
  }
  for (const id of overdue) inbox.delete(id);
  group.forget(overdue);
  return true;
}
