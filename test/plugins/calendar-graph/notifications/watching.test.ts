import { beforeEach, describe, expect, it } from "vitest";
import { canWatch } from "../../../../plugins/calendar-graph/notifications/graph-watching.ts";
import { hours, minutes, seconds } from "../../../../src/lib/time.ts";
import { GatewayError } from "../../../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../../../doubles/test-runtime.ts";
import { ALICE, ALL, BOB, CAROL, Scenario } from "./scenario.ts";
import { errorOf } from "./scripted-graph.ts";

let site: Scenario;
beforeEach(() => {
  site = new Scenario();
});

const DAY = hours(24);
const idOf = (mailbox: string): string => site.cloud.of(mailbox)[0]?.id ?? "none";
const notification = (more: object = {}): object => {
  const [subscription] = site.cloud.of(ALICE);
  return { subscriptionId: subscription?.id, clientState: subscription?.clientState, changeType: "updated", ...more };
};
const send = (...value: readonly object[]): number | undefined =>
  site.webhooks.send(site.webhooks.urls[0] ?? "", JSON.stringify({ value }))?.status;

describe("watching by change notifications", () => {
  it("subscribes each mailbox by itself, tells all, then each change once", async () => {
    const told = site.watch();
    await site.pass(0);
    expect(told.words).toEqual(["all"]);
    const [first] = site.graph.calls.filter(({ method }) => method === "POST");
    expect(first?.body).toMatchObject({
      changeType: "created,updated,deleted",
      resource: "users/alice@example.com/events",
      expirationDateTime: new Date(MONDAY_MORNING + minutes(10_070)).toISOString().replace(".000", ""),
    });
    expect(site.cloud.of(ALICE)[0]?.lifecycleNotificationUrl).toBe(site.cloud.of(ALICE)[0]?.notificationUrl);
    for (const mailbox of [BOB, BOB, CAROL]) site.cloud.changed(mailbox);
    await site.pass(0);
    expect(told.words).toEqual(["all", "bob", "carol"]);
    expect(new Set([...site.cloud.all.values()].map(({ clientState }) => clientState)).size).toBe(3);
    expect([...site.graph.urgencies]).toEqual(["watching"]);
    expect(site.watching.describe()).toBe("notified by webhook for 3 of 3 mailboxes");
  });

  it("takes several notifications of one POST, also when some are malformed, and a replayed one only means: look again", async () => {
    const told = await site.watchUp();
    expect(send({ x: 1 }, notification(), notification())).toBe(202);
    await site.pass(0);
    expect(told.words).toEqual(["alice"]);
    send(notification());
    await site.pass(0);
    expect(told.words).toEqual(["alice", "alice"]);
  });

  it("makes another subscription for one that told nothing of a change, unless it was only late", async () => {
    const told = await site.watchUp();
    await site.pass(minutes(10));
    const before = [idOf(ALICE), idOf(BOB)];
    for (const mailbox of [ALICE, BOB]) site.watching.changeUnnoticed(mailbox);
    await site.pass(minutes(4));
    site.cloud.changed(BOB);
    await site.pass(minutes(2));
    expect([idOf(ALICE) === before[0], idOf(BOB) === before[1]]).toEqual([false, true]);
    expect([site.cloud.all.size, site.cloud.requests.DELETE]).toEqual([3, 1]);
    expect(told.words).toEqual(["bob", "alice"]); // alice is read again, because there was a gap
  });

  it("accepts and ignores a forged clientState, a foreign one, and unknown subscriptions", async () => {
    const told = await site.watchUp();
    const foreign = site.cloud.of(BOB)[0]?.clientState;
    for (const forged of [
      { clientState: "forged" },
      { clientState: foreign },
      { clientState: null },
      { subscriptionId: "unknown" },
      { clientState: "forged", lifecycleEvent: "subscriptionRemoved" },
    ])
      expect(send(notification(forged))).toBe(202);
    await site.pass(0);
    expect(told.words).toEqual([]);
    expect(site.graph.count("POST")).toBe(3);
  });

  it("hears what comes before its own subscription is answered", async () => {
    site.graph.beforeArrival = async ({ method }) => {
      if (method === "POST") site.cloud.changed(ALICE);
      await site.cloud.delivery.settle();
    };
    const told = site.watch([ALICE]);
    await site.pass(0);
    expect(told.words).toContain("alice");
  });

  it("tells which mailbox cannot be watched, and watches the others", async () => {
    site.access.set(ALICE, "not-found");
    site.access.set(CAROL, "denied");
    const told = site.watch([ALICE, BOB, CAROL]);
    await site.pass(minutes(1));
    expect([...told.words].sort()).toEqual([
      "all",
      "failed alice graph-mailbox-not-found",
      "failed carol graph-permission-missing",
    ]);
    expect(told.end).toBeUndefined();
  });

  it("fails as a whole when the service does, keeps what was made, and waits as long as it is told", async () => {
    let posts = 0;
    site.graph.failure = ({ method }) => (method === "POST" && ++posts > 2 ? errorOf(429, "", 7000) : undefined);
    const told = site.watch();
    await site.pass(0);
    expect(told.end).toMatchObject({ code: "graph-throttled", retryAfter: 7000 });
    site.graph.failure = () => undefined;
    const again = site.watch();
    await site.pass(0);
    expect(again.words).toEqual(["all"]);
    expect(site.cloud.requests.POST).toBe(3);
  });

  it("does without webhooks where none are configured, and says so", async () => {
    site.webhooks.hasWebhooks = false;
    expect(canWatch(site.webhooks)).toBe(false);
    expect(site.watching.describe()).toMatch(/read at intervals, because no webhook/);
  });
});

