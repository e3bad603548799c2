import { afterEach, describe, expect, it } from "vitest";
import { parseMailbox, parsePresentityId } from "../../src/core/addresses.ts";
import { startWholeGateway, type WholeGateway, type WholeGatewayOptions } from "./whole-gateway.ts";

const MEETING = "dnd|in_a_meeting";
const MINUTE = 60;

describe("with an Exchange in trouble, the gateway", () => {
  let whole: WholeGateway;
  const start = async (options?: WholeGatewayOptions): Promise<void> => {
    whole = await startWholeGateway(options);
  };
  afterEach(() => whole.close());

  const requests = (): number => Object.values(whole.exchange.stats.requests).reduce((sum, count) => sum + count, 0);
  const health = (): string => [...whole.gateway.calendarServers.health()].map(([, { state }]) => state).join();
  const lastError = (): string | undefined =>
    whole.runtime.events
      .findLast(({ event }) => /^calendar\.(fetch|watch)-failed$/.test(event))
      ?.fields["code"]?.toString();
  const errorOf = (user: string) =>
    whole.gateway.presentities.find(parsePresentityId(`${user}@example.test`))?.calendarError?.code;
  const view = (user: string) => whole.xmpp.view(user);

  it("starts without it, says so, invents nothing, and recovers by itself", async () => {
    await start({ isExchangeDown: true });
    await whole.enable("alice");
    whole.meet("alice", 0, 300);
    await whole.pass(10 * MINUTE);
    expect([view("alice"), health(), lastError()]).toEqual(["", "down", "ews-unavailable"]);
    expect(whole.logged("calendar.fetch-failed")).toBe(1);
    await whole.exchange.restart();
    await whole.passUntil(() => view("alice") === MEETING, "the meeting", 5 * MINUTE);
    expect(whole.logged("calendar.recovered")).toBe(1);
  });

  it("ends meetings on time while it is away for an hour, asks rarely, and catches up", async () => {
    await start();
    await whole.enable("alice", "bob");
    whole.meet("alice", 0, 20);
    whole.meet("bob", 30, 50);
    await whole.passUntil(() => view("alice") === MEETING, "the meeting");
    await whole.exchange.stop();
    const before = whole.runtime.counters.get('presence_gateway_calendar_fetches_total{"gateway":"hq"}') ?? 0;
    await whole.pass(21 * MINUTE);
    expect([view("alice"), view("bob")]).toEqual(["", ""]);
    await whole.pass(14 * MINUTE);
    expect([view("alice"), view("bob")]).toEqual(["", MEETING]);
    whole.meet("alice", 0, 90);
    await whole.pass(25 * MINUTE);
    const asked = (whole.runtime.counters.get('presence_gateway_calendar_fetches_total{"gateway":"hq"}') ?? 0) - before;
    expect(asked).toBeLessThan(60);
    await whole.exchange.restart();
    await whole.passUntil(() => view("alice") === MEETING, "the meeting that was made meanwhile", 5 * MINUTE);
    expect(view("bob")).toBe("");
  });

  it("raises no storm while it comes and goes every 20 s for half an hour, and is right afterwards", async () => {
    await start();
    const users = Array.from({ length: 9 }, (_, index) => `user${index}`);
    await whole.enable(...users);
    const before = requests();
    for (let round = 0; round < 45; round++) {
      await whole.exchange.stop();
      await whole.pass(20);
      whole.meet(`user${round % 9}`, -1, 200);
      await whole.exchange.restart();
      await whole.pass(20);
    }
    // Every time it is back: nine subscriptions, the end of the nine before, one notification connection, a few reads.
    expect(requests() - before).toBeLessThan(45 * 22);
    await whole.passUntil(() => users.every((user) => view(user) === MEETING), "all meetings", 5 * MINUTE);
    expect(whole.logged("calendar.fetch-failed")).toBeLessThanOrEqual(45);
  });

  it("spares an account whose password is refused, says what is wrong, and goes on when it is mended", async () => {
    await start();
    await whole.enable("alice");
    whole.meet("alice", 10, 300);
    await whole.pass(10);
    await whole.addCalendarServer({ password: "wrong" });
    const before = whole.exchange.stats.refusalsOf("http-401");
    await whole.pass(60 * MINUTE);
    expect(whole.exchange.stats.refusalsOf("http-401") - before).toBeLessThan(8);
    expect([health(), lastError()]).toEqual(["down", "ews-unauthorized"]);
    // What is known is shown as long as it is fresh.
    expect(view("alice")).toBe(MEETING);
    await whole.addCalendarServer();
    await whole.pass(30);
    expect(health()).toBe("ok");
  });

  it("takes a web page for no calendar, and recovers when it goes away", async () => {
    await start();
    await whole.enable("alice");
    whole.exchange.faults.html(1000);
    whole.exchange.faults.dropStreaming();
    whole.meet("alice", 0, 300);
    await whole.pass(15 * MINUTE);
    expect([view("alice"), health(), lastError()]).toEqual(["", "degraded", "ews-not-xml"]);
    whole.exchange.faults.clear();
    await whole.passUntil(() => view("alice") === MEETING, "the meeting", 6 * MINUTE);
  });

  it("shows everybody but the user whose mailbox does not exist, and that user once it does", async () => {
    await start();
    await whole.enable("alice");
    const { registry } = whole.store;
    const user = await registry.findUser(parsePresentityId("alice@example.test"));
    if (!user) throw new Error("alice is no user");
    const carol = parsePresentityId("carol@example.test");
    const ghost = { ...user, presentity: carol, mailbox: user.mailbox };
    await registry.replaceUser({ ...ghost, mailbox: parseMailboxOf("carol") });
    whole.xmpp.online("carol");
    whole.meet("alice", 0, 300);
    await whole.passUntil(() => view("alice") === MEETING, "the meeting");
    expect([errorOf("alice"), errorOf("carol"), health()]).toEqual([undefined, "ews-mailbox-not-found", "ok"]);
    const before = requests();
    await whole.pass(30 * MINUTE);
    expect(requests() - before).toBeLessThan(20);
    whole.exchange.addMailbox("carol@example.test");
    whole.meet("carol", 0, 300);
    await whole.passUntil(() => view("carol") === MEETING, "the new mailbox's meeting", 61 * MINUTE);
    expect(errorOf("carol")).toBeUndefined();
  });

  it("keeps what it knows of a mailbox that is moved, and catches up within minutes", async () => {
    await start();
    await whole.enable("alice", "bob");
    const cancel = whole.meet("alice", 0, 300);
    await whole.passUntil(() => view("alice") === MEETING, "the meeting");
    whole.exchange.faults.moveMailbox("alice@example.test");
    cancel();
    whole.meet("bob", 0, 300);
    await whole.passUntil(() => view("bob") === MEETING, "the other's meeting");
    await whole.pass(20 * MINUTE);
    expect([view("alice"), view("bob")]).toEqual([MEETING, MEETING]);
    whole.exchange.faults.settleMailbox("alice@example.test");
    await whole.passUntil(() => view("alice") === "", "the cancelled meeting's end", 11 * MINUTE);
  });
});

const parseMailboxOf = (user: string) => parseMailbox(`${user}@example.test`);
