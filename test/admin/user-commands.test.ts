import { describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { instant } from "../../src/lib/time.ts";
import { createCommandStage, userOf } from "./command-stage.ts";

const ALICE = parsePresentityId("alice@example.com");

describe("[U1] user enable", () => {
  it("takes the only gateway, the JID as mailbox, and English", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    expect(await say("user enable Alice@Example.com")).toBe(
      "alice@example.com is enabled: mailbox alice@example.com, gateway main, locale en.",
    );
    expect(registry.users.get(ALICE)).toEqual(userOf("alice@example.com", { localeFrom: "default" }));
    expect(registry.audit).toMatchObject([{ action: "user.enabled", subject: "alice@example.com" }]);
  });

  it("takes what is given, and keeps it over disable and enable", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    await say("gateway add two like=main");
    await say("user enable alice@example.com mailbox=a.b@Corp.example gateway=two locale=pt_br");
    const enabled = registry.users.get(ALICE);
    expect(enabled).toMatchObject({ mailbox: "a.b@corp.example", gateway: "two", locale: "pt-BR" });
    expect(await say("user disable alice@example.com")).toMatch(/is disabled/);
    expect(registry.users.get(ALICE)).toEqual({ ...enabled, isEnabled: false });
    expect(await say("user disable alice@example.com")).toMatch(/disabled already/);
    await say("user enable alice@example.com");
    expect(registry.users.get(ALICE)).toEqual(enabled);
  });

  it("warns of a shared mailbox and of a language without texts", async () => {
    const { seed, say } = createCommandStage();
    await seed("bob@example.com");
    expect(await say("user enable alice@example.com mailbox=bob@example.com locale=tlh")).toMatch(
      /Warning: The mailbox bob@example.com is also that of bob@example.com\.\nWarning: There are no state texts in tlh/,
    );
  });

  it("needs a gateway, and its name where there are several", async () => {
    const { seed, say } = createCommandStage();
    expect(await say("user enable alice@example.com")).toMatch(/no gateway yet; add one first/);
    await seed();
    await say("gateway add two like=main");
    expect(await say("user enable alice@example.com")).toMatch(/gateway is missing: there are several \(main, two\)/);
    expect(await say("user enable alice@example.com gateway=tow")).toMatch(/did you mean two\?/);
  });

  it.each([
    ["user enable", /jid is missing.*\nUsage: user enable <jid> \[mailbox=…\] \[gateway=…\] \[locale=…\]/],
    ["user enable alice", /jid: the whole JID is needed, such as alice@example\.com/],
    ["user enable @example.com", /jid: /],
    ["user enable alice@example.com/home", /jid: this is the JID of one client; give "alice@example\.com"/],
    [
      "user enable alice@exmaple.com",
      /does not serve exmaple\.com; did you mean example\.com\? It serves: example\.com, example\.org\./,
    ],
    ["user enable alice@example.com mailbox=x", /mailbox: "x" is not an SMTP address/],
    ["user enable alice@example.com locale=not!a!tag", /locale: this is not a language tag/],
    ["user enable alice@example.com mailbix=x@y.z", /no option "mailbix"; did you mean mailbox\?/],
    ["user enable a b", /one word too many/],
  ])("refuses %j precisely", async (text, expected) => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    expect(await say(text)).toMatch(expected);
    expect(registry.users.size).toBe(0);
  });
});