describe("the lifetime of a subscription", () => {
  it.each([
    ["7 days", 10_080, 10_070],
    ["70.5 hours, as older documents have it", 4230, 4220],
    ["an hour, unasked", 60, 60],
  ])("of %s is taken as granted and renewed at half of that or a little sooner", async (_, longest, granted) => {
    site.cloud.longestLifetime = Math.max(longest, 4230);
    if (longest < 4230) {
      site.graph.beforeArrival = async () => {
        for (const each of site.cloud.all.values()) each.expiresAt = site.runtime.clock.now() + minutes(longest);
      };
    }
    const handle = site.cloud.handle.bind(site.cloud);
    site.cloud.handle = async (method, path, body) => {
      const answer = await handle(method, path, body);
      if (longest >= 4230 || !answer || (method !== "POST" && method !== "PATCH")) return answer;
      const expirationDateTime = new Date(site.runtime.clock.now() + minutes(longest)).toISOString();
      return { ...answer, body: { ...Object(answer.body), expirationDateTime } };
    };
    await site.watchUp();
    await site.pass(minutes(granted * 0.39));
    expect(site.graph.count("PATCH")).toBe(0);
    await site.pass(minutes(granted * 0.11));
    expect(site.graph.count("PATCH")).toBe(3);
    await site.pass(minutes(granted * 0.5));
    expect(site.graph.count("PATCH")).toBe(6);
    expect(site.cloud.all.size).toBe(3);
  });

  it("asks for the shorter one only until it knows which is taken", async () => {
    site.cloud.longestLifetime = 4230;
    await site.watchUp([ALICE]);
    await site.watchUp([BOB, CAROL]);
    expect(site.graph.count("POST")).toBe(4);
  });

  it("that is lost at the renewal is followed by another one, and the mailbox is read again", async () => {
    const told = await site.watchUp();
    site.graph.failure = ({ method, path }) =>
      method === "GET" || path.endsWith(idOf(ALICE)) ? errorOf(method === "GET" ? 403 : 404) : undefined;
    await site.pass(4 * DAY);
    expect(told.words).toEqual(["alice"]);
    expect(site.graph.count("POST")).toBe(4);
  });

  it("is asked for again and again while the service is away, and nobody else notices", async () => {
    const told = await site.watchUp();
    site.graph.failure = () => errorOf(503);
    await site.pass(4 * DAY);
    site.graph.failure = () => undefined;
    await site.pass(hours(2));
    expect([...site.cloud.all.values()].every(({ expiresAt }) => expiresAt > site.runtime.clock.now() + 6 * DAY)).toBe(
      true,
    );
    expect(told.words).toEqual([]);
    expect(told.end).toBeUndefined();
  });

  it("ends with the mailbox's rights", async () => {
    const told = await site.watchUp();
    site.graph.failure = ({ path, method }) =>
      method === "PATCH" && path.endsWith(idOf(ALICE)) ? errorOf(403) : undefined;
    await site.pass(4 * DAY);
    expect(told.words).toEqual(["failed alice graph-permission-missing"]);
    expect(site.cloud.of(ALICE)).toEqual([]);
  });
});

