import type { PresenceDocument } from "../../src/core/presence.ts";
import { hours, type Instant } from "../../src/lib/time.ts";
import type { PresencePublisher, Publication } from "../../src/ports/presence-publisher.ts";
import type { Clock } from "../../src/ports/runtime.ts";

/** A busy time of the truth, in milliseconds since 1970. */
export interface PlannedMeeting {
  readonly start: number;
  readonly end: number;
}

/** Begins or ends being in a meeting. */
interface Edge {
  readonly at: number;
  readonly isInMeeting: boolean;
}

/** A publisher that notes when each presentity begins and ends to be shown in a meeting. */
export class EdgeRecorder implements PresencePublisher {
  readonly name = "edges";
  readonly capabilities = {
    addressType: "jid" as const,
    isSoftState: false,
    carries: new Set(["show", "activity", "note", "until"] as const),
    window: 1024,
    lifetime: hours(24),
  };
  readonly #clock: Clock;
  readonly #shown: (presentity: string, isInMeeting: boolean) => void;
  readonly #edges = new Map<string, Edge[]>();

  /** @param shown told of each document that is published */
  constructor(clock: Clock, shown: (presentity: string, isInMeeting: boolean) => void = () => undefined) {
    this.#clock = clock;
    this.#shown = shown;
  }

  async start(): Promise<void> {
    return;
  }

  async stop(): Promise<void> {
    return;
  }

  health() {
    return { state: "ok" } as const;
  }

  reduce(document: PresenceDocument): PresenceDocument {
    return document;
  }

  async publish({ presentity, document }: Publication): Promise<object> {
    const edges = this.#edges.get(presentity) ?? [];
    this.#edges.set(presentity, edges);
    const isInMeeting = document.activity?.specific === "in_a_meeting";
    edges.push({ at: this.#clock.now(), isInMeeting });
    this.#shown(presentity, isInMeeting);
    return {};
  }

  async retract({ presentity }: Publication): Promise<void> {
    this.#edges.get(presentity)?.push({ at: this.#clock.now(), isInMeeting: false });
  }

  epoch(): string {
    return "one";
  }

  async *watchEpoch(signal: AbortSignal): AsyncIterable<string> {
    yield "one";
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  }

  /** True when the presentity was shown in a meeting at that time. */
  wasInMeeting(presentity: string, at: number): boolean {
    return this.#edges.get(presentity)?.findLast((edge) => edge.at <= at)?.isInMeeting ?? false;
  }
}

/** Begins and ends of being in any of the meetings between two times. */
export function edgesOf(meetings: readonly PlannedMeeting[], from: Instant, to: Instant): readonly Edge[] {
  const inMeetingAt = (at: number): boolean => meetings.some(({ start, end }) => start <= at && at < end);
  const times = [...new Set(meetings.flatMap(({ start, end }) => [start, end]))];
  return times
    .filter((at) => at > from && at <= to && inMeetingAt(at) !== inMeetingAt(at - 1))
    .map((at) => ({ at, isInMeeting: inMeetingAt(at) }));
}
