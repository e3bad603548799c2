import { describe, expect, it } from "vitest";
import { startImportSchedule } from "../../../src/admin/import/import-schedule.ts";
import { parseBareJid, parseMailbox, parsePresentityId, parseSipAor } from "../../../src/core/addresses.ts";
import { minutes } from "../../../src/lib/time.ts";
import { GatewayError } from "../../../src/ports/errors.ts";
import { actorOf, createCommandStage, userOf } from "../command-stage.ts";

const ALICE = parsePresentityId("alice@example.com");
const BOB = parsePresentityId("bob@example.com");
const CAROL = actorOf("carol@example.com", "admin");

const LIST = `user import
jid,mailbox,locale,sip,enabled
alice@example.com,,,,
bob@example.com,bob.b@example.com,de-AT,sip:bob@example.com,yes
carol@example.com,,fr,,no`;

/** A stage with users, and what becomes of them. */
async function createImportStage(...jids: readonly string[]) {
  const stage = createCommandStage();
  await stage.seed(...jids);
  return { ...stage, users: () => [...stage.registry.users.values()] };
}

const importing = (...lines: readonly string[]): string => ["user import", ...lines].join("\n");

describe("[U3] users in bulk", () => {
  it("are read from below the command and counted first, and nothing is changed", async () => {
    const { say, users } = await createImportStage("alice@example.com");
    expect(await say(LIST, CAROL)).toBe(
      "3 rows: 2 new, 0 changed, 1 the same, 0 wrong.\nNothing is changed yet. To apply it: user import apply 1, or user import apply 1 at 22:00",
    );
    expect(users()).toEqual([userOf("alice@example.com")]);
  });

  it("[U1] are applied as user enable, set and disable would, each with a line in the audit", async () => {
    const { say, registry } = await createImportStage("alice@example.com");
    await say(LIST, CAROL);
    expect(await say("user import apply 1", CAROL)).toBe(
      "Import 1 is applied. 3 rows: 2 new, 0 changed, 1 the same, 0 wrong.",
    );
    expect(registry.users.get(BOB)).toEqual(
      userOf("bob@example.com", {
        mailbox: parseMailbox("bob.b@example.com"),
        locale: "de-AT",
        sip: parseSipAor("sip:bob@example.com"),
      }),
    );
    expect(registry.users.get(parsePresentityId("carol@example.com"))).toEqual(
      userOf("carol@example.com", { locale: "fr", isEnabled: false }),
    );
    expect(registry.audit.map(({ actor, action, subject }) => `${actor} ${action} ${subject}`)).toEqual([
      "carol@example.com user.enabled bob@example.com",
      "carol@example.com user.changed carol@example.com",
      "carol@example.com import.applied import 1",
    ]);
    expect(registry.audit[0]?.detail).toMatch(/^mailbox bob\.b@example\.com, .*, by import 1$/);
  });

  it("are applied once: the second time there is nothing to do", async () => {
    const { say, registry } = await createImportStage();
    await say(LIST);
    await say("user import apply 1");
    const lines = registry.audit.length;
    expect(await say("user import apply 1")).toMatch(
      /Import 1 was applied at .* read the list again\. \[command-not-possible\]/,
    );
    expect(await say(LIST)).toBe("3 rows: 0 new, 0 changed, 3 the same, 0 wrong.\nThere is nothing to apply.");
    expect(registry.audit).toHaveLength(lines);
  });

  it("follow the rules of user enable and user set, and every row that is wrong says what to do", async () => {
    const { say } = await createImportStage("alice@example.com");
    await say("user set alice@example.com sip=sip:alice@example.com");
    const answer = await say(
      importing(
        "jid,mailbox,gateway,sip",
        "bob@exmaple.com,,,",
        "bob@example.com,,mian,",
        "bob@example.org,,,sips:ALICE@example.com",
        "carol@example.com,alice@example.com,,",
        "CAROL@example.com,,,",
        "carol@example.org,,",
        '"carol@example.net',
        "o=o@example.com,not an address,,",
      ),
    );
    expect(answer.split("\n")).toEqual([
      "8 rows: 1 new, 0 changed, 0 the same, 7 wrong.",
      expect.stringMatching(/^Wrong: line 2: The gateway does not serve exmaple\.com; did you mean example\.com\?/),
      "Wrong: line 3: There is no gateway or pool named mian; did you mean main?",
      expect.stringMatching(/^Wrong: line 4: .* is the SIP address of alice@example\.com already; .* sip=none$/),
      "Wrong: line 6: carol@example.com stands in line 5 already",
      "Wrong: line 7: it has 3 cells, the header 4",
      "Wrong: line 8: a quote is opened and not closed",
      expect.stringMatching(/^Wrong: line 9: mailbox: "not an address" is not an SMTP address/),
      "Warning: line 5: the mailbox alice@example.com is also that of alice@example.com",
      expect.stringMatching(/Wrong rows are left out\.$/),
    ]);
  });

  it("are told apart after PRECIS, as JIDs are everywhere: what looks alike is not the same", async () => {
    const { say, registry } = await createImportStage();
    const answer = await say(importing("jid", "alice@example.com", "ＡLICE@EXAMPLE.COM", "аlice@example.com"));
    expect(answer).toMatch(
      /^3 rows: 2 new, 0 changed, 0 the same, 1 wrong\.\nWrong: line 3: alice@example\.com stands in line 2 already\n/,
    );
    await say("user import apply 1");
    expect(registry.users.get(ALICE)?.mailbox).toBe("alice@example.com");
    expect(registry.users.size).toBe(2);
  });

  it("with a list that is wrong throughout are counted, and only the first rows are shown", async () => {
    const { run, say, imports } = await createImportStage();
    const rows = Array.from({ length: 50 }, (_, index) => `user${index}`);
    const answer = await say(importing("jid", ...rows));
    expect(answer.split("\n")).toHaveLength(23);
    expect(answer).toMatch(/Wrong: line 21: .*\n… and 30 more wrong rows\.\nThere is nothing to apply\.$/);
    expect(await imports.list()).toEqual([]);
    expect(await run("user import sample")).toMatchObject({ kind: "lines" });
  });

  it.each([
    ["user import", /There is no list\. By chat, paste the rows below the command.*\[import-invalid\]/],
    ["user import /etc/passwd", /There is no list\./],
    ["user import\n\n", /There is no list\./],
    ["user import\nnonsense", /no column "nonsense".*\[import-invalid\]/],
    ["user import apply 9", /There is no import 9; see: user import list \[command-not-found\]/],
    ["user import apply x", /id: must be a whole number/],
    ["user import aply 9", /There is no list/],
  ])("refuse %j", async (text, expected) => {
    const { say } = await createImportStage();
    expect(await say(text, CAROL)).toMatch(expected);
  });

  it("of other domains than the administrator's own are left out", async () => {
    const { say, users } = await createImportStage();
    const limited = { ...CAROL, domains: ["example.org"] };
    const list = importing("jid", "alice@example.com", "alice@example.org", "alice@sub.example.org");
    expect(await say(list, limited)).toMatch(
      /^3 rows: 1 new, 0 changed, 0 the same, 2 wrong\.\nWrong: line 2: you are administrator of example\.org only\nWrong: line 4: you/,
    );
    await say("user import apply 1", limited);
    expect(users()).toMatchObject([{ presentity: "alice@example.org" }]);
  });

  it("come back as they were exported, and nothing is changed by it", async () => {
    const { say, registry } = await createImportStage("alice@example.com");
    await say("user enable bob@example.com sip=sip:bob@example.com");
    await say("user set bob@example.com sip=off");
    await say("user enable carol@example.com mailbox=c,c@example.com");
    await registry.replaceUser(userOf("carol@example.com", { locale: "de", localeFrom: "mailbox", isEnabled: false }));
    await registry.replaceUser({ ...userOf("dave@example.com"), presentity: parsePresentityId("=dave@example.com") });
    await registry.replaceUser(userOf("quoted@example.com", { mailbox: parseMailbox("'=x@example.com") }));
    const list = await say("user export");
    expect(list).toBe(
      [
        "jid,mailbox,gateway,locale,sip,enabled",
        "'=dave@example.com,dave@example.com,main,en,none,yes",
        "alice@example.com,alice@example.com,main,en,none,yes",
        "bob@example.com,bob@example.com,main,auto,sip:bob@example.com (off),yes",
        "carol@example.com,carol@example.com,main,auto,none,no",
        "quoted@example.com,''=x@example.com,main,en,none,yes",
        "",
      ].join("\n"),
    );
    expect(await say(importing(list))).toBe(
      "5 rows: 0 new, 0 changed, 5 the same, 0 wrong.\nThere is nothing to apply.",
    );
    const other = await createImportStage();
    await other.say(importing(list));
    await other.say("user import apply 1");
    expect(await other.say("user export")).toBe(list);
    expect(await say("user export @example.org")).toBe("jid,mailbox,gateway,locale,sip,enabled\n");
  });

  it("are not exported by chat when they are too many for it", async () => {
    const { registry, say } = createCommandStage();
    for (let index = 0; index <= 1000; index++) await registry.replaceUser(userOf(`u${index}@example.com`));
    expect(await say("user export", CAROL)).toMatch(/^1001 users are too many for the chat/);
    expect((await say("user export")).split("\n")).toHaveLength(1003);
  });
});