describe("a lifecycle notification", () => {
  it("that some were missed has the mailbox read again", async () => {
    const told = await site.watchUp();
    site.cloud.lifecycle(BOB, "missed");
    await site.pass(0);
    expect(told.words).toEqual(["bob"]);
  });

  it("that the subscription was removed is answered by another one", async () => {
    const told = await site.watchUp();
    const before = idOf(BOB);
    site.cloud.lifecycle(BOB, "subscriptionRemoved");
    await site.pass(0);
    expect(told.words).toEqual(["bob"]);
    expect(idOf(BOB)).not.toBe(before);
    expect(site.memory.kept.has(before)).toBe(false);
    expect(site.graph.count("DELETE")).toBe(0);
  });

  it("that reauthorization is required is answered by a renewal", async () => {
    await site.watchUp();
    site.cloud.lifecycle(BOB, "reauthorizationRequired");
    await site.pass(seconds(1));
    expect(site.graph.calls.at(-1)).toMatchObject({ method: "PATCH", path: `/subscriptions/${idOf(BOB)}` });
  });
});

describe("a subscription that nobody speaks of any more", () => {
  it("is missed within the hour, and made anew", async () => {
    const told = await site.watchUp();
    await site.pass(hours(1)); // just made ones may not be listed yet
    site.cloud.all.delete(idOf(ALICE));
    await site.pass(hours(1));
    expect(told.words).toEqual(["alice"]);
    expect(site.cloud.of(ALICE)).toHaveLength(1);
  });
});

