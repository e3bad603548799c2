import type { Mailbox } from "../../src/core/addresses.ts";
import type { CalendarChange } from "../../src/ports/calendar-source.ts";
import type { WatchDeps } from "./notifications/watch-deps.ts";
import { watchByPull } from "./notifications/watch-pull.ts";
import { watchByPush } from "./notifications/watch-push.ts";
import { watchByStreaming } from "./notifications/watch-streaming.ts";

/** Most mailboxes of one notification connection. */
export const MAX_WATCHED = 200;

const WATCHES = { streaming: watchByStreaming, push: watchByPush, pull: watchByPull } as const;

/** Watches one group of mailboxes, in the best way that works, until that is lost or the signal aborts; rejects then. */
export async function* watchChanges(
  shared: Omit<WatchDeps, "key">,
  mailboxes: readonly Mailbox[],
  signal: AbortSignal,
): AsyncGenerator<CalendarChange, void> {
  const watched = new Set(mailboxes);
  const deps = { ...shared, key: [...mailboxes].sort()[0] ?? "" };
  while (watched.size > 0) {
    const way = deps.ways.best();
    try {
      for await (const change of WATCHES[way](deps, [...watched], signal)) {
        if (change.kind === "failed") watched.delete(change.mailbox);
        yield change;
      }
    } catch (error) {
      if (signal.aborted || !deps.ways.fallBack(way, error, deps.key)) throw error;
    }
  }
}

/** Settles with the signal: for a watch of nothing, which is no error. */
export const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
