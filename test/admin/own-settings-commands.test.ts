import { beforeEach, describe, expect, it } from "vitest";
import { LOCAL_ADMINISTRATOR } from "../../src/admin/command.ts";
import { runCommandLine } from "../../src/admin/run-command-line.ts";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { minutes, plus } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { MONDAY_MORNING } from "../doubles/test-runtime.ts";
import { actorOf, createCommandStage } from "./command-stage.ts";

const ALICE = parsePresentityId("alice@example.com");
const asAlice = actorOf(ALICE, "user");
const asCarol = actorOf("carol@example.com", "admin");

let stage: ReturnType<typeof createCommandStage>;
beforeEach(async () => {
  stage = createCommandStage();
  await stage.seed(ALICE);
});

const ask = async (text: string): Promise<string> => (await stage.say(text, asAlice)).replace(/[^\S\n]/g, " ");
const actions = (): readonly string[] => stage.registry.audit.map(({ action }) => action);

describe("language", () => {
  it("[L2] [L4] is the user's own choice, at once, and answers in it", async () => {
    expect(await ask("language")).toMatch(/^Your language: English \(en\)\nThere are these languages: en, de, /);
    expect(await ask("language de-at")).toBe("Ihre Sprache: Österreichisches Deutsch (de-AT)");
    expect(await stage.registry.findUser(ALICE)).toMatchObject({ locale: "de-AT", localeFrom: "user" });
    expect(await ask("resume")).toBe("Ihr Kalender wird angezeigt.");
    expect(await stage.say("user show alice@example.com")).toMatch(/locale: de-AT, as the user chose/);
    expect(actions()).toEqual(["user.language-changed"]);
  });

  it("is left to the mailbox by auto, which is asked at once", async () => {
    await ask("language fr");
    expect(await ask("language auto")).toBe("À partir de maintenant, c’est votre boîte aux lettres qui décide.");
    expect(await stage.registry.findUser(ALICE)).toMatchObject({ locale: "fr", localeFrom: "default" });
    expect(stage.live.refreshed).toEqual([ALICE]);
  });

  it.each(["xx", "klingon", "-", "de; drop", "e".repeat(3000)])("is not %j", async (tag) => {
    expect(await ask(`language ${tag}`)).toMatch(/^There are these languages: /);
    expect(await stage.registry.findUser(ALICE)).toMatchObject({ locale: "en" });
  });

  it("[L3] of whom none is known is the site's", async () => {
    await stage.say("parameter set default-language de");
    expect(await stage.say("me", actorOf("bob@example.com", "user"))).toMatch(/^Ihr Kalender wird von diesem Gateway/);
    await stage.say("user enable bob@example.com");
    expect(await stage.registry.findUser(parsePresentityId("bob@example.com"))).toMatchObject({ locale: "de" });
  });

  it.each(["ar", "he"])("written from right to left, %s, keeps what is embedded apart", async (tag) => {
    await ask(`language ${tag}`);
    const lines = (await stage.say("privacy", asAlice)).split("\n");
    for (const line of lines) expect(line.startsWith("\u200f")).toBe(true);
    expect(lines.join("")).toContain("\u2068alice@example.com\u2069");
    expect(await stage.say("help", asAlice)).toContain("\u2068pause [for …|until …]\u2069 — \u200f");
  });
});

describe("a command", () => {
  it.each(["ar", "he"])(
    "that is copied from an answer in %s is carried out, marks of direction and all",
    async (tag) => {
      await stage.say(`language ${tag}`, asAlice);
      const copied = (await stage.say("pause", asAlice)).split(": ").at(-1) ?? "";
      expect(copied).toBe("\u2068resume\u2069");
      expect(await stage.say(copied, asAlice)).toBe(await stage.say("resume", asAlice));
    },
  );

  it("may be in the wide letters of East Asian keyboards", async () => {
    expect(await stage.say("ｓｅｔ　ＤＮＤ　ｆｏｒ　２ｈ", asAlice)).toMatch(/do not disturb/);
    expect(await stage.say("ｌａｎｇｕａｇｅ　ｊａ", asAlice)).toContain("日本語");
  });
});