describe("user set, locale set", () => {
  it("changes what is named, of a disabled user too", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    await registry.replaceUser(userOf("alice@example.com", { isEnabled: false }));
    await say("user set alice@example.com mailbox=other@example.com");
    await say("locale set alice@example.com DE-at");
    expect(registry.users.get(ALICE)).toMatchObject({
      mailbox: "other@example.com",
      locale: "de-AT",
      isEnabled: false,
    });
    expect(registry.audit.map((line) => line.action)).toEqual(["user.changed", "user.changed"]);
  });

  it("is warned of a JID that may only look like another, which is nobody else's", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed("alice@example.com");
    const spoofed = "\u0430lice@example.com";
    expect(await say(`user enable ${spoofed}`)).toMatch(
      /^Warning: “\u0430lice” in \u0430lice@example\.com has Latin and Cyrillic letters: it may only look like another\.$/m,
    );
    expect(registry.users.size).toBe(2);
    for (const jid of [
      "алиса@example.com",
      "\u05d0\u05dc@example.com",
      "jürgen.müller2@example.com",
      "山田たろう@example.com",
    ])
      expect(await say(`user enable ${jid} mailbox=alice@example.com`)).not.toContain("look like");
  });

  it("sees columns in their order, however names are written", async () => {
    const { seed, say } = createCommandStage();
    await seed("alice@example.com");
    for (const jid of ["\u05d0@example.com", "\u0645@example.com"])
      await say(`user enable ${jid} mailbox=m@example.com`);
    const list = await say("user list");
    for (const letter of ["\u05d0", "\u0645"])
      expect(list).toMatch(new RegExp(`^\u2068${letter}@example\\.com\u2069 *\\| m@example\\.com`, "m"));
    expect(await say("user show \u05d0@example.com")).toContain("\u05d0@example.com");
    expect(
      list
        .split("\n")
        .filter((line) => line.includes("alice"))
        .join(),
    ).not.toMatch(/[\u2068\u2069]/);
  });

  it.each([
    ["user set alice@example.com", /nothing to change/],
    [
      "user set alcie@example.com locale=de",
      /alcie@example.com is no user.*Did you mean alice@example.com\?.*command-not-found/,
    ],
    ["user set alice@example.com gateway=none", /no gateway or pool named none/],
    ["locale set alice@example.com", /tag is missing/],
    ["locale set zzz@other.org de", /To enable it: user enable/],
  ])("refuses %j", async (text, expected) => {
    const { seed, say } = createCommandStage();
    await seed("alice@example.com");
    expect(await say(text)).toMatch(expected);
  });
});

describe("a user's SIP address", () => {
  it("is set, put to rest, put to work again and forgotten", async () => {
    const { live, registry, seed, say } = createCommandStage();
    live.partList = [{ name: "sip", kind: "publisher", health: { state: "ok" } }];
    await seed();
    expect(await say("user enable alice@example.com sip=SIP:alice@Example.com")).toMatch(
      /locale en, SIP sip:alice@example\.com\.$/,
    );
    expect(registry.users.get(ALICE)).toMatchObject({ sip: "sip:alice@example.com" });
    await say("user set alice@example.com locale=de");
    expect(registry.users.get(ALICE)).toMatchObject({ sip: "sip:alice@example.com" });
    expect(await say("user set alice@example.com sip=off")).toMatch(/SIP sip:alice@example\.com \(off\)/);
    expect(registry.users.get(ALICE)).not.toHaveProperty("sip");
    expect(await say("user show alice@example.com")).toContain("\nSIP: sip:alice@example.com (off)\n");
    await say("user disable alice@example.com");
    await say("user enable alice@example.com sip=on");
    expect(registry.users.get(ALICE)).toMatchObject({ sip: "sip:alice@example.com" });
    expect(await say("user list SIP:")).toMatch(
      /state +\| SIP *\nalice@example\.com .*enabled \| sip:alice@example\.com$/,
    );
    await say("user set alice@example.com sip=none");
    expect(registry.users.get(ALICE)).toEqual(userOf("alice@example.com", { locale: "de" }));
  });

  it("is taken, with a warning, where nothing is done by SIP", async () => {
    const { seed, say } = createCommandStage();
    await seed("alice@example.com");
    expect(await say("user set alice@example.com sip=sip:alice@example.com")).toMatch(
      /\nWarning: Nothing is published by SIP: the configuration file has no section \[sip\]\.$/,
    );
    expect(await say("user set alice@example.com sip=off")).not.toMatch(/Warning/);
  });

  it.each([
    [
      "user set bob@example.com sip=alice@example.com",
      /sip: "alice@example\.com" is not a SIP address .*none, off, on/,
    ],
    ['user set bob@example.com sip="sip:bob@example.com\\r\\nX: y"', /is not a SIP address/],
    ["user set bob@example.com sip=sip:bob%0d%0aX@example.com", /is not a SIP address/],
    ["user set bob@example.com sip=on", /bob@example\.com has no SIP address yet/],
    [
      "user set bob@example.com sip=sips:ALICE@example.com",
      /sips:ALICE@example\.com is the SIP address of alice@example\.com already; .*user set alice@example\.com sip=none/,
    ],
  ])("refuses %j", async (text, expected) => {
    const { registry, seed, say } = createCommandStage();
    await seed("bob@example.com");
    await say("user enable alice@example.com sip=sip:alice@example.com");
    await say("user set alice@example.com sip=off");
    expect(await say(text)).toMatch(expected);
    expect(registry.users.get(parsePresentityId("bob@example.com"))).toEqual(userOf("bob@example.com"));
  });
});

