import { existsSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Mailbox, parseMailbox } from "../../../src/core/addresses.ts";
import { hours, plus } from "../../../src/lib/time.ts";
import { MONDAY_MORNING } from "../../doubles/test-runtime.ts";
import { ACCOUNT, gatewayError, type Scenario, startScenario } from "./scenario.ts";
import { meet, saw, watchUp } from "./watch-scenario.ts";

const WINDOW = { start: MONDAY_MORNING, end: plus(MONDAY_MORNING, hours(24)) };
const FEW = ["Calendar", "Kalender", "Календарь", "予定表", "التقويم", "Mein & <Kram>"];
const TABLE = new URL("../../../../shared/data/calendar-folder-names.tsv", import.meta.url);

/** Names in a hundred languages where the table is beside the repository, else in a few. */
function folderNames(): readonly string[] {
  if (!existsSync(TABLE)) {
    console.log("the table of folder names is not beside the repository: six names are tried instead of a hundred");
    return FEW;
  }
  const rows = readFileSync(TABLE, "utf8").split("\n");
  const names = rows.filter((row) => row !== "" && !row.startsWith("#")).map((row) => row.split("\t")[1] ?? "");
  return [...FEW, ...names];
}

let scenario: Scenario;
beforeEach(async () => {
  scenario = await startScenario();
});
afterEach(() => scenario.end());

const addMailbox = (smtp: string, calendarFolderName: string): Mailbox => {
  scenario.exchange.addMailbox(smtp, { calendarFolderName });
  return parseMailbox(smtp);
};
const findName = (mailbox: Mailbox): Promise<string> =>
  scenario.source.findCalendarName?.(mailbox, scenario.signal) ?? Promise.reject(new Error("no such method"));

describe("calendar folders of any language", () => {
  it("[L1] [K4] are read and watched without their names", async () => {
    const names = folderNames().slice(0, 100);
    const mailboxes = names.map((name, index) => addMailbox(`user${index}@example.com`, name));
    const watch = await watchUp(scenario, mailboxes);
    for (const mailbox of mailboxes) meet(scenario, mailbox);
    await saw(watch, ...mailboxes.map((mailbox) => `changed ${mailbox}`));
    const results = await scenario.source.fetchBusyTime(mailboxes, WINDOW, scenario.signal);
    expect(results.every((result) => "intervals" in result && result.intervals.length === 1)).toBe(true);
    expect(scenario.exchange.stats.requestsOf("GetFolder")).toBe(0);
    watch.stop();
  });

  it("[L3] tell their names, each its own", async () => {
    for (const [index, name] of FEW.entries()) {
      expect(await findName(addMailbox(`user${index}@example.com`, name))).toBe(name);
    }
  });
});

describe("a calendar folder whose name cannot be told", () => {
  it("because there is no such mailbox says so", async () => {
    expect(await gatewayError(findName(parseMailbox("nobody@example.com")))).toMatchObject({
      code: "ews-mailbox-not-found",
    });
  });

  it("because the address is not the primary one names the primary one", async () => {
    scenario.exchange.addMailbox("bob@example.com", { aliases: ["robert@example.com"] });
    const error = await gatewayError(findName(parseMailbox("robert@example.com")));
    expect(error.code).toBe("ews-mailbox-not-found");
    expect(error.message).toContain(
      "robert@example.com is not the primary address of a mailbox; that is bob@example.com",
    );
  });

  it("because the account may not impersonate says so, and only of that mailbox", async () => {
    await scenario.end();
    scenario = await startScenario({ exchange: { accounts: [{ ...ACCOUNT, mayImpersonate: false }] } });
    const error = await gatewayError(findName(addMailbox("alice@example.com", "Calendar")));
    expect(error.code).toBe("ews-impersonation-denied");
    expect(scenario.source.health().state).toBe("ok");
  });

  it.each([
    ["is nothing", ""],
    ["is too long", "x".repeat(300)],
  ])("because it %s is refused", async (_, name) => {
    expect(await gatewayError(findName(addMailbox("alice@example.com", name)))).toMatchObject({
      code: "ews-bad-answer",
    });
  });

  it("because the source has stopped says so", async () => {
    await scenario.source.stop();
    expect(await gatewayError(findName(parseMailbox("alice@example.com")))).toMatchObject({ code: "ews-stopped" });
  });
});
