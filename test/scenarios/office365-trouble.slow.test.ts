import { afterEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { type ThrottleForm, throttled } from "../doubles/microsoft/throttling.ts";
import { type Office365Gateway, type Office365Options, startOffice365Gateway } from "./office365-gateway.ts";

const MEETING = "dnd|in_a_meeting";
const MINUTE = 60;
const HOUR = 60 * MINUTE;

describe("with Office 365 in trouble, the gateway", () => {
  let site: Office365Gateway;
  const start = async (options?: Office365Options): Promise<void> => {
    site = await startOffice365Gateway(options);
  };
  afterEach(() => site.whole.close());

  const health = (): string | undefined =>
    new Map([...site.whole.gateway.calendarServers.health()].map(([name, { state }]) => [name, state])).get("cloud");
  /** What the administrator was told of the tenant. */
  const alerts = (): readonly string[] => site.told.filter((text) => text.includes("Calendar server cloud"));
  const shows =
    (user: string, what = MEETING) =>
    (): boolean =>
      site.view(user) === what;
  const subscriptionsOf = (user: string) => site.cloud.subscriptions.of(`${user}@example.test`);

  it("goes on with what it knows while tokens cannot be had for an hour, asks rarely, and recovers by itself", async () => {
    await start();
    site.application.tokenLifetime = 600;
    await site.enable(["alice", "bob"]);
    site.meet("alice", 0, 40);
    site.meet("bob", 50, 70);
    await site.whole.passUntil(shows("alice"), "the meeting");
    site.cloud.plan("token", { status: 503, text: "" }, 10_000);
    const before = site.requests();
    await site.whole.pass(41 * MINUTE);
    expect([site.view("alice"), site.view("bob")]).toEqual(["", ""]);
    await site.whole.pass(10 * MINUTE);
    expect([site.view("alice"), site.view("bob")]).toEqual(["", MEETING]);
    site.meet("alice", 0, 120);
    await site.whole.pass(9 * MINUTE);
    expect(site.requests() - before).toBeLessThan(100);
    site.cloud.mend();
    await site.whole.passUntil(shows("alice"), "the meeting that was made meanwhile", 5 * MINUTE);
    await site.whole.passUntil(() => health() === "ok", "health", 5 * MINUTE);
    await site.whole.pass(HOUR);
    expect(alerts().length).toBeLessThanOrEqual(2);
  });

  it("tells once that the secret has expired, once what is wrong then, and once that it works again", async () => {
    await start();
    site.application.tokenLifetime = 600;
    await site.enable(["alice"]);
    site.application.isSecretExpired = true;
    const before = site.requests();
    await site.whole.pass(15 * MINUTE);
    site.meet("alice", 60, 90);
    await site.whole.passUntil(() => alerts().length > 0, "the message", 10 * MINUTE);
    await site.whole.pass(2 * HOUR);
    expect(alerts()).toHaveLength(1);
    expect(alerts()[0]).toMatch(/cloud does not work: .*AADSTS7000222.* new secret/);
    expect(site.requests() - before).toBeLessThan(20);
    await site.whole.pass(4 * HOUR);
    expect(alerts()).toHaveLength(1);
    site.application.isSecretExpired = false;
    site.application.secret = "n3w~Secret.2";
    await site.whole.pass(3 * HOUR);
    expect(alerts()).toHaveLength(2);
    expect(alerts()[1]).toMatch(/cloud does not work: .*AADSTS7000215/);
    await site.addTenant("n3w~Secret.2");
    site.meet("alice", 0, 60);
    await site.whole.passUntil(shows("alice"), "the meeting", MINUTE);
    await site.whole.pass(MINUTE);
    expect(alerts().slice(2)).toEqual(["Calendar server cloud works again."]);
    expect(site.told.join()).not.toContain("n3w~Secret");
  });

  it("shows by its routine read what a silent subscription did not tell, and makes another", async () => {
    await start();
    await site.enable(["alice"]);
    await site.whole.pass(10 * MINUTE);
    const [silent] = subscriptionsOf("alice");
    const now = site.whole.runtime.clock.now();
    // Nobody is notified of what is entered so.
    const meeting = { start: now, end: now + 3 * HOUR * 1000, status: "busy" } as const;
    site.cloud.findMailbox("alice@example.test")?.meetings.push(meeting);
    await site.whole.passUntil(shows("alice"), "the meeting", 61 * MINUTE);
    await site.whole.pass(6 * MINUTE);
    expect(subscriptionsOf("alice").map(({ id }) => id)).not.toContain(silent?.id);
    expect(subscriptionsOf("alice")).toHaveLength(1);
    site.cloud.findMailbox("alice@example.test")?.removeMeeting(meeting);
    await site.whole.passUntil(shows("alice", ""), "the end", 10);
  });

  it("makes a subscription anew that the service has lost, within the hour and one list", async () => {
    await start();
    await site.enable(["alice"]);
    await site.whole.pass(10 * MINUTE);
    for (const { id } of subscriptionsOf("alice")) site.cloud.subscriptions.all.delete(id);
    await site.whole.passUntil(() => subscriptionsOf("alice").length === 1, "another subscription", 61 * MINUTE);
    site.meet("alice", 0, 60);
    await site.whole.passUntil(shows("alice"), "the meeting", 10);
  });

  it("takes forged and unknown notifications for nothing, and a replayed one for no more than a look", async () => {
    await start();
    await site.enable(["alice", "bob"]);
    // By then the mailboxes' settings are read too, for the day.
    await site.whole.pass(5 * MINUTE);
    const [known] = subscriptionsOf("alice");
    const url = known?.notificationUrl ?? "";
    const post = (subscriptionId: string | undefined, clientState: string | undefined): number | undefined =>
      site.webhooks.send(url, JSON.stringify({ value: [{ subscriptionId, clientState, changeType: "updated" }] }))
        ?.status;
    const before = site.requests();
    for (let round = 0; round < 1000; round++) {
      expect(post(known?.id, `forged-${round}`)).toBe(202);
      expect(post("no such subscription", known?.clientState)).toBe(202);
      expect(post(subscriptionsOf("bob")[0]?.id, known?.clientState)).toBe(202);
    }
    const forgedRemoval = { subscriptionId: known?.id, clientState: "forged", lifecycleEvent: "subscriptionRemoved" };
    site.webhooks.send(url, JSON.stringify({ value: [forgedRemoval] }));
    await site.whole.pass(MINUTE);
    expect(site.requests()).toBe(before);
    for (let round = 0; round < 1000; round++) post(known?.id, known?.clientState);
    await site.whole.pass(MINUTE);
    expect(site.requests() - before).toBeLessThanOrEqual(2);
    expect([site.view("alice"), site.view("bob"), subscriptionsOf("alice").length]).toEqual(["", "", 1]);
  });

  it.each([10, -10])("works with a clock that is %i minutes off that of the cloud", async (off) => {
    await start();
    site.skew = off * MINUTE * 1000;
    await site.enable(["alice"]);
    site.meet("alice", 0, 60);
    await site.whole.passUntil(shows("alice"), "the meeting", 10);
    expect([subscriptionsOf("alice").length, health()]).toEqual([1, "ok"]);
    await site.whole.pass(2 * HOUR);
    expect([site.view("alice"), health(), alerts()]).toEqual(["", "ok", []]);
  });

  it.each([10, -10])("goes on when its own clock is set by %i minutes", async (by) => {
    await start();
    await site.enable(["alice"]);
    await site.whole.pass(MINUTE);
    site.whole.runtime.clock.step(by * MINUTE * 1000);
    await site.whole.pass(MINUTE);
    const before = site.requests();
    site.meet("alice", 0, 60);
    await site.whole.passUntil(shows("alice"), "the meeting", 10);
    await site.whole.pass(2 * HOUR);
    expect([site.view("alice"), health(), alerts()]).toEqual(["", "ok", []]);
    expect(site.requests() - before).toBeLessThan(20);
  });

  it.each<ThrottleForm>(["retry-after", "no-retry-after", "one-second-for-ever", "service-unavailable"])(
    "is patient with a service that refuses for a quarter of an hour (%s), and shows then what is so",
    async (form) => {
      await start();
      await site.enable(["alice", "bob"]);
      await site.whole.pass(MINUTE);
      site.cloud.plan("graph", throttled(form), 10_000);
      const before = site.requests();
      site.meet("alice", 0, 120);
      site.meet("bob", 0, 120);
      await site.whole.pass(15 * MINUTE);
      expect(site.requests() - before).toBeLessThan(60);
      site.cloud.mend();
      await site.whole.passUntil(() => shows("alice")() && shows("bob")(), "the meetings", 3 * MINUTE);
      expect(site.whole.logged("calendar.mailbox-failed")).toBe(0);
    },
  );

  it("shows everybody but the user who has no licence, and that user once there is one", async () => {
    await start();
    const carol = site.cloud.addMailbox("carol@example.test");
    carol.isLicensed = false;
    await site.enable(["alice", "carol"]);
    site.meet("alice", 0, 600);
    await site.whole.passUntil(shows("alice"), "the meeting", 10);
    const presentity = site.whole.gateway.presentities.find(parsePresentityId("carol@example.test"));
    await site.whole.pass(10 * MINUTE);
    expect(presentity?.calendarError?.code).toBe("graph-mailbox-not-found");
    expect([health(), alerts()]).toEqual(["ok", []]);
    carol.isLicensed = true;
    site.meet("carol", 0, 600);
    await site.whole.passUntil(shows("carol"), "the meeting of the other", 130 * MINUTE);
  });
});
