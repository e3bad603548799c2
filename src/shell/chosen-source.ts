import type { Mailbox } from "../core/addresses.ts";
import type { TimeWindow } from "../lib/time.ts";
import type { BusyTimeResult, CalendarSource, RequestLoad, TestStep, TestSubject } from "../ports/calendar-source.ts";
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
    const started: WayToCalendars[] = [];
    let [best, isPassed, failure]: [WayToCalendars | undefined, boolean, unknown] = [undefined, false, undefined];
    for (const way of this.#ways) {
      try {
        await way.source.start(signal);
        started.push(way);
        isPassed = await passes(way.source, signal);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
        continue;
      }
      if (isPassed || !best) best = way;
      if (isPassed) break;
    }
    if (!best) throw failure;
    this.#chosen = best;
    await Promise.all(started.filter((way) => way !== best).map(({ source }) => source.stop()));
    this.#log.info("calendar.way-chosen", { plugin: best.name, isTestPassed: isPassed });
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

  load(): RequestLoad | undefined {
    return this.#source.load?.();
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

/** True when no step fails. A warning is none: with RBAC for Applications a good token names no permission. */
async function passes(source: CalendarSource, signal: AbortSignal): Promise<boolean> {
  for await (const { ok } of source.test?.({}, signal) ?? []) if (!ok) return false;
  return true;
}
