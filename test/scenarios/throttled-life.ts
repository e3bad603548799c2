import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hours, minutes } from "../../src/lib/time.ts";
import { type SiteOptions, ThrottledSite } from "./throttled-site.ts";

/** The policy's limits as they stand in the test's names, and how many requests at a time one holder may use of it. */
export interface LifeOptions extends SiteOptions {
  readonly name: string;
  readonly mostAtOnce: number;
}

/** The tests of a whole life under the default policy: the fill, two working hours, a restart of the server. */
export function describeLife({ name, mostAtOnce, ...options }: LifeOptions): void {
  const users = options.users.toLocaleString("en");

  describe(`under the default policy of ${name}, a gateway with ${users} mailboxes`, { timeout: minutes(5) }, () => {
    let site: ThrottledSite;
    let aliveSince: number;
    const start = process.cpuUsage();
    const say = (what: string): void => report(`${name}, ${users}: ${what}`, site, start);
    beforeAll(async () => {
      site = await ThrottledSite.start(options);
    });
    afterAll(() => site.stop());

    const expectNoRefusal = (): void => {
      const { stats } = site.exchange;
      expect(stats.throttled).toEqual({});
      // At the very start the server is asked which login it offers, and which version it speaks; a restart forgets.
      const known = ["http-401", "ErrorInvalidServerVersion", "ErrorSubscriptionNotFound"];
      expect(Object.keys(stats.refusals).filter((reason) => !known.includes(reason))).toEqual([]);
      expect(stats.refusalsOf("http-401")).toBe(1);
      expect(stats.refusalsOf("ErrorInvalidServerVersion")).toBeLessThanOrEqual(2);
      expect(stats.mostUsed.request).toBeLessThanOrEqual(mostAtOnce);
    };

    it("[H3] [H9] reads every calendar within a minute and subscribes to all within five, without a refusal", async () => {
      const read = await site.passUntil(() => site.isRead, minutes(1));
      const watched = await site.passUntil(() => site.isWatched, minutes(5));
      say(`first fill: calendars read in ${read} s, all watched after ${read + watched} s`);
      expectNoRefusal();
      // Until then no edge was expected; changes made meanwhile are read in the next seconds.
      await site.pass(minutes(1), { changesAnHour: 0 });
      aliveSince = site.now;
    });

    it("[H3] [H4] [H6] [H7] [H8] works for two hours without a refusal, and shows every edge of a meeting", async () => {
      await site.pass(hours(1), { changesAnHour: 1 });
      await site.pass(hours(1), { changesAnHour: 0.02 });
      const edges = site.edges(aliveSince);
      say(`two hours: ${JSON.stringify(edges)}`);
      expectNoRefusal();
      expect(edges).toMatchObject({ lost: 0, invented: 0 });
      expect(edges.expected).toBeGreaterThan(options.users);
    });

    it("[H1] [H2] [H5] never searches nor lists items, and takes a fiftieth of the server's time", () => {
      const { requests, mostUsed } = site.exchange.stats;
      expect(Object.keys(requests).filter((operation) => /Find|Folder|Item/.test(operation))).toEqual([]);
      expect(site.shareOfTime(aliveSince)).toBeLessThan(0.02);
      // HangingConnectionLimit: each notification connection has the identity of another mailbox.
      expect(mostUsed["streaming-connection"]).toBe(1);
    });

    it("[K9] [K10] is watched again within five minutes of a restart, at a pace, and no edge is lost", async () => {
      await site.restartExchange(minutes(1));
      const back = await site.passUntil(() => site.isWatched, minutes(5));
      await site.pass(minutes(12), { changesAnHour: 1 });
      const edges = site.edges(aliveSince);
      say(`all watched again ${back} s after a restart: ${JSON.stringify(edges)}`);
      expectNoRefusal();
      expect(edges).toMatchObject({ lost: 0, invented: 0 });
      // Each answer takes 50 ms; the notification connections are no part of EWSMaxConcurrency.
      expect(site.busiestSecond).toBeLessThanOrEqual(20 * mostAtOnce + options.users / 200);
    });
  });
}

function report(what: string, { exchange: { stats } }: ThrottledSite, start: NodeJS.CpuUsage): void {
  const { user, system } = process.cpuUsage(start);
  const figures = {
    requests: stats.requests,
    refusals: stats.refusals,
    throttled: stats.throttled,
    most: stats.mostUsed,
  };
  process.stdout.write(`${what}; so far ${JSON.stringify(figures)}, CPU ${((user + system) / 1e6).toFixed(1)} s\n`);
}
