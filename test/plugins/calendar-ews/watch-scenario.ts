import type { Mailbox } from "../../../src/core/addresses.ts";
import { hours, plus, seconds } from "../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { type Scenario, startWatch, until, type Watch } from "./scenario.ts";

const MEETING = { start: plus(MONDAY_MORNING, hours(1)), end: plus(MONDAY_MORNING, hours(2)), status: "busy" } as const;

/** An ad hoc meeting appears in the mailbox; returns its id. */
export const meet = ({ exchange }: Scenario, mailbox: Mailbox | undefined): string =>
  exchange.findMailbox(mailbox ?? "")?.addMeeting(MEETING) ?? "";

/** Waits until the watch has told all these words. */
export const saw = (watch: Watch, ...words: readonly string[]): Promise<void> =>
  until(() => words.every((word) => watch.words.includes(word)), words.join(", "));

/** Lets time pass in the steps in which the server gives signs of life. */
export async function live({ exchange, runtime }: Scenario, length: number): Promise<void> {
  const { stats } = exchange;
  for (let passed = 0; passed < length; passed += seconds(15)) {
    await runtime.clock.advance(seconds(15));
    // A request on its way would time out if time went on: only the notification connection may be open.
    await until(() => stats.streamingConnections > 0 && stats.inFlight === stats.streamingConnections, "quiet");
  }
}

/** Begins to watch and waits until the notification connection is up. */
export async function watchUp({ source }: Scenario, mailboxes: readonly Mailbox[]): Promise<Watch> {
  const watch = startWatch(source, mailboxes);
  await saw(watch, "all");
  return watch;
}
