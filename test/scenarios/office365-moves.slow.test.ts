import { afterEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { BearerAuthenticator } from "../doubles/exchange/bearer-authentication.ts";
import { followClock } from "../doubles/exchange/clock.ts";
import { type SimulatedExchange, startExchange } from "../doubles/exchange/exchange.ts";
import { pluginWith, ScriptedTokens } from "../plugins/calendar-ews/oauth-scenario.ts";
import { type Office365Gateway, type Office365Options, startOffice365Gateway } from "./office365-gateway.ts";
import { DOMAIN } from "./xmpp-world.ts";

const MEETING = "dnd|in_a_meeting";
const MINUTE = 60;
const CLIENT = "11111111-2222-4333-8444-555555555555";
const AUDIENCE = "https://outlook.office365.com";

let site: Office365Gateway;
const start = async (options?: Office365Options): Promise<void> => {
  site = await startOffice365Gateway(options);
};
afterEach(() => site.whole.close());

const shows =
  (user: string, what = MEETING) =>
  (): boolean =>
    site.view(user) === what;
const serverOf = (user: string): string | undefined =>
  site.whole.gateway.presentities.find(parsePresentityId(`${user}@${DOMAIN}`))?.server;

describe("an ad hoc meeting in Office 365", () => {
  it("[K5] is shown within seconds, and so is its end", async () => {
    await start();
    await site.enable(["alice"]);
    await site.whole.pass(20 * MINUTE);
    const cancel = site.meet("alice", 0, 60);
    await site.whole.passUntil(shows("alice"), "the meeting", 2);
    await site.whole.pass(20 * MINUTE);
    cancel();
    await site.whole.passUntil(shows("alice", ""), "the end", 2);
  });

  it("[K5] [P7] is found at the next pull where nothing can be notified, or when an administrator asks", async () => {
    await start({ graph: { notifications: "poll" } });
    await site.enable(["alice", "bob"]);
    await site.whole.pass(10 * MINUTE);
    site.meet("alice", 0, 300);
    site.meet("bob", 0, 300);
    await site.whole.pass(MINUTE);
    expect([site.view("alice"), site.view("bob")]).toEqual(["", ""]);
    await site.command("refresh alice@example.test");
    await site.whole.passUntil(shows("alice"), "the meeting that was asked for", 2);
    expect(site.view("bob")).toBe("");
    await site.whole.passUntil(shows("bob"), "the next pull", 50 * MINUTE);
    const before = site.requests();
    await site.command("parameter set office365-pull-interval 1");
    const cancelled = site.meet("bob", 400, 500);
    await site.whole.pass(10 * MINUTE);
    cancelled();
    expect(site.requests() - before).toBeGreaterThanOrEqual(9);
  });
});

describe("users of an Exchange and of Office 365 in one gateway", () => {
  it("[G1] are moved to and fro by command, without a gap in their presence", async () => {
    await start();
    await site.whole.enable("alice");
    await site.enable(["bob"]);
    site.cloud.addMailbox("alice@example.test");
    site.whole.exchange.addMailbox("bob@example.test");
    for (const user of ["alice", "bob"]) {
      site.meet(user, 0, 300);
      site.whole.meet(user, 0, 300);
      await site.whole.passUntil(shows(user), "the meeting");
    }
    expect(["alice", "bob"].map(serverOf)).toEqual(["hq", "cloud"]);
    await site.command("user set alice@example.test gateway=cloud");
    expect(await site.shownDuring("alice", 2 * MINUTE)).toEqual(new Set([MEETING]));
    await site.command("user set bob@example.test gateway=hq");
    expect(await site.shownDuring("bob", 6 * MINUTE)).toEqual(new Set([MEETING]));
    expect(["alice", "bob"].map(serverOf)).toEqual(["cloud", "hq"]);
    // Each is notified of where they are now, and of nowhere else.
    const subscribed = [...site.cloud.subscriptions.all.values()].map(({ mailbox }) => mailbox);
    expect(subscribed).toEqual(["alice@example.test"]);
    const cancel = site.meet("alice", 400, 500);
    cancel();
    await site.command("user set alice@example.test gateway=hq");
    expect(await site.shownDuring("alice", MINUTE)).toEqual(new Set([MEETING]));
  });
});

describe("a tenant that takes EWS away", () => {
  let online: SimulatedExchange;

  /** Server `online` by EWS with OAuth, with the tenant's server `cloud` as its successor. */
  async function startOnline(): Promise<void> {
    let now = (): number => 0;
    const authenticator = new BearerAuthenticator({ audience: AUDIENCE, now: () => now() });
    const tokens = new ScriptedTokens(() => now());
    const plugin = pluginWith(tokens);
    await start({
      whole: {
        createCalendar: ({ name, options }, secrets, context) =>
          name === "online" ? plugin.create(plugin.options.parse({ ...options, ...secrets }), context) : undefined,
      },
    });
    now = () => site.whole.runtime.clock.now();
    const clock = followClock(site.whole.runtime.clock);
    online = await startExchange({ accounts: [], authenticator, clock });
    const options = { auth: "oauth", url: online.url, tenant: "example.com", client: CLIENT };
    const server = { name: "online", type: "ews", options, isEnabled: true, successor: "cloud" };
    await site.whole.store.registry.replaceCalendarServer(server, { secret: "s" });
    await site.whole.pass(5);
  }

  it("[G1] [G9] loses nobody: they are with Graph by itself, without a gap, and the administrator is told once", async () => {
    await startOnline();
    const users = ["alice", "bob"];
    for (const user of users) {
      online.addMailbox(`${user}@example.test`);
      await site.enable([user], "online");
      const now = site.whole.runtime.clock.now();
      online.findMailbox(`${user}@example.test`)?.addMeeting({ start: now, end: now + 7_200_000, status: "busy" });
      site.meet(user, 0, 120);
      await site.whole.passUntil(shows(user), "the meeting");
    }
    expect(users.map(serverOf)).toEqual(["online", "online"]);
    // A connection that is cut is no reason to go.
    online.faults.dropStreaming();
    await site.whole.pass(MINUTE);
    expect(new Map(site.whole.gateway.calendarServers.health()).get("online")?.state).toBe("ok");
    expect(users.map(serverOf)).toEqual(["online", "online"]);
    online.ewsSwitch.off = "tenant";
    online.faults.dropStreaming();
    expect(await site.shownDuring("alice", 3 * MINUTE)).toEqual(new Set([MEETING]));
    await site.whole.pass(10 * MINUTE);
    expect(users.map(serverOf)).toEqual(["cloud", "cloud"]);
    const alerts = site.told.filter((text) => text.includes("Calendar server"));
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatch(/online is retired: .*with cloud now/);
    expect(site.view("bob")).toBe(MEETING);
    site.cloud.findMailbox("bob@example.test")?.meetings.splice(0);
    const cancel = site.meet("bob", 600, 700);
    await site.whole.passUntil(shows("bob", ""), "what Graph tells", 10);
    cancel();
    await online.stop();
  });
});