describe("zone", () => {
  it("is the user's own choice, else the mailbox's, else the site's", async () => {
    await stage.say("parameter set time-zone europe/london");
    expect(await ask("zone")).toBe("Your time zone: Europe/London. It is 9:00 AM GMT there.");
    await stage.registry.replaceTimeZone(ALICE, { zone: "Europe/Paris", from: "mailbox" });
    expect(await ask("zone")).toMatch(/Europe\/Paris\. It is 10:00 AM/);
    expect(await ask("zone asia/tokyo")).toMatch(/Asia\/Tokyo\. It is 6:00 PM/);
    expect((await stage.registry.findUser(ALICE))?.timeZone).toEqual({ zone: "Asia/Tokyo", from: "user" });
    await ask("zone auto");
    expect(await ask("zone")).toMatch(/Europe\/London/);
    expect(stage.live.refreshed).toEqual([ALICE]);
    expect(await stage.say("parameter set time-zone Nowhere/City")).toMatch(
      /must be a time zone such as Europe\/Berlin/,
    );
  });

  it.each(["Nowhere/City", "+02:00", "x".repeat(3000)])("is not %j", async (zone) => {
    expect(await ask(`zone ${zone}`)).toMatch(/^There is no such time zone\. Examples: Europe\/Berlin/);
    expect((await stage.registry.findUser(ALICE))?.timeZone).toBeUndefined();
  });
});

describe("privacy", () => {
  it("[U6] tells what is stored, table by table, and how to be left out", async () => {
    const { journal, registry } = stage;
    await stage.say("user set alice@example.com sip=sip:a@example.com");
    journal.replaceBusyTime(
      ALICE,
      [{ start: MONDAY_MORNING, end: plus(MONDAY_MORNING, 1), status: "busy" }],
      MONDAY_MORNING,
    );
    const holdings = await registry.countHoldings(ALICE);
    registry.countHoldings = async () => ({
      ...holdings,
      busy_time: 1,
      audit: 7,
      plugin_memory: 2,
      user_import: 3,
    });
    expect(await ask("privacy")).toBe(
      [
        "What the gateway knows and stores of you:",
        "Your address alice@example.com and your mailbox alice@example.com",
        "Your SIP address sip:a@example.com",
        "Your language, your time zone, and whether you are left out",
        "Your calendar: begin, end and busy status of entries, never subject, place or people. Entries: 1",
        "What the connections of the gateway keep, such as who has added whose contact. Entries: 2",
        "Lists of users to be imported that name you. Lists: 3",
        "The log of what was changed for you, by whom and when. Lines: 7",
        "To be left out altogether, send: opt out",
      ].join("\n"),
    );
  });
});

describe("who is disabled, or no user at all", () => {
  const asDave = actorOf("dave@example.com", "user");

  it("[U6] is told what is stored, and may opt out and in", async () => {
    await stage.say("user disable alice@example.com");
    expect(await ask("privacy")).toMatch(
      /^What.*\nYour address alice@example\.com(.*\n)*.*Ask your administrator.*\nTo be left out/,
    );
    expect(await ask("opt out")).toMatch(/^You are left out/);
    expect(await stage.say("user show alice@example.com")).toMatch(/state: disabled; opted out by chat on 2026/);
    expect(await ask("opt in")).toMatch(/^Your calendar is not shown by this gateway/);
    expect(await stage.say("user enable alice@example.com")).toMatch(/is enabled/);
    expect(await stage.say("privacy", asDave)).toMatch(/^What.*\nYour calendar is not shown.*\nTo be left out/);
  });

  it("[U6] is not shown by the word of an administrator who does not know of the opt-out", async () => {
    await stage.say("opt out", asDave);
    expect(await stage.say("privacy", asDave)).toContain("To come back, send: opt in");
    const enable = "user enable dave@example.com";
    expect(await stage.say(enable)).toMatch(/has opted out by chat.*despite=opt-out.*command-conflict/);
    expect(await stage.registry.findUser(parsePresentityId("dave@example.com"))).toBeUndefined();
    expect(await stage.say(`${enable} despite=opt-out`)).toMatch(/is enabled/);
    expect(stage.live.told).toMatchObject([["dave@example.com", expect.stringContaining("opt out")]]);
  });

  it("[U6] stays left out after having been deleted", async () => {
    await ask("opt out");
    await stage.registry.deleteUser(ALICE);
    expect(await stage.say("user enable alice@example.com")).toMatch(/has opted out by chat/);
  });
});

