import { afterEach, describe, expect, it } from "vitest";
import { parseMailbox } from "../../../src/core/addresses.ts";
import { createCalendarSource } from "../../../src/shell/plugin-catalog.ts";
import { createContext, startScenario as startEws, startWatch as watch } from "../calendar-ews/scenario.ts";
import { ACCOUNT, ALICE, BOB, DAY, meetingAt, startScenario } from "./scenario.ts";
import { saw } from "./watch-scenario.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

describe("[R5] [W3] a server that is asked by WebDAV", () => {
  it("serves its mailboxes beside one that is asked by EWS", async () => {
    const [old, modern] = [await startScenario(), await startEws()];
    ends.push(old.end, modern.end);
    const dave = parseMailbox("dave@example.com");
    modern.exchange.addMailbox(dave);
    const watches = [watch(old.source, [ALICE]), watch(modern.source, [dave])] as const;
    await Promise.all(watches.map((each) => saw(each, "all")));
    old.server.findMailbox(ALICE)?.addMeeting(meetingAt(1, "oof"));
    modern.exchange.findMailbox(dave)?.addMeeting(meetingAt(2));
    await saw(watches[0], `changed ${ALICE}`);
    await saw(watches[1], `changed ${dave}`);
    expect(await old.source.fetchBusyTime([ALICE], DAY, old.signal)).toEqual([
      { mailbox: ALICE, intervals: [meetingAt(1, "oof")] },
    ]);
    expect(await modern.source.fetchBusyTime([dave], DAY, modern.signal)).toEqual([
      { mailbox: dave, intervals: [meetingAt(2)] },
    ]);
    for (const each of watches) each.stop();
  });

  it("is configured beside one that is asked by EWS, as the gateway does it", async () => {
    const [old, modern] = [await startScenario(), await startEws()];
    ends.push(old.end, modern.end);
    modern.exchange.addMailbox(BOB);
    const context = createContext(old.runtime);
    const sources = [
      ["webdav", old.server.url, ALICE],
      ["ews", modern.exchange.url, BOB],
    ] as const;
    for (const [type, url, mailbox] of sources) {
      const server = { name: type, type, options: { url, account: ACCOUNT.user }, isEnabled: true };
      const source = createCalendarSource(server, { password: ACCOUNT.password }, context);
      ends.push(() => source.stop());
      await source.start(old.signal);
      expect(await source.fetchBusyTime([mailbox], DAY, old.signal)).toEqual([{ mailbox, intervals: [] }]);
    }
  });

  it("serves its mailboxes beside another that is asked by WebDAV, with other languages and logins", async () => {
    const first = await startScenario();
    const second = await startScenario({ server: { forms: 2007 }, options: { auth: "forms" } });
    ends.push(first.end, second.end);
    const mailbox = second.server.findMailbox(BOB);
    if (mailbox) mailbox.folder = "Agenda";
    mailbox?.addMeeting(meetingAt(1));
    const watches = [watch(first.source, [BOB]), watch(second.source, [BOB])] as const;
    await Promise.all(watches.map((each) => saw(each, "all")));
    first.server.findMailbox(BOB)?.addMeeting(meetingAt(2));
    await saw(watches[0], `changed ${BOB}`);
    expect(watches[1].words).toEqual(["all"]);
    expect(await first.source.fetchBusyTime([BOB], DAY, first.signal)).toEqual([
      { mailbox: BOB, intervals: [meetingAt(2)] },
    ]);
    expect(await second.source.fetchBusyTime([BOB], DAY, second.signal)).toEqual([
      { mailbox: BOB, intervals: [meetingAt(1)] },
    ]);
    for (const each of watches) each.stop();
  });
});