describe("user show, user list, refresh", () => {
  it("shows what is configured", async () => {
    const { seed, say } = createCommandStage();
    await seed("alice@example.com");
    expect(await say("user show alice@example.com")).toBe(
      "alice@example.com\nstate: enabled\nmailbox: alice@example.com\ngateway: main\nlocale: en, set by an administrator\nshown: nothing yet",
    );
  });

  it("tells where the locale comes from", async () => {
    const { registry, live, seed, say } = createCommandStage({ isRunning: true });
    await seed();
    await say("user enable alice@example.com");
    expect(await say("user show alice@example.com")).toMatch(/locale: en, for nothing else is known yet\n/);
    await registry.replaceUser(userOf("alice@example.com", { locale: "de-AT", localeFrom: "mailbox" }));
    expect(await say("user show alice@example.com")).toMatch(/locale: de-AT, as the mailbox says\n/);
    await say("user set alice@example.com mailbox=other@example.com");
    expect(registry.users.get(ALICE)).toMatchObject({ locale: "de-AT", localeFrom: "mailbox" });
    await say("locale set alice@example.com fr");
    expect(await say("user show alice@example.com")).toMatch(/locale: fr, set by an administrator\n/);
    await say("locale set alice@example.com auto");
    expect(registry.users.get(ALICE)).toMatchObject({ locale: "fr", localeFrom: "default" });
    expect(live?.refreshed).toEqual([ALICE]);
  });

  it("lists users by filter and limit, and says how many more there are", async () => {
    const { seed, say } = createCommandStage();
    expect(await say("user list")).toMatch(/^No user is enabled yet/);
    await seed("alice@example.com", "bob@example.com", "carol@example.org");
    expect(await say("user list EXAMPLE.ORG")).toMatch(
      /^jid .*\ncarol@example\.org \| carol@example\.org \| main .*enabled$/,
    );
    expect(await say("user list limit=1")).toMatch(/alice.*\nWarning: 2 more\./);
    expect(await say("user list limit=0")).toMatch(/limit: must be a whole number from 1 to 1000/);
    expect(await say("user list nobody")).toBe("No user matches.");
  });

  it("finds the users whose calendars cannot be read, and says why", async () => {
    const { journal, seed, say } = createCommandStage();
    await seed("alice@example.com", "bob@example.com");
    const error = { code: "ews-mailbox-not-found", message: "no such mailbox", at: instant(0) };
    journal.replaceClients(ALICE, []);
    journal.recordCalendarError(ALICE, error);
    expect(await say("user list ews-mailbox")).toMatch(
      /^jid .*\nalice@example\.com .* enabled, ews-mailbox-not-found$/,
    );
    expect(await say("user show alice@example.com")).toContain("state: enabled, ews-mailbox-not-found");
  });

  it("does not take a neighbour of the same domain for a mistyped name", async () => {
    const { seed, say } = createCommandStage();
    await seed("alice@long-company-name.example.com");
    expect(await say("user show bob@long-company-name.example.com")).toBe(
      "bob@long-company-name.example.com is no user of the gateway. To enable it: user enable bob@long-company-name.example.com [command-not-found]",
    );
    expect(await say("user show alice@long-company-nam.example.com")).toContain(
      "Did you mean alice@long-company-name.example.com?",
    );
  });

  it("says that a stopped gateway shows nothing, and a disabled user nothing of the calendar", async () => {
    const { seed, say } = createCommandStage({ isRunning: false });
    await seed("alice@example.com");
    expect(await say("user show alice@example.com")).toMatch(/\ngateway: not running; this is what it knew last$/);
    await say("user disable alice@example.com");
    expect(await say("user show alice@example.com")).toMatch(
      /state: disabled\n[\s\S]*\nshown: nothing of the calendar\n/,
    );
  });

  it("asks the running gateway to read a calendar", async () => {
    const { live, seed, say } = createCommandStage();
    await seed("alice@example.com");
    expect(await say("refresh alice@example.com")).toMatch(/is being read/);
    expect(live.refreshed).toEqual(["alice@example.com"]);
    await say("user disable alice@example.com");
    expect(await say("refresh alice@example.com")).toMatch(/is disabled/);
  });

  it("says that refreshing needs the running gateway", async () => {
    const { seed, say } = createCommandStage({ isRunning: false });
    await seed("alice@example.com");
    expect(await say("refresh alice@example.com")).toMatch(/command-not-running/);
  });
});
