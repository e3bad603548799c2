import { type Instant, instant } from "../../src/lib/time.ts";
import type { CloudMeeting } from "../doubles/microsoft/cloud-mailbox.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { type Figure, percentile } from "./figures.ts";
import { GraphSite, HOUR, MINUTE, TIMES } from "./graph-site.ts";
import { jidOf } from "./population.ts";

const SECOND = 1000;
/** 8 changes of each user in a working day of 8 hours, of which 3 are simulated, and one hour of the other 16. */
const DAY = { busy: 8, quiet: 16, simulatedBusy: 3, simulatedQuiet: 1 } as const;
/** What is read once a day, whatever the hour: by batches, whose requests count as well. */
const DAILY = ["batch", "mailboxSettings"] as const;
/** The fourth day after all were subscribed: renewed at 0.4 to 0.5 of seven days, all subscriptions are renewed in it. */
const FOURTH_DAY = 66 * HOUR;
/** Changes in quiet: so many, so far apart. */
const QUIET = { changes: 120, apart: 15 * SECOND } as const;
const MEETING = 30 * MINUTE;

/** What a tenant of Office 365 costs in requests, and how soon a change is shown. */
export async function* measureGraph(users: number): AsyncGenerator<Figure> {
  const load = new ChangingCalendars(users);
  const { site } = load;
  const fill = await firstFill(site);
  const busy = await countRequests(site, () => load.change(users * DAY.simulatedBusy, DAY.simulatedBusy * HOUR));
  const underLoad = load.takeSamples();
  const quiet = await countRequests(site, () => site.pass(DAY.simulatedQuiet * HOUR));
  const daily = DAILY.reduce((sum, kind) => sum + (site.byKind.get(kind) ?? 0) - (fill.before.get(kind) ?? 0), 0);
  await load.change(QUIET.changes, QUIET.changes * QUIET.apart);
  const inQuiet = load.takeSamples();
  await site.stop();

  const perBusyHour = busy.hourly / DAY.simulatedBusy;
  const perQuietHour = quiet.hourly / DAY.simulatedQuiet;
  const perDay = DAY.busy * perBusyHour + DAY.quiet * perQuietHour + daily;
  // Nothing is renewed on the first day.
  const firstDay = perDay - DAY.busy * (busy.renewals / DAY.simulatedBusy) - DAY.quiet * quiet.renewals + fill.hourly;
  const each = (requests: number): string => (requests / users).toFixed(3);
  const times = `in simulated time; a request takes ${TIMES.request} ms, a notification ${TIMES.delivery} ms (Microsoft's own delay is not known, and comes on top)`;
  yield {
    name: "graph.requests_per_user_hour",
    value: perDay / users / 24,
    unit: "",
    bound: { atMost: 0.2 },
    note: `everything that reaches the simulated cloud, tokens included: a day of ${DAY.busy} busy hours, ${each(perBusyHour)} (${DAY.simulatedBusy} simulated: ${busy.byKind}), and ${DAY.quiet} others, ${each(perQuietHour)} (${DAY.simulatedQuiet} simulated: ${quiet.byKind}); ${users} users with one change in each busy hour; and once a day mailbox settings, ${daily}, each request of a batch and the batch itself counted; the day in which all subscriptions are renewed. Before, once: ${fill.all} requests (${fill.byKind}), everybody read within ${fill.readSeconds} s and notified of within ${(fill.watchedSeconds / 60).toFixed(0)} min; the day that begins with them, without renewals, comes to ${each(firstDay / 24)}`,
  };
  yield {
    name: "graph.peak_in_flight",
    value: site.cloud.throttle.peak,
    unit: "",
    bound: { atMost: 4 },
    note: "most requests at the cloud at one time, the first fill and a restart included",
  };
  yield {
    name: "graph.refusals",
    value: site.cloud.throttle.refusals,
    unit: "",
    bound: { atMost: 0 },
    note: "requests that the cloud refused by Microsoft's limits (4 at a time, 10,000 in ten minutes for a mailbox), the first fill and a restart included",
  };
  yield latency(
    "graph.p95_busy_seconds",
    underLoad,
    15,
    `a change in a calendar to the document, in the busy hours, ${times}`,
  );
  yield latency(
    "graph.p95_quiet_seconds",
    inQuiet,
    2,
    `the same with a change every ${QUIET.apart / SECOND} s, ${times}`,
  );
}

