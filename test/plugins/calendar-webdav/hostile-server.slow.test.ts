import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../../../src/ports/errors.ts";
import { TestMemory } from "../../doubles/plugin-context.ts";
import type { WireAnswer } from "../../doubles/webdav/http-wire.ts";
import { createLogins, NTLM_ACCOUNT } from "../calendar-ews/ntlm-scenario.ts";
import { startWatch, until } from "../calendar-ews/scenario.ts";
import { ALICE, BOB, CAROL, DAY, useScenarios } from "./scenario.ts";
import { live, meet, saw, watchUp } from "./watch-scenario.ts";

const start = useScenarios();

const multistatus = (content: string): WireAnswer => ({
  status: 207,
  body: `<multistatus xmlns="DAV:">${content}</multistatus>`,
});

describe("a server that does not keep to the rules", () => {
  it.each([
    ["no id", { status: 200 }],
    ["an id with a comma", { status: 200, headers: { "Subscription-Id": "1,2" } }],
    ["an endless id", { status: 200, headers: { "Subscription-Id": "9".repeat(300) } }],
  ])("and gives %s for a subscription ends the watch", async (_, answer) => {
    const given = await start();
    given.server.plan(answer, { method: "SUBSCRIBE" });
    const watch = startWatch(given.source, [ALICE]);
    await watch.ended;
    expect(watch.error).toMatchObject({ code: "webdav-bad-answer" });
    expect(given.memory.kept.size).toBe(0);
  });

  it.each([
    ["to itself", "https://127.0.0.1/exchange/"],
    ["to nowhere", "http://[broken"],
    ["to a path without end", `/${"x".repeat(3000)}`],
    ["to the root", "/"],
  ])("and points with the calendar's address %s stops only that mailbox", async (_, text) => {
    const given = await start();
    const body = `<response><propstat><status>HTTP/1.1 200 OK</status><prop><calendar>${text}</calendar></prop></propstat></response>`;
    given.server.plan(multistatus(body), { method: "PROPFIND" });
    const results = await given.source.fetchBusyTime([ALICE, BOB], DAY, given.signal);
    expect(results.filter((result) => "error" in result)).toHaveLength(1);
  });

  it("and points with the calendar's address to another host is asked there nothing", async () => {
    const given = await start();
    // The simulated server says mail.example.com in all its addresses, which does not exist.
    const results = await given.source.fetchBusyTime([ALICE], DAY, given.signal);
    expect(results).toEqual([{ mailbox: ALICE, intervals: [] }]);
  });

  it("and answers POLL with other ids is asked for each alone, and nothing is lost", async () => {
    const given = await start();
    given.server.subscriptions.copies = 0;
    const watch = await watchUp(given);
    meet(given, CAROL);
    given.server.plan(multistatus("<response><status>HTTP/1.1 200 OK</status><li>4711</li></response>"), {
      method: "POLL",
    });
    await live(given, 6 * 60_000);
    await saw(watch, `changed ${CAROL}`);
    expect(watch.words).toEqual([`changed ${CAROL}`]);
    expect(given.server.count("POLL")).toBe(4);
  });

  it("settles a watch that is stopped while it does not answer", async () => {
    const given = await start();
    given.server.plan("never", { method: "SUBSCRIBE" });
    const watch = startWatch(given.source, [ALICE]);
    await until(() => given.server.unanswered === 1);
    watch.stop("enough");
    await watch.ended;
    expect(watch.error).toBe("enough");
  });

  it("closes all connections and is asked again on new ones", async () => {
    const given = await start();
    const watch = await watchUp(given);
    given.server.dropConnections();
    meet(given, BOB);
    await saw(watch, `changed ${BOB}`);
  });
});

describe("one login by NTLM", () => {
  it("serves all requests on its connection, SEARCH too", async () => {
    const logins = createLogins();
    const given = await start({
      server: { accounts: [NTLM_ACCOUNT], authenticator: logins },
      options: { account: NTLM_ACCOUNT.user, password: NTLM_ACCOUNT.password },
      parameters: { "exchange-threads": "1" },
    });
    for (let round = 0; round < 3; round++) await given.source.fetchBusyTime([ALICE, BOB, CAROL], DAY, given.signal);
    expect(logins.accepted).toBe(1);
    expect(given.server.connections).toBeLessThanOrEqual(2); // the first finds out what is offered
    expect(given.server.count("SEARCH")).toBe(9);
  });
});

describe("what is remembered of a former process", () => {
  it("may be anything: the source starts, and forgets what it does not understand", async () => {
    const any = fc.oneof(fc.string(), fc.json(), fc.constant('{"mailbox":"x","folder":"/x","id":"1","expiresAt":1}'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.string(), any), { maxLength: 5 }), async (entries) => {
        const memory = new TestMemory();
        for (const [key, value] of entries) memory.put(key, value);
        try {
          const given = await start({ memory });
          expect(given.source.health().state).toBe("starting");
          expect(memory.kept.size).toBe(0);
        } catch (error) {
          expect(error).toBeInstanceOf(GatewayError);
        }
      }),
      { numRuns: 20 },
    );
  });
});
