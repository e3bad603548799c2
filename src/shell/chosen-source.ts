import type { Mailbox } from "../core/addresses.ts";
import type { TimeWindow } from "../lib/time.ts";
import type { BusyTimeResult, CalendarSource, TestStep, TestSubject } from "../ports/calendar-source.ts";
import type { Health } from "../ports/plugin.ts";
import type { Runtime } from "../ports/runtime.ts";

/** One way to the same calendars. */
export interface WayToCalendars {
  /** Name of the plugin. */
  readonly name: string;
  readonly source: CalendarSource;
}

/** Of several ways to the same calendars that one which is right when it starts: the first whose test passes. */
export class ChosenSource implements CalendarSource {
  readonly #ways: readonly WayToCalendars[];
  readonly #log: Runtime["log"];
  #chosen: WayToCalendars;

  /** Throws a TypeError when there is none. */
  constructor(ways: readonly WayToCalendars[], { log }: Pick<Runtime, "log">) {
    const [first] = ways;
    if (!first) throw new TypeError("no way to the calendars");
    this.#ways = ways;
    this.#log = log;
    this.#chosen = first;
  }

  /** Starts all, and stops those that were not chosen. Rejects when none starts. */
  async start(signal: AbortSignal): Promise<void> {
    const ranks: { readonly way: WayToCalendars; readonly rank: number }[] = [];
    let failure: unknown;
    for (const way of this.#ways) {
      try {
        await way.source.start(signal);
        ranks.push({ way, rank: await rankOf(way.source, signal) });
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
      if (ranks.at(-1)?.rank === 0) break; // nothing is better
    }
    const best = ranks.reduce<(typeof ranks)[number] | undefined>(
      (found, each) => (found && found.rank <= each.rank ? found : each),
      undefined,
    );
    if (!best) throw failure;
    this.#chosen = best.way;
    await Promise.all(ranks.filter(({ way }) => way !== best.way).map(({ way }) => way.source.stop()));
    this.#log.info("calendar.way-chosen", { plugin: best.way.name, isTestPassed: best.rank < FAILED });
  }

  stop(): Promise<void> {
    return this.#source.stop();
  }

  health(): Health {
    return this.#source.health();
  }

  get capabilities(): CalendarSource["capabilities"] {
    return this.#source.capabilities;
  }

  fetchBusyTime(
    mailboxes: readonly Mailbox[],
    window: TimeWindow,
    signal: AbortSignal,
  ): Promise<readonly BusyTimeResult[]> {
    return this.#source.fetchBusyTime(mailboxes, window, signal);
  }

  get watchChanges(): CalendarSource["watchChanges"] {
    return this.#source.watchChanges?.bind(this.#source);
  }

  get unwatch(): CalendarSource["unwatch"] {
    return this.#source.unwatch?.bind(this.#source);
  }

  get changeUnnoticed(): CalendarSource["changeUnnoticed"] {
    return this.#source.changeUnnoticed?.bind(this.#source);
  }

  get locateMailboxes(): CalendarSource["locateMailboxes"] {
    return this.#source.locateMailboxes?.bind(this.#source);
  }

  get readMailboxSettings(): CalendarSource["readMailboxSettings"] {
    return this.#source.readMailboxSettings?.bind(this.#source);
  }

  get findCalendarName(): CalendarSource["findCalendarName"] {
    return this.#source.findCalendarName?.bind(this.#source);
  }

  /** Says first which way was chosen. */
  async *test(subject: TestSubject, signal: AbortSignal): AsyncGenerator<TestStep, void> {
    const others = this.#ways.filter((way) => way !== this.#chosen).map(({ name }) => name);
    const detail = `by ${this.#chosen.name}, and not by ${others.join(" or ")}; chosen when the gateway started`;
    yield { step: "way", ok: true, detail, milliseconds: 0 };
    yield* this.#source.test?.(subject, signal) ?? [];
  }

  get #source(): CalendarSource {
    return this.#chosen.source;
  }
}

const FAILED = 2;

/** 0: its test passes; 1: with warnings; 2: it does not. */
async function rankOf(source: CalendarSource, signal: AbortSignal): Promise<number> {
  let rank = 0;
  for await (const { ok, isWarning } of source.test?.({}, signal) ?? []) {
    if (!ok) return FAILED;
    if (isWarning) rank = 1;
  }
  return rank;
}
