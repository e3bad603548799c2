import { hours, type Instant, minutes, plus } from "../../src/lib/time.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import type { Figure } from "./figures.ts";
import { GraphSite, MINUTE } from "./graph-site.ts";
import { jidOf } from "./population.ts";

/**
 * Meetings begin at ten; the gateway starts so that its routine reads, some hours after the first ones, run just then, and
 * that what it reads once a day, at a time that chance has a part in, is over.
 */
const EDGE = plus(MONDAY_MORNING, hours(1));
const START = plus(EDGE, -minutes(190));
const SECOND = 1000;
const AROUND = 30 * SECOND;
/** As Cisco tested: 5,000 of 15,000. */
const IN_MEETING = 1 / 3;

/** What a meeting of a third of all at the top of the hour costs, and when it is shown. */
export async function* measureGraphTop(users: number): AsyncGenerator<Figure> {
  const meeting = Math.round(users * IN_MEETING);
  const ordinary = await requestsAround(users, 0);
  const { requests, late } = await requestsAround(users, meeting);
  yield {
    name: "graph-top.requests_at_edge",
    value: requests - ordinary.requests,
    unit: "",
    bound: { atMost: 0 },
    note: `requests to the simulated cloud within ${AROUND / SECOND} s of the edge (${requests}: the routine reads of the hour) beyond those of the same hour without the meetings (${ordinary.requests}); ${meeting} of ${users} users have a meeting at the top of the hour`,
  };
  yield {
    name: "graph-top.documents_late",
    value: late,
    unit: "",
    bound: { atMost: 0 },
    note: `of ${meeting}, not published as in a meeting within the edge's second, or before it (simulated time: what the machine takes for it is measured by burst)`,
  };
}

/** A morning up to the edge: requests around it, and how many documents did not change with it. */
async function requestsAround(users: number, meeting: number) {
  const site = new GraphSite({ users, start: START });
  for (let user = 0; user < meeting; user++)
    site.mailbox(user).addMeeting({ start: EDGE, end: EDGE + 60 * MINUTE, status: "busy" });
  await site.start();
  await site.passUntil(() => site.isWatched, "everybody's subscription", 60 * MINUTE);
  await passTo(site, plus(EDGE, -AROUND));
  const before = site.requests;
  await passTo(site, plus(EDGE, AROUND));
  const requests = site.requests - before;
  let late = 0;
  for (let user = 0; user < meeting; user++) {
    const wasInMeeting = (at: number): boolean => site.recorder.wasInMeeting(jidOf(user), at);
    if (wasInMeeting(EDGE - 1) || !wasInMeeting(EDGE + SECOND - 1)) late++;
  }
  await site.stop();
  return { requests, late };
}

const passTo = (site: GraphSite, time: Instant): Promise<void> => site.pass(time - site.clock.now());
