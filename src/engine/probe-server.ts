import type { Mailbox } from "../core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../lib/backoff.ts";
import { hours, milliseconds, plus, seconds } from "../lib/time.ts";
import type { CalendarSource } from "../ports/calendar-source.ts";
import type { Runtime } from "../ports/runtime.ts";

const RETRY: BackoffPolicy = { first: seconds(10), longest: seconds(60) };
/** One answer may be luck. */
const ANSWERS_NEEDED = 2;
const BETWEEN_ANSWERS = seconds(10);

/** A calendar server that is out of service. */
export interface Probe {
  readonly source: CalendarSource;
  /** Whose calendar to ask for; undefined when there is nobody to ask for now. */
  readonly mailbox: () => Mailbox | undefined;
  /** True when it was found to be in service otherwise. */
  readonly isOver: () => boolean;
}

/** Asks the server for one calendar until it has answered twice: true then, false when it ended otherwise. Never rejects. */
export async function probeServer(probe: Probe, { clock, random }: Runtime, signal: AbortSignal): Promise<boolean> {
  let [answers, failures] = [0, 0];
  while (answers < ANSWERS_NEEDED) {
    const delay = answers > 0 ? BETWEEN_ANSWERS : backoffDelay(RETRY, ++failures, random());
    await clock.sleep(milliseconds(delay), signal).catch(() => undefined);
    if (signal.aborted || probe.isOver()) return false;
    const mailbox = probe.mailbox();
    if (mailbox === undefined) continue;
    const now = clock.now();
    try {
      await probe.source.fetchBusyTime([mailbox], { start: now, end: plus(now, hours(1)) }, signal);
      answers++;
      failures = 0;
    } catch {
      answers = 0; // the source's health has the error
    }
  }
  return true;
}