describe("a restart", () => {
  it("takes up what there is, by the same URL, without a request for each", async () => {
    await site.watchUp();
    const ids = ALL.map(idOf);
    await site.restart();
    const told = await site.watchUp();
    expect(ALL.map(idOf)).toEqual(ids);
    expect([site.graph.count("POST"), site.graph.count("DELETE"), site.graph.count("PATCH")]).toEqual([3, 0, 0]);
    site.cloud.changed(CAROL);
    await site.pass(0);
    expect(told.words).toEqual(["carol"]);
    await site.pass(4 * DAY);
    expect(site.graph.count("PATCH")).toBe(3);
  });

  it("renews at once what became due meanwhile, and makes anew what expired", async () => {
    await site.watchUp();
    await site.stop();
    await site.pass(5 * DAY);
    await site.restart();
    await site.watchUp();
    await site.pass(seconds(1));
    expect([site.graph.count("POST"), site.graph.count("PATCH")]).toEqual([3, 3]);
    await site.stop();
    await site.pass(8 * DAY);
    await site.restart();
    await site.watchUp();
    expect(site.graph.count("POST")).toBe(6);
    expect(site.memory.kept.size).toBe(4);
  });

  it("ends what the service has by this URL and nobody knows of, and leaves others alone", async () => {
    await site.watchUp();
    site.memory.kept.delete(idOf(ALICE));
    const [known] = site.cloud.of(BOB);
    if (known)
      site.cloud.all.set("foreign", { ...known, id: "foreign", notificationUrl: "https://other.example.com/" });
    await site.restart();
    await site.watchUp();
    expect(site.cloud.of(ALICE)).toHaveLength(1);
    expect(site.cloud.all.has("foreign")).toBe(true);
    expect(site.graph.count("DELETE")).toBe(1);
  });

  it("with another public URL subscribes anew and ends the old ones", async () => {
    await site.watchUp();
    site.webhooks.base = "https://new.example.com";
    await site.restart();
    await site.watchUp();
    expect(ALL.map((mailbox) => site.cloud.of(mailbox).length)).toEqual([1, 1, 1]);
    expect(site.cloud.of(ALICE)[0]?.notificationUrl).toMatch(/^https:\/\/new\.example\.com\/n\//);
  });

  it("ends subscriptions of users that are not watched any more", async () => {
    await site.watchUp();
    await site.restart();
    await site.watchUp([ALICE, BOB]);
    await site.pass(minutes(5));
    expect(site.cloud.of(CAROL)).toEqual([]);
    expect(site.memory.kept.size).toBe(3);
  });

  it("survives what another version has written", async () => {
    site.memory.put("odd", "{");
    await site.restart();
    await site.watchUp();
    expect(site.memory.kept.has("odd")).toBe(false);
  });
});

describe("the end", () => {
  it("of one user ends the subscription at once", async () => {
    const told = await site.watchUp();
    site.watching.unwatch([BOB]);
    await site.pass(0);
    expect(site.cloud.of(BOB)).toEqual([]);
    site.cloud.changed(ALICE);
    await site.pass(0);
    expect(told.words).toEqual(["alice"]);
  });

  it("of a watch leaves its subscriptions to the next one for five minutes", async () => {
    const told = await site.watchUp();
    told.stop.abort("enough");
    await site.pass(minutes(4));
    expect(told.end).toBe("enough");
    await site.watchUp();
    expect(site.graph.count("POST")).toBe(3);
    expect(site.graph.count("DELETE")).toBe(0);
  });

  it("of the program leaves all, that of the calendar server none", async () => {
    await site.watchUp();
    await site.stop();
    expect(site.cloud.all.size).toBe(3);
    await site.restart();
    await site.watchUp();
    site.memory.kept.clear();
    await site.stop();
    expect(site.cloud.all.size).toBe(0);
  });
});

describe("a webhook that cannot be reached", () => {
  it("is no failure of the calendar server: it is told in the health, and tried again every ten minutes", async () => {
    site.webhooks.isReachable = false;
    const told = site.watch();
    await site.pass(minutes(2));
    expect(site.watching.problem).toMatchObject({ code: "graph-webhook-unreachable", type: "modify" });
    const tried = site.graph.count("POST");
    expect(tried).toBeLessThanOrEqual(16); // each time with both lifetimes at most
    await site.pass(minutes(7));
    expect(site.graph.count("POST")).toBe(tried);
    expect(told).toMatchObject({ words: [], end: undefined });
    site.webhooks.isReachable = true;
    await site.pass(minutes(10));
    expect(told.words).toEqual(["all"]);
    expect(site.watching.problem).toBeUndefined();
    const events = site.runtime.events.map(({ event }) => event);
    expect(events.filter((event) => event.startsWith("graph.watching"))).toEqual([
      "graph.watching-impossible",
      "graph.watching-possible",
    ]);
  });

  it("once does not count: the service's own validation times out now and then", async () => {
    let posts = 0;
    site.graph.failure = ({ method }) =>
      method === "POST" && ++posts === 1 ? errorOf(400, "ValidationError") : undefined;
    const told = site.watch();
    await site.pass(minutes(1));
    expect(told.words).toEqual(["all"]);
    expect(site.watching.problem).toBeUndefined();
  });

  it("because its port is taken is tried again as well; one that is not configured is a clear error", async () => {
    site.webhooks.refusal = new GatewayError("taken", { type: "modify", code: "notification-port-taken" });
    const told = site.watch();
    await site.pass(minutes(1));
    expect(site.watching.problem?.code).toBe("notification-port-taken");
    site.webhooks.refusal = undefined;
    await site.pass(minutes(10));
    expect(told.words).toEqual(["all"]);
    const other = new Scenario();
    other.webhooks.refusal = new GatewayError("none", { type: "modify", code: "notification-webhook-not-configured" });
    const none = other.watch();
    await other.pass(0);
    expect(none.end).toMatchObject({ code: "notification-webhook-not-configured" });
  });

  it("is told from a right that the application lacks", async () => {
    for (const mailbox of ALL) site.access.set(mailbox, "denied");
    const told = site.watch();
    await site.pass(minutes(1));
    expect(site.watching.problem?.code).toBe("graph-watch-refused");
    expect(told).toMatchObject({ words: [], end: undefined });
  });
});
