import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { availability, freeBusy, type HostileExchange, startHostileExchange } from "./hostile-exchange.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";

const MEETING = "dnd|in_a_meeting";
const NOW = freeBusy("2026-11-23T08:00:00", "2026-11-23T12:00:00");

describe("from a hostile Exchange, the gateway", () => {
  let whole: WholeGateway;
  let exchange: HostileExchange;
  beforeEach(async () => {
    exchange = await startHostileExchange((mailboxes) => availability(...mailboxes.map(() => NOW)));
    whole = await startWholeGateway();
    await whole.addCalendarServer({ url: exchange.url });
  });
  afterEach(async () => {
    await whole.close();
    await exchange.stop();
  });

  const view = (user: string) => whole.xmpp.view(user);
  const errorOf = (user: string) =>
    whole.gateway.presentities.find(parsePresentityId(`${user}@example.test`))?.calendarError?.code;

  const times: readonly (readonly [start: string, end: string, shown: string, error: string | undefined])[] = [
    ["NaN", "2026-11-23T12:00:00", "", "ews-bad-answer"],
    ["-2026-11-23T08:00:00", "2026-11-23T12:00:00", MEETING, undefined],
    ["0001-01-01T00:00:00", "9999-12-31T23:59:59", MEETING, undefined],
    ["0001-01-01T00:00:00", "0001-01-01T00:30:00", "", undefined],
    ["9999-12-31T00:00:00", "9999-12-31T23:59:59", "", undefined],
    ["999999-12-31T00:00:00", "-999999-12-31T23:59:59", "", undefined],
    ["2026-11-23T12:00:00", "2026-11-23T08:00:00", "", undefined],
    ["2026-11-23T24:00:01", "2026-11-23T12:00:00", "", "ews-bad-answer"],
    ["1e9", "Infinity", "", "ews-bad-answer"],
    ["", "", "", "ews-bad-answer"],
  ];
  for (const [start, end, shown, error] of times) {
    it(`shows "${shown}" of an entry from "${start}" to "${end}"`, async () => {
      exchange.answer = (mailboxes) => availability(...mailboxes.map(() => freeBusy(start, end)));
      await whole.enable("alice");
      await whole.pass(5);
      expect([view("alice"), errorOf("alice")]).toEqual([shown, error]);
      // The store takes such times, and gives them back.
      expect(whole.store.journal.find(parsePresentityId("alice@example.test"))?.presentity).toBe("alice@example.test");
    });
  }

  it("reads no further than it must in an answer of 100 MB, and shows nothing of it", async () => {
    const megabyte = "<x>".padEnd(1_048_576, "y");
    let sent = 0;
    exchange.answer = function* () {
      yield availability(NOW).replace(/<\/FreeBusyResponseArray>.*/, "");
      for (; sent < 100; sent++) yield megabyte;
    };
    await whole.enable("alice");
    await whole.passUntil(() => errorOf("alice") !== undefined, "the refusal", 30);
    expect(view("alice")).toBe("");
    expect(errorOf("alice")).toMatch(/^ews-(bad-answer|timeout)$/);
    expect(sent).toBeLessThan(60);
  });

  it("believes no answer that has more or fewer mailboxes than were asked for", async () => {
    exchange.answer = (mailboxes) => availability(...mailboxes.map(() => NOW), NOW);
    await whole.enable("alice", "bob");
    await whole.pass(60);
    expect([view("alice"), view("bob"), errorOf("bob")]).toEqual(["", "", "ews-bad-answer"]);
  });

  it("finds the one mailbox that spoils the answer for all, and reads the others without it", async () => {
    const users = Array.from({ length: 60 }, (_, index) => `user${index}`);
    const isSpoilt = (mailboxes: readonly string[]): boolean => mailboxes.includes("user33@example.test");
    exchange.answer = (mailboxes) =>
      isSpoilt(mailboxes) ? "<not-even-soap/>" : availability(...mailboxes.map(() => NOW));
    await whole.enable(...users);
    await whole.passUntil(() => users.filter((user) => view(user) === MEETING).length === 59, "the others", 300);
    const { reads } = exchange;
    await whole.pass(1800);
    expect(exchange.reads - reads).toBeLessThan(30);
    expect([...whole.gateway.calendarServers.health()].map(([, { state }]) => state)).not.toContain("down");
    expect(errorOf("user33")).toBe("ews-bad-answer");
    expect(users.filter((user) => errorOf(user) !== undefined)).toEqual(["user33"]);
    exchange.answer = (mailboxes) => availability(...mailboxes.map(() => NOW));
    await whole.passUntil(() => view("user33") === MEETING, "the mended mailbox", 601);
  });
});