const latency = (name: string, samples: readonly number[], atMost: number, note: string): Figure => ({
  name,
  value: percentile(samples, 0.95),
  unit: "s",
  bound: { atMost },
  note,
  samples,
});

/** Reads and subscribes everybody, and starts the gateway again when the subscriptions are to be renewed; `before` is what there was by then. */
async function firstFill(site: GraphSite) {
  const start = site.clock.now();
  let readSeconds = 0;
  let watchedSeconds = 0;
  const requests = await countRequests(site, async () => {
    await site.start();
    readSeconds = await site.passUntil(() => site.readSince(start) === site.users, "everybody's calendar", 10 * MINUTE);
    watchedSeconds = readSeconds + (await site.passUntil(() => site.isWatched, "everybody's subscription", HOUR));
  });
  await site.stop();
  await site.pass(FOURTH_DAY - (site.clock.now() - start));
  const before = site.byKind;
  await site.start();
  await site.pass(10 * MINUTE);
  if (!site.isWatched) throw new Error("after the restart not everybody is watched");
  return { ...requests, before, readSeconds, watchedSeconds };
}

/** How many requests reach the cloud meanwhile: all, and those that are not made once a day. */
async function countRequests(site: GraphSite, meanwhile: () => Promise<void>) {
  const before = site.byKind;
  await meanwhile();
  const counts = [...site.byKind].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const);
  const sum = (isCounted: (kind: string) => boolean): number =>
    counts.reduce((total, [kind, count]) => total + (isCounted(kind) ? count : 0), 0);
  return {
    all: sum(() => true),
    renewals: sum((kind) => kind === "PATCH subscriptions"),
    hourly: sum((kind) => !DAILY.some((each) => each === kind)),
    byKind: counts
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", "),
  };
}

/** Meetings are entered that have begun, and cut short: each change is one that contacts are to see. */
class ChangingCalendars {
  readonly site: GraphSite;
  readonly #users: number;
  readonly #meetings = new Map<number, CloudMeeting>();
  /** What is to be shown, and since when. */
  readonly #awaited = new Map<string, { readonly isInMeeting: boolean; readonly since: Instant }>();
  #samples: number[] = [];
  #planned = 0;

  constructor(users: number) {
    this.#users = users;
    this.site = new GraphSite({
      users,
      start: MONDAY_MORNING,
      shown: (jid, isInMeeting) => this.#shown(jid, isInMeeting),
    });
  }

  /** So many changes at any times within the span, and a little more until all are shown. */
  async change(count: number, length: number): Promise<void> {
    const { site } = this;
    const start = site.clock.now();
    for (let change = 0; change < count; change++) this.#changeAt(change % this.#users, start + site.below(length));
    await site.pass(length);
    await site.passUntil(() => this.#planned + this.#awaited.size === 0, "the last change", 10 * MINUTE);
  }

  /** Seconds from each change to its document, since they were last taken. */
  takeSamples(): readonly number[] {
    const samples = this.#samples;
    this.#samples = [];
    return samples;
  }

  #changeAt(user: number, at: number): void {
    this.#planned += 1;
    this.site.clock.at(instant(at), () => {
      this.#planned -= 1;
      this.#changeNow(user);
    });
  }

  #changeNow(user: number): void {
    const now = this.site.clock.now();
    const jid = jidOf(user);
    const meeting = this.#meetings.get(user);
    const left = (meeting?.end ?? 0) - now;
    // What would be shown by itself meanwhile could not be told from what the change brings.
    if (this.#awaited.has(jid) || (left > 0 && left < MINUTE)) {
      this.#changeAt(user, now + MINUTE);
      return;
    }
    const isInMeeting = meeting === undefined || left <= 0;
    this.#awaited.set(jid, { isInMeeting, since: now });
    const calendar = this.site.mailbox(user);
    if (!isInMeeting) {
      this.#meetings.delete(user);
      calendar.removeMeeting(meeting);
      return;
    }
    const start = Math.floor(now / SECOND) * SECOND;
    const entered: CloudMeeting = { start, end: start + MEETING, status: "busy" };
    this.#meetings.set(user, entered);
    calendar.addMeeting(entered);
  }

  #shown(jid: string, isInMeeting: boolean): void {
    const awaited = this.#awaited.get(jid);
    if (awaited?.isInMeeting !== isInMeeting) return;
    this.#awaited.delete(jid);
    this.#samples.push((this.site.clock.now() - awaited.since) / SECOND);
  }
}