describe("opting out", () => {
  it("[U6] tells for whom else the same mailbox is read, and administrators of the choice", async () => {
    await stage.say("user enable bob@example.com mailbox=alice@example.com");
    expect(await ask("opt out")).toMatch(
      /^You are left out.*\nThe same mailbox is read for others, too: bob@example\.com\./,
    );
    expect(await stage.say("user enable carol@example.com mailbox=alice@example.com")).toMatch(
      /also that of alice@example\.com, who has opted out by chat/,
    );
  });

  it("[U6] leaves the user out until the user comes back, and is audited", async () => {
    await ask("pause");
    expect(await ask("opt out")).toMatch(/^You are left out: .* To come back, send: opt in$/);
    expect(await ask("opt out")).toMatch(/^You are left out/);
    expect((await stage.registry.findUser(ALICE))?.optedOutAt).toBe(MONDAY_MORNING);
    expect(stage.journal.find(ALICE)?.override).toBeUndefined();
    for (const command of ["me", "pause", "set away", "end", "resume"]) {
      expect(await stage.run(command, asAlice)).toMatchObject({ hasFailed: true });
    }
    expect(await ask("privacy")).toContain("To come back, send: opt in");
    expect(await ask("opt in")).toBe("You are not left out: your calendar is read and shown.");
    expect((await stage.registry.findUser(ALICE))?.optedOutAt).toBeUndefined();
    expect(actions()).toEqual(["override.paused", "user.opted-out", "user.opted-in"]);
  });

  it("[U6] is shown to administrators", async () => {
    await ask("opt out");
    expect(await stage.say("user show alice@example.com")).toMatch(
      /state: opted out by chat on 2026.*\n(.*\n)*shown: nothing of/,
    );
    expect(await stage.say("why alice@example.com")).toMatch(/the user has opted out by chat/);
    expect(await stage.say("refresh alice@example.com")).toMatch(/the user has opted out by chat.*command-conflict/);
    const { live: _, ...services } = stage.services;
    const stopped = { ...services, actor: LOCAL_ADMINISTRATOR };
    const result = await runCommandLine(stopped, "status", new AbortController().signal);
    expect(JSON.stringify(result)).toMatch(/1 enabled \(of them 1 opted out\)/);
  });

  it("[U6] is not undone by an administrator without saying so", async () => {
    await ask("opt out");
    const enable = "user enable alice@example.com";
    expect(await stage.say(enable, asCarol)).toMatch(/has opted out by chat.*despite=opt-out.*command-conflict/);
    for (const command of ["user disable alice@example.com", "user set alice@example.com locale=fr"])
      await stage.say(command, asCarol);
    expect(await stage.say(`${enable} despite=yes`, asCarol)).toMatch(/despite: must be opt-out/);
    expect((await stage.registry.findUser(ALICE))?.optedOutAt).toBe(MONDAY_MORNING);
    expect(stage.live.told).toEqual([]);
  });

  it("[U6] is overruled only with the word for it: the user is told in the user's language, and it is audited", async () => {
    await ask("language de");
    await ask("opt out");
    expect(await stage.say("user enable alice@example.com despite=opt-out", asCarol)).toMatch(/is enabled/);
    expect(stage.live.told).toEqual([
      [ALICE, expect.stringMatching(/^carol@example\.com hat entschieden.* senden Sie: opt out$/)],
    ]);
    expect(stage.registry.audit).toMatchObject([
      { action: "user.language-changed" },
      { action: "user.opted-out" },
      { action: "user.opt-out-overruled", actor: "carol@example.com", subject: ALICE },
      { action: "user.enabled" },
    ]);
    expect((await stage.registry.findUser(ALICE))?.optedOutAt).toBeUndefined();
  });

  it("[U6] stays while the user cannot be told", async () => {
    await ask("opt out");
    stage.live.cannotTell = new GatewayError("offline", { type: "wait", code: "xmpp-offline" });
    expect(await stage.say("user enable alice@example.com despite=opt-out", asCarol)).toMatch(/xmpp-offline/);
    expect((await stage.registry.findUser(ALICE))?.optedOutAt).toBe(MONDAY_MORNING);
    const stopped = createCommandStage({ isRunning: false });
    await stopped.seed(ALICE);
    await stopped.say("opt out", asAlice);
    expect(await stopped.say("user enable alice@example.com despite=opt-out")).toMatch(/command-not-running/);
  });

  it("is each user's own business only", async () => {
    await stage.seed("bob@example.com");
    await stage.say("opt out bob@example.com", asAlice);
    await stage.say("set away for 5m", asAlice);
    expect(stage.registry.optOuts.size).toBe(0);
    expect(stage.journal.find(ALICE)?.override?.until).toBe(plus(MONDAY_MORNING, minutes(5)));
    expect(stage.journal.find(parsePresentityId("bob@example.com"))).toBeUndefined();
  });
});
