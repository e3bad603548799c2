import type { Mailbox } from "../../../src/core/addresses.ts";
import { minutes } from "../../../src/lib/time.ts";
import { startWatch, until, type Watch } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, CAROL, meetingAt, type Scenario } from "./scenario.ts";

/** Everybody who has a mailbox in every scenario. */
export const ALL = [ALICE, BOB, CAROL];

/** Begins to watch and waits until everything is subscribed to. */
export async function watchUp(
  { source }: Pick<Scenario, "source">,
  mailboxes: readonly Mailbox[] = ALL,
): Promise<Watch> {
  const watch = startWatch(source, mailboxes);
  await saw(watch, "all");
  watch.forget();
  return watch;
}

/** Waits until the watch has told all these words. */
export const saw = (watch: Watch, ...words: readonly string[]): Promise<void> =>
  until(() => words.every((word) => watch.words.includes(word)), `${words.join(", ")} (${watch.words.join(", ")})`);

/** An ad hoc meeting appears in the mailbox. */
export const meet = ({ server }: Scenario, mailbox: Mailbox): void =>
  server.findMailbox(mailbox)?.addMeeting(meetingAt(1));

/**
 * Lets simulated minutes pass, after each of which every request is answered. All timers of a watch fall due at full
 * minutes: a request that begins within a step would be late at its end.
 */
export const live = async ({ runtime, source }: Scenario, length: number): Promise<void> => {
  const isQuiet = (): boolean => {
    const health = source.health();
    return health.state !== "ok" || (health.detail ?? "").includes("(0 now, 0 waiting)");
  };
  for (let passed = 0; passed < length; passed += minutes(1)) {
    await runtime.clock.advance(minutes(1));
    await until(isQuiet);
  }
};

/** The server loses the mailbox's subscription. */
export const lose = ({ server }: Scenario, mailbox: Mailbox): void => {
  const { all } = server.subscriptions;
  for (const [id, each] of all) if (each.mailbox.smtp === mailbox) all.delete(id);
};
