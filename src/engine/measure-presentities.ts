import type { Instant } from "../lib/time.ts";
import type { Presentity } from "./presentity.ts";

/** The calendars of one calendar server. */
interface CalendarMeasure {
  /** When each calendar that is known was last read; in no order. */
  readonly heardAt: Instant[];
  /** Users whose calendar was never read, or not for too long. */
  unknown: number;
}

/** What is due or waiting of one publisher. */
interface OutboxMeasure {
  /** Since when the oldest is due. */
  oldest: Instant;
  /** How many have failed and wait for a retry. */
  failing: number;
  /** Why one of them failed. */
  because: string | undefined;
}

/** What the gateway counts over everybody. */
export interface Measures {
  readonly users: number;
  readonly inMeeting: number;
  /** By calendar server; users who are on none yet by the gateway they are configured for. */
  readonly calendars: ReadonlyMap<string, CalendarMeasure>;
  /** By publisher; absent where nothing is due. */
  readonly outboxes: ReadonlyMap<string, OutboxMeasure>;
}

/** One pass over all presentities. A calendar that was read at or before `staleBefore` counts as unknown. */
export function measurePresentities(presentities: Iterable<Presentity>, staleBefore: Instant): Measures {
  const calendars = new Map<string, CalendarMeasure>();
  const outboxes = new Map<string, OutboxMeasure>();
  let [users, inMeeting] = [0, 0];
  for (const presentity of presentities) {
    measureOutbox(presentity, outboxes);
    if (!presentity.user?.isEnabled) continue;
    users++;
    if (isInMeeting(presentity)) inMeeting++;
    const name = presentity.server ?? presentity.user.gateway;
    const measure = calendars.get(name) ?? { heardAt: [], unknown: 0 };
    calendars.set(name, measure);
    const heardAt = presentity.calendar?.heardAt;
    if (heardAt === undefined || heardAt <= staleBefore) measure.unknown++;
    if (heardAt !== undefined) measure.heardAt.push(heardAt);
  }
  return { users, inMeeting, calendars, outboxes };
}

const isInMeeting = ({ document }: Presentity): boolean =>
  document?.text === "in-a-meeting" || document?.activity?.specific === "in_a_meeting";

function measureOutbox({ outbox }: Presentity, outboxes: Map<string, OutboxMeasure>): void {
  for (const { publisher, since, lastError } of outbox) {
    const measure = outboxes.get(publisher) ?? { oldest: since, failing: 0, because: undefined };
    outboxes.set(publisher, measure);
    if (since < measure.oldest) measure.oldest = since;
    if (lastError === undefined) continue;
    measure.failing++;
    measure.because = lastError;
  }
}