describe("[U2] both ticks", () => {
  it("enable a user, and one alone does not and is reported", async () => {
    const { say, registry } = await createImportStage("alice@example.com");
    expect(
      await say(importing("jid,presence,meeting_information", "alice@example.com,t,f", "bob@example.com,t,t")),
    ).toMatch(
      /^2 rows: 1 new, 1 changed, 0 the same, 0 wrong\.\nWarning: line 2: presence is ticked and meeting_information is not: both are needed/,
    );
    await say("user import apply 1");
    expect(registry.users.get(ALICE)?.isEnabled).toBe(false);
    expect(registry.users.get(BOB)?.isEnabled).toBe(true);
    expect(registry.audit.map(({ action }) => action)).toEqual(["user.disabled", "user.enabled", "import.applied"]);
  });
});

/** A stage whose gateway runs and applies what is due. */
async function createScheduledStage(admins: readonly string[]) {
  const stage = await createImportStage();
  const told: string[] = [];
  const stop = startImportSchedule({
    services: stage.services,
    runtime: stage.runtime,
    admins: admins.map(parseBareJid),
    alerts: { tell: (text) => told.push(text) },
  });
  const until = (isDone: () => boolean) => expect.poll(isDone, { interval: 1, timeout: 5000 }).toBe(true);
  return { ...stage, told, stop, until };
}

