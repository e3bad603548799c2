import { describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { hours, minutes, plus, seconds } from "../../../src/lib/time.ts";
import type { BusyTimeResult } from "../../../src/ports/calendar-source.ts";
import type { DavMailbox } from "../../doubles/webdav/dav-mailbox.ts";
import { gatewayError, until } from "../calendar-ews/scenario.ts";
import { ALICE, addMailboxes, BOB, CAROL, DAY, meetingAt, type Scenario, useScenarios } from "./scenario.ts";

const start = useScenarios();

const fetch = ({ source, signal }: Scenario, ...mailboxes: readonly Mailbox[]): Promise<readonly BusyTimeResult[]> =>
  source.fetchBusyTime(mailboxes, DAY, signal);

/** The code of each result's error; `ok` where there is none. */
const codes = async (results: Promise<readonly BusyTimeResult[]>): Promise<readonly string[]> =>
  (await results).map((result) => ("error" in result ? result.error.code : "ok"));

const alice = ({ server }: Scenario): DavMailbox => server.findMailbox(ALICE) ?? server.addMailbox(ALICE);

describe("busy time by WebDAV", () => {
  it("[L1] is read in a folder of any name, without a table of names", async () => {
    const given = await start();
    const names = ["Calendrier", "Kalender", "Календарь", "予定表", "Calen/dar & <co> 100%"];
    for (const [index, name] of names.entries()) {
      given.server.addMailbox(`user${index}@example.com`, name).addMeeting(meetingAt(index));
    }
    const mailboxes = names.map((_, index) => parseMailbox(`user${index}@example.com`));
    const results = await fetch(given, ...mailboxes.slice(0, 4));
    expect(results).toEqual(
      mailboxes.slice(0, 4).map((mailbox, index) => ({ mailbox, intervals: [meetingAt(index)] })),
    );
  });

  it("[L2] one server serves mailboxes of many languages at once", async () => {
    const given = await start();
    alice(given).folder = "Calendrier";
    expect(await codes(fetch(given, ALICE, BOB))).toEqual(["ok", "ok"]);
  });

  it("has what recurs, occurrence by occurrence, as the server expands it", async () => {
    const given = await start();
    const first = meetingAt(-24, "tentative");
    alice(given).addSeries({ first, every: hours(12), count: 6, exception: { number: 3, by: minutes(30) } });
    expect(await fetch(given, ALICE)).toEqual([
      {
        mailbox: ALICE,
        intervals: [
          meetingAt(0, "tentative"),
          {
            start: plus(meetingAt(12).start, minutes(30)),
            end: plus(meetingAt(12).end, minutes(30)),
            status: "tentative",
          },
        ],
      },
    ]);
  });

  it("has four statuses, of which free is not told", async () => {
    const given = await start();
    for (const [index, status] of (["free", "tentative", "busy", "oof"] as const).entries()) {
      alice(given).addMeeting(meetingAt(index, status));
    }
    expect(await fetch(given, ALICE)).toEqual([
      { mailbox: ALICE, intervals: [meetingAt(1, "tentative"), meetingAt(2, "busy"), meetingAt(3, "oof")] },
    ]);
  });

  it("costs two requests a mailbox the first time and one from then on", async () => {
    const given = await start();
    await fetch(given, ALICE, BOB);
    await fetch(given, ALICE, BOB);
    expect(given.server.count("PROPFIND")).toBe(2);
    expect(given.server.count("SEARCH")).toBe(4);
  });

  it("[L4] follows a folder that is renamed, without a restart", async () => {
    const given = await start();
    await fetch(given, ALICE);
    alice(given).folder = "Agenda";
    alice(given).addMeeting(meetingAt(1));
    expect(await fetch(given, ALICE)).toEqual([{ mailbox: ALICE, intervals: [meetingAt(1)] }]);
  });

  it("runs no more requests at once than exchange-threads", async () => {
    const given = await start({ parameters: { "exchange-threads": "3" } });
    const mailboxes = addMailboxes(given.server, 20);
    await fetch(given, ALICE);
    const releases: (() => void)[] = [];
    const untilReleased = new Promise<void>((resolve) => releases.push(resolve));
    given.server.plan({ untilReleased }, { times: 3 });
    const results = fetch(given, ...mailboxes);
    await until(() => given.server.unanswered === 3);
    expect(given.server.requests).toHaveLength(2 + 3);
    for (const release of releases) release();
    expect(await codes(results)).toEqual(mailboxes.map(() => "ok"));
    expect(given.server.connections).toBeLessThanOrEqual(3);
  });
});

describe("a mailbox that cannot be read", () => {
  it.each([403, 401, 440] as const)("because HTTP %i says so is a matter of its own", async (refusal) => {
    const given = await start(refusal === 440 ? { server: { forms: 2003 } } : {});
    await fetch(given, BOB);
    alice(given).refusals.root = refusal;
    alice(given).refusals.calendar = refusal;
    expect(await codes(fetch(given, ALICE, BOB, CAROL))).toEqual(["webdav-no-access", "ok", "ok"]);
    expect(await codes(fetch(given, ALICE, BOB))).toEqual(["webdav-no-access", "ok"]);
    expect(given.source.health().state).toBe("ok");
    if (given.server.forms) expect(given.server.forms.attempts).toBe(1);
  });

  it("because it is unknown is named with its server and what to do", async () => {
    const given = await start();
    const [result] = await fetch(given, parseMailbox("aaron@example.com"));
    expect(result).toMatchObject({ error: { code: "webdav-mailbox-not-found", type: "cancel" } });
    const { host } = new URL(given.server.url);
    expect(result && "error" in result && result.error.message).toContain(`aaron@example.com at ${host}: `);
  });

  it("because it is slow stops no other", async () => {
    const given = await start();
    await fetch(given, ALICE, BOB, CAROL);
    given.server.plan("never");
    const results = fetch(given, ALICE, BOB, CAROL);
    await until(() => given.server.unanswered === 1 && given.server.count("SEARCH") === 6);
    await given.runtime.clock.advance(seconds(3));
    expect((await codes(results)).toSorted()).toEqual(["ok", "ok", "webdav-timeout"]);
  });

  it.each([
    ["garbage", { raw: "\u0000\u0001garbage\r\n\r\n" }],
    ["half a head", { raw: "HTTP/1.1 207 Multi" }],
    ["half a body", { raw: "HTTP/1.1 207 Multi-Status\r\nContent-Length: 500\r\n\r\n<a:multistatus>" }],
    ["a web page", { status: 207, body: "<html>Welcome</html>" }],
    ["a document type", { status: 207, body: '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>' }],
    ["rows without times", { status: 207, body: "<multistatus><response/></multistatus>" }],
    ["HTTP 503", { status: 503, headers: { "Retry-After": "30" } }],
    ["HTTP 418", { status: 418 }],
  ])("because %s comes stops no other", async (_, answer) => {
    const given = await start();
    await fetch(given, ALICE, BOB);
    given.server.plan(answer, { method: "SEARCH" });
    const results = await codes(fetch(given, ALICE, BOB));
    expect(results.filter((code) => code !== "ok")).toHaveLength(1);
  });

  it("because it has more than 1000 entries says so", async () => {
    const given = await start();
    alice(given).addSeries({ first: meetingAt(1), every: seconds(60), count: 1000 });
    expect(await codes(fetch(given, ALICE))).toEqual(["ok"]);
    alice(given).addMeeting(meetingAt(1));
    expect(await codes(fetch(given, ALICE))).toEqual(["webdav-too-many-entries"]);
  });
});

describe("a mailbox that does not tell its calendar", () => {
  it.each([
    ["because the account may read nothing but the calendar", 403],
    ["because it lacks the property", undefined],
  ] as const)("%s is read by the name in calendar-name", async (_, refusal) => {
    const given = await start({ options: { "calendar-name": "Agenda privé" } });
    alice(given).folder = "Agenda privé";
    alice(given).tellsCalendar = refusal !== undefined;
    alice(given).refusals.root = refusal;
    alice(given).addMeeting(meetingAt(1));
    expect(await fetch(given, ALICE)).toEqual([{ mailbox: ALICE, intervals: [meetingAt(1)] }]);
  });

  it("is read as Calendar without that option, and when the name is not there", async () => {
    const given = await start({ options: { "calendar-name": "Kalender" } });
    alice(given).refusals.root = 403;
    expect(await codes(fetch(given, ALICE))).toEqual(["ok"]);
    alice(given).folder = "Agenda";
    expect(await codes(fetch(given, ALICE))).toEqual(["webdav-folder-not-found"]);
  });
});

describe("a server that fails", () => {
  it("rejects the whole request when it fails for all", async () => {
    const given = await start();
    given.server.plan({ status: 503, headers: { "Retry-After": "30" } }, { times: 20 });
    const error = await gatewayError(fetch(given, ALICE, BOB, CAROL));
    expect(error).toMatchObject({ code: "webdav-unavailable", type: "wait", retryAfter: 30_000 });
    expect(given.source.health()).toMatchObject({ state: "down", error: { code: "webdav-unavailable" } });
  });

  it("is not asked for the rest after three failures and no success", async () => {
    const given = await start({ parameters: { "exchange-threads": "1" } });
    given.server.plan({ status: 500 }, { times: 100 });
    await gatewayError(fetch(given, ...addMailboxes(given.server, 20)));
    expect(given.server.requests.length).toBeLessThanOrEqual(4);
  });

  it("is not given a wrong password again and again, so that the account is not locked", async () => {
    const given = await start({ options: { password: "wrong" } });
    for (let round = 0; round < 5; round++) {
      expect(await gatewayError(fetch(given, ALICE, BOB, CAROL))).toMatchObject({ code: "webdav-unauthorized" });
    }
    expect(given.server.connections).toBeLessThanOrEqual(1);
    const error = await gatewayError(fetch(given, ALICE));
    expect(error.message).toContain("is not tried again for");
    expect(error.message).not.toContain("wrong");
    expect(error.retryAfter).toBeGreaterThan(0);
  });

  it("is unavailable when nobody hears there", async () => {
    const given = await start();
    given.server.stop();
    const error = await gatewayError(fetch(given, ALICE));
    expect(error).toMatchObject({ code: "webdav-unavailable", type: "wait" });
    expect(given.source.health().state).toBe("degraded");
  });

  it("without WebDAV, as Exchange 2010 and later, is told apart", async () => {
    const given = await start();
    given.server.plan({ status: 405 }, { times: 20 });
    expect(await gatewayError(fetch(given, ALICE))).toMatchObject({ code: "webdav-wrong-url", type: "modify" });
  });

  it("is not asked for more mailboxes than it can be", async () => {
    const given = await start();
    const error = await gatewayError(fetch(given, ...addMailboxes(given.server, 21)));
    expect(error.code).toBe("webdav-batch-too-big");
  });
});
