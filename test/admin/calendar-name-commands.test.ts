import { describe, expect, it } from "vitest";
import { judgeCalendarName, nameForLocale } from "../../src/admin/calendar-locale.ts";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { CalendarName } from "../../src/ports/registry.ts";
import { createCommandStage, userOf } from "./command-stage.ts";

const builtIn = (locale: string, name: string): CalendarName => ({ locale, name, source: "built-in" });
const NAMES: readonly CalendarName[] = [
  builtIn("da", "Kalender"),
  builtIn("de", "Kalender"),
  builtIn("en", "Calendar"),
  builtIn("fr", "Calendrier"),
  builtIn("nl", "Agenda"),
  builtIn("pt-BR", "Calendário"),
  builtIn("zh-Hans", "日历"),
];
const ALICE = "alice@example.com";

async function stageOf(locale: string, folder: string | GatewayError, isRunning = true) {
  const stage = createCommandStage({ isRunning });
  await stage.seed();
  for (const name of NAMES) stage.registry.calendarNames.set(name.locale, name);
  await stage.registry.replaceUser(userOf(ALICE, { locale }));
  stage.live.calendarNames.set(ALICE, folder);
  return stage;
}

describe("the name of a calendar folder", () => {
  it.each([
    ["de", "de"],
    ["de-AT", "de"],
    ["pt", "pt-BR"],
    ["zh-CN", "zh-Hans"],
    ["EN-gb", "en"],
    ["tlh", undefined],
    ["no", undefined],
  ])("in %s is that of %s", (locale, row) => {
    expect(nameForLocale(NAMES, locale)?.locale).toBe(row);
  });

  it.each([
    ["Kalender", "de-AT", "fits", ["da", "de"]],
    ["KALENDER ", "da", "fits", ["da", "de"]],
    ["Calenda\u0301rio", "pt-BR", "fits", ["pt-BR"]],
    ["Agenda", "de", "other", ["nl"]],
    ["Mein Kram", "de", "unknown", []],
    ["Agenda", "tlh", "other", ["nl"]],
  ] as const)("%s for a user of %s %s", (name, locale, verdict, locales) => {
    expect(judgeCalendarName(name, NAMES, locale)).toMatchObject({ verdict, locales });
  });
});

describe("calendar-name show", () => {
  it("[L3] shows what is in the database and whose it is", async () => {
    const { say } = await stageOf("de-AT", "");
    expect(await say("calendar-name show de_at")).toBe(
      "Calendar folder in de-AT\nname: Kalender\nrow: de (de-AT has none of its own)\nsource: built-in\nusers: 1",
    );
    await say("calendar-name set de-AT Termine");
    expect(await say("calendar-name show de-AT")).toMatch(/name: Termine\nrow: de-AT\nsource: administrator\nusers: 1/);
    expect(await say("calendar-name show de")).toMatch(/name: Kalender\nrow: de\nsource: built-in\nusers: 0/);
  });

  it("says how to add a name that is missing", async () => {
    const { say } = await stageOf("en", "");
    expect(await say("calendar-name show tlh")).toMatch(
      /no name for tlh.*calendar-name set tlh <name> \[command-not-found\]/,
    );
    expect(await say("calendar-name show")).toMatch(/locale is missing/);
  });
});

describe("calendar-name verify", () => {
  it("[L2] finds that the name fits the user's locale", async () => {
    const { say } = await stageOf("de-AT", "Kalender");
    expect(await say(`calendar-name verify ${ALICE}`)).toBe(
      [
        "Calendar folder of alice@example.com",
        "gateway: main",
        "name: Kalender",
        "languages with this name: da, de",
        "user's locale: de-AT, where it is Kalender",
        "finding: the name fits the locale de-AT",
        "what to do: nothing",
      ].join("\n"),
    );
  });

  it("[L4] suggests another locale, which takes effect by one command and is then right", async () => {
    const { registry, say } = await stageOf("en", "Agenda");
    const answer = await say(`calendar-name verify ${ALICE}`);
    expect(answer).toContain("the name suggests nl, not en");
    const [command = ""] = /locale set alice@example\.com nl/.exec(answer) ?? [];
    await say(command);
    expect(registry.users.get(parsePresentityId(ALICE))?.locale).toBe("nl");
    expect(await say(`calendar-name verify ${ALICE}`)).toContain("fits the locale nl");
  });

  it("does not guess among languages that share a name", async () => {
    const { say } = await stageOf("fr", "Kalender");
    expect(await say(`calendar-name verify ${ALICE}`)).toMatch(
      /suggests one of da, de, not fr[\s\S]*locale set alice@example\.com <language>/,
    );
  });

  it("says what a renamed folder means, and cannot be made to speak with its name", async () => {
    const { say } = await stageOf("de", "Mein\nKram");
    const answer = await say(`calendar-name verify ${ALICE}`);
    expect(answer).toContain("name: Mein Kram\n");
    expect(answer).toContain("languages with this name: none in the table");
    expect(answer).toContain("the folder was renamed");
  });

  it("passes on why the server could not be asked", async () => {
    const error = new GatewayError("mail.example.com: no mailbox", { type: "cancel", code: "ews-mailbox-not-found" });
    const { say } = await stageOf("de", error);
    expect(await say(`calendar-name verify ${ALICE}`)).toBe("mail.example.com: no mailbox [ews-mailbox-not-found]");
    const stopped = await stageOf("de", "Kalender", false);
    expect(await stopped.say(`calendar-name verify ${ALICE}`)).toMatch(/not running.*\[command-not-running\]/);
    expect(await stopped.say("calendar-name verify bob@example.com")).toMatch(/no user of the gateway/);
  });
});