describe("[U4] now or later", () => {
  it("applies a list when its time has come, and tells the administrators", async () => {
    const { say, users, runtime, told, stop, until, registry } = await createScheduledStage(["carol@example.com"]);
    await say(LIST, CAROL);
    expect(await say("user import apply 1 at 09:30", CAROL)).toBe(
      "Import 1 will be applied at 09:30:00 UTC (in 30 m). To take that back: user import cancel 1",
    );
    expect(await say("user import list")).toMatch(
      /1 +\| .* \| due at 2026-11-23 09:30:00 UTC, for carol@example\.com$/,
    );
    await runtime.clock.advance(minutes(29));
    expect(users()).toEqual([]);
    await runtime.clock.advance(minutes(1.1));
    await until(() => told.length > 0);
    expect(told).toEqual([
      "Import 1 is applied, as carol@example.com asked. 3 rows: 3 new, 0 changed, 0 the same, 0 wrong.",
    ]);
    expect(users()).toHaveLength(3);
    expect(registry.audit.at(-1)).toMatchObject({ actor: "carol@example.com", action: "import.applied" });
    expect(await say("user import list")).toMatch(/\| 2026-11-23 09:30:\d\d UTC: 3 rows: 3 new/);
    await stop();
  });

  it("applies at the start what came due while the gateway was stopped", async () => {
    const stage = createCommandStage({ isRunning: false });
    await stage.seed();
    await stage.say(LIST);
    expect(await stage.say("user import apply 1 at in 1h")).toMatch(
      /Warning: The gateway is not running: whatever is due is applied when it starts\.$/,
    );
    await stage.runtime.clock.advance(minutes(90));
    const told: string[] = [];
    const stop = startImportSchedule({ ...stage, admins: [], alerts: { tell: (text) => told.push(text) } });
    await expect.poll(() => told.length, { interval: 1, timeout: 5000 }).toBe(1);
    expect(stage.registry.users.size).toBe(3);
    await stop();
  });

  it("tells the administrators once when a list that is due cannot be applied, and goes on trying", async () => {
    const { say, users, registry, runtime, told, stop, until } = await createScheduledStage(["carol@example.com"]);
    await say(LIST, CAROL);
    await say("user import apply 1 at 09:30", CAROL);
    const { replaceUsers } = registry;
    let tries = 0;
    registry.replaceUsers = async () => {
      tries++;
      throw new GatewayError("gateway.db: the disk is full", { type: "wait", code: "store-full" });
    };
    await runtime.clock.advance(minutes(31));
    await until(() => told.length > 0);
    await runtime.clock.advance(minutes(5));
    await until(() => tries > 1);
    expect(told).toEqual([
      "A list of users that is due could not be applied: gateway.db: the disk is full (store-full). It is tried again.",
    ]);
    registry.replaceUsers = replaceUsers;
    await runtime.clock.advance(minutes(10));
    await until(() => told.length > 1);
    expect(users()).toHaveLength(3);
    await stop();
  });

  it("applies nothing in the name of somebody who is no administrator any more", async () => {
    const { say, users, runtime, told, stop, until } = await createScheduledStage(["alice@example.com"]);
    await say(LIST, CAROL);
    await say("user import apply 1 at 09:30", CAROL);
    await runtime.clock.advance(minutes(31));
    await until(() => told.length > 0);
    expect(told).toEqual(["Import 1 was not applied: carol@example.com is no administrator any more."]);
    expect(users()).toEqual([]);
    await stop();
  });

  it("can be taken back", async () => {
    const { say, users, runtime, told, stop } = await createScheduledStage([]);
    await say(LIST);
    await say("user import apply 1 at 09:30");
    expect(await say("user import cancel 1")).toMatch(/Import 1 is forgotten/);
    await runtime.clock.advance(minutes(60));
    expect([users(), told]).toEqual([[], []]);
    expect(await say("user import list")).toBe("No list of users was read. Use: user import");
    await stop();
  });

  it.each(["at yesterday", "at 2026-11-22 22:00", "at 2200", "in 3000d"])("refuses %j", async (when) => {
    const { say } = await createImportStage();
    await say(LIST);
    expect(await say(`user import apply 1 ${when}`)).toMatch(/at must be a time to come.*\[command-arguments\]/);
  });
});
