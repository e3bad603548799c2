import { afterEach, describe, expect, it } from "vitest";
import { hours, minutes, seconds } from "../../src/lib/time.ts";
import type { LogFields } from "../../src/ports/runtime.ts";
import { type SiteOptions, ThrottledSite } from "./throttled-site.ts";

let site: ThrottledSite;

/** A site in which everything is read and watched; who is not watched for certain is left to `isReady`. */
async function start(options: SiteOptions, isReady = () => site.isWatched && site.isRead): Promise<void> {
  site = await ThrottledSite.start(options);
  await site.passUntil(isReady, minutes(20));
}

afterEach(() => site.stop());

describe("a policy that is tighter than any default one", () => {
  it("[H3] is learnt by a handful of refusals, and kept from then on", async () => {
    await start({ users: 600, version: "exchange2010sp3", budgets: { maxConcurrency: 3 } });
    const { stats } = site.exchange;
    const learnt = stats.throttlings;
    expect(learnt).toBeLessThan(10);
    await site.pass(hours(1), { changesAnHour: 1 });
    expect(stats.throttlings).toBe(learnt);
    await site.restartExchange(seconds(30));
    await site.passUntil(() => site.isWatched, minutes(20));
    expect(stats.throttlings).toBeLessThan(learnt + 5);
    await site.pass(minutes(12), { changesAnHour: 1 });
    expect(site.edges(site.now - hours(1))).toMatchObject({ lost: 0, invented: 0 });
  });

  it("[H4] of subscriptions of the account, before Exchange 2010 SP2 RU4, is not asked for more again and again", async () => {
    const limit = 250;
    const isFull = () => site.exchange.stats.subscriptions === limit && site.isRead;
    await start({ users: 600, version: "exchange2010sp2", budgets: { maxSubscriptions: limit } }, isFull);
    await site.pass(hours(4), { changesAnHour: 0 });
    const { stats } = site.exchange;
    expect(stats.subscriptions).toBe(limit);
    // Once at the start, and after half an hour, an hour, two hours: as many as run at a time.
    expect(stats.throttled).toEqual({ subscription: stats.throttlings });
    expect(stats.throttlings).toBeLessThanOrEqual(4 * 9);
  });
});

describe("a server that is busy", () => {
  it.each(["fault500", "inner200", "http503"] as const)(
    "with whatever is asked and never says how long (%s) is asked rarely, and all goes on afterwards",
    async (form) => {
      await start({ users: 600, version: "exchange2016" });
      const { faults } = site.exchange;
      faults.serverBusy({ form, backOffMilliseconds: 0, times: Number.POSITIVE_INFINITY });
      faults.dropStreaming();
      const before = site.requests;
      await site.pass(minutes(10), { changesAnHour: 1 });
      expect(site.requests - before).toBeLessThan(150);
      site.endFaults();
      await site.passUntil(() => site.isWatched && site.isRead, minutes(10));
    },
  );

  it("and tells how long is left alone for that time (Retry-After of IIS)", async () => {
    await start({ users: 300, version: "exchange2016" });
    const { faults } = site.exchange;
    faults.serverBusy({ form: "http503", backOffMilliseconds: 120_000 });
    faults.dropStreaming();
    await site.pass(seconds(5), { changesAnHour: 0 });
    const before = site.requests;
    await site.pass(seconds(110), { changesAnHour: 10 });
    expect(site.requests).toBe(before);
    await site.passUntil(() => site.isWatched && site.isRead, minutes(5));
  });

  it("while it starts, as IIS is, gets few requests at a time and is watched again within minutes", async () => {
    await start({ users: 1000, version: "exchange2013sp1" });
    await site.restartExchange(seconds(20));
    site.exchange.faults.serverBusy({ form: "http503", times: Number.POSITIVE_INFINITY });
    const before = site.requests;
    await site.pass(seconds(40), { changesAnHour: 1 });
    expect(site.requests - before).toBeLessThan(50);
    site.endFaults();
    await site.passUntil(() => site.isWatched && site.isRead, minutes(3));
    expect(site.exchange.stats.throttled).toEqual({});
  });
});

describe("a queue that is too short", () => {
  it("[K9] [P4] delays what is not known yet, and loses no edge that is", async () => {
    await start({ users: 1000, version: "exchange2016", parameters: { "exchange-queue": "1" } });
    const since = site.now;
    await site.pass(hours(1), { changesAnHour: 4 });
    const isOfQueue = ({ fields }: { readonly fields: LogFields }) => fields["code"] === "ews-queue-full";
    expect(site.runtime.events.some(isOfQueue)).toBe(true);
    expect(site.edges(since)).toMatchObject({ lost: 0, invented: 0 });
  });
});

describe("rights that come into force later", () => {
  it("[K10] are waited for: the administrator is told once of each user, and all are watched within an hour", async () => {
    let isGranted = false;
    const account = {
      user: "svc",
      password: "p:ä&s",
      get mayImpersonate() {
        return isGranted;
      },
    };
    await start({ users: 50, version: "exchange2019", account }, () => site.logged("calendar.mailbox-not-watched") > 0);
    await site.pass(minutes(5), { changesAnHour: 0 });
    expect(site.logged("calendar.mailbox-not-watched")).toBe(50);
    expect(site.exchange.stats.requestsOf("Subscribe")).toBe(50);
    isGranted = true;
    await site.passUntil(() => site.isWatched, minutes(62));
  });
});
