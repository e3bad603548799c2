import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { createCommandStage, userOf } from "./command-stage.ts";

const ADD = "gateway add main type=ews url=https://mail.example.com/EWS account=EXAMPLE\\presence";

describe("gateway add", () => {
  it("stores plain options and seals the secret", async () => {
    const { registry, say } = createCommandStage();
    expect(await say(`${ADD} password=tr0ub4dor`)).toMatch(
      /^Gateway main is added\..*\nWarning: The password came in clear/,
    );
    expect(registry.servers.get("main")).toEqual({
      name: "main",
      type: "ews",
      options: { url: "https://mail.example.com/EWS", account: "EXAMPLE\\presence" },
      isEnabled: true,
    });
    expect(registry.secrets.get("main")).toEqual({ password: "tr0ub4dor" });
    expect(registry.audit).toMatchObject([
      {
        actor: "local administrator",
        action: "gateway.added",
        subject: "main",
        detail: "type=ews url=https://mail.example.com/EWS account=EXAMPLE\\presence password=***",
      },
    ]);
  });

  it("reads the secret from the environment without a warning", async () => {
    const { registry, environment, say } = createCommandStage();
    environment["EWS_PASSWORD"] = "from-environment";
    expect(await say(`${ADD} password=$EWS_PASSWORD`)).not.toContain("Warning");
    expect(registry.secrets.get("main")).toEqual({ password: "from-environment" });
  });

  it("never reads the gateway's own secrets from the environment", async () => {
    const { environment, say } = createCommandStage();
    environment["PRESENCE_GATEWAY_KEY"] = "the-key-of-the-store";
    expect(await say(`${ADD} password=$PRESENCE_GATEWAY_KEY`)).toMatch(/no variable of this name/);
  });

  it("takes a doubled sign for a password that begins with it", async () => {
    const { registry, say } = createCommandStage();
    await say(`${ADD} password=@@home`);
    await say("gateway set main password=$$money");
    expect(registry.secrets.get("main")).toEqual({ password: "$money" });
    await say("gateway set main password=ssecret");
    expect(registry.secrets.get("main"), "any other doubled character is plain").toEqual({ password: "ssecret" });
  });

  it.each([
    ["gateway add", /name is missing.*\nUsage: gateway add <name> type=ews.*\[command-arguments\]$/],
    ["gateway add main url=https://x", /^type is missing \(there are: ews, other\)/],
    ["gateway add main type=esw", /no such type of gateway; did you mean ews\?/],
    ["gateway add main type=zzzzzz", /There are: ews, other/],
    ["gateway add ../x type=ews", /name: a name has 1 to 63/],
    ["gateway add main type=ews", /url is missing; account is missing; password is missing/],
    ["gateway add main type=ews url=http://x account=a password=abcd", /url: must be an https URL/],
    [
      "gateway add main type=ews url=https://x pasword=abcd accont=x",
      /"pasword"; did you mean password\?; .*"accont"; did you mean account\?/,
    ],
    ["gateway add main type=ews url=https://a:b@x account=a password=abcd", /url: an address here must not hold/],
    [`${ADD} password=abcd password=efgh`, /password is given twice/],
    [`${ADD} password=abcd efgh`, /one word too many/],
    [`${ADD} password=ab`, /password: is too short/],
    [`${ADD} password=abcd max_wait=99`, /max-wait: Too big/],
    [`${ADD} password=abcd like=none`, /no gateway named none.*\[command-not-found\]$/],
    [`${ADD} password=$UNSET`, /password: the gateway's environment has no variable of this name.*doubled/],
    [`${ADD} password=@file`, /password: no secrets directory is configured/],
  ])("refuses %j precisely", async (text, expected) => {
    const { registry, say } = createCommandStage();
    expect(await say(text)).toMatch(expected);
    expect(registry.servers.size).toBe(0);
    expect(registry.audit).toEqual([]);
  });

  it("refuses a name that is taken", async () => {
    const { seed, say } = createCommandStage();
    await seed();
    expect(await say(`${ADD.replace("main", "MAIN")} password=abcd`)).toMatch(
      /gateway named main already.*command-conflict/,
    );
  });

  it("[R6] [K8] [G4] takes account and password of another gateway only where asked to", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    await say("gateway add branch like=main url=https://two.example.com/EWS");
    expect(registry.servers.get("branch")?.options["account"]).toBe("EXAMPLE\\presence");
    expect(registry.secrets.get("branch")).toEqual(registry.secrets.get("main"));
    await say("gateway set branch account=other password=changed");
    expect(registry.secrets.get("branch")).toEqual({ password: "changed" });
    expect(registry.secrets.get("main")).toEqual({ password: "seeded-secret" });
    expect(await say("gateway add odd type=other like=main")).toMatch(/like: main is of another type \(ews\)/);
  });

  it("[R6] lets account and password follow those of the other gateway, until it has its own", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    await say("gateway add branch like=main url=https://two.example.com/EWS");
    await say("gateway add third like=branch url=https://three.example.com/EWS");
    await say("gateway add own like=main account=other password=changed");
    const answer = await say("gateway set main account=newer password=rotated");
    expect(answer).toContain("With it: branch, third.");
    for (const name of ["main", "branch", "third"]) {
      expect(registry.secrets.get(name)).toEqual({ password: "rotated" });
      expect(registry.servers.get(name)?.options["account"]).toBe("newer");
    }
    expect(registry.secrets.get("own")).toEqual({ password: "changed" });
    expect(await say("gateway show branch")).toContain("account and password: those of main");
    await say("gateway set branch password=mine");
    await say("gateway set main password=again");
    expect(registry.secrets.get("branch")).toEqual({ password: "mine" });
    expect(registry.secrets.get("third")).toEqual({ password: "again" });
    await say("gateway remove main");
    expect(registry.servers.get("third")?.credentialsOf).toBeUndefined();
    expect(registry.secrets.get("third")).toEqual({ password: "again" });
  });
});

describe("a secret by file", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "admin-secrets-"));
    mkdirSync(join(directory, "secrets"));
    writeFileSync(join(directory, "outside"), "outside");
    writeFileSync(join(directory, "secrets", "good"), "from-file\n");
    writeFileSync(join(directory, "secrets", "empty"), "\n");
    writeFileSync(join(directory, "secrets", "large"), "x".repeat(20_000));
    writeFileSync(join(directory, "secrets", "binary"), Buffer.from([0xff, 0xfe, 0x00]));
    mkdirSync(join(directory, "secrets", "folder"));
    symlinkSync("good", join(directory, "secrets", "link"));
    symlinkSync("../outside", join(directory, "secrets", "escape"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it.each(["good", "link"])("is read from %s in the secrets directory", async (name) => {
    const { registry, say } = createCommandStage({ secretsDirectory: join(directory, "secrets") });
    expect(await say(`${ADD} password=@${name}`)).not.toContain("Warning");
    expect(registry.secrets.get("main")).toEqual({ password: "from-file" });
  });

  it.each([
    ["../outside", /plain name of a file/],
    ["/etc/hostname", /plain name of a file/],
    [".hidden", /plain name of a file/],
    ["..", /plain name of a file/],
    ["absent", /no file of this name/],
    ["escape", /leads out of the secrets directory/],
    ["folder", /plain text file/],
    ["large", /plain text file/],
    ["binary", /plain text file/],
    ["empty", /is empty/],
  ])("is refused for @%s", async (name, expected) => {
    const { registry, say } = createCommandStage({ secretsDirectory: join(directory, "secrets") });
    expect(await say(`${ADD} password=@${name}`)).toMatch(expected);
    expect(registry.servers.size).toBe(0);
  });
});

describe("gateway set", () => {
  it("changes what is named and leaves the rest", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    expect(await say("gateway set main Max_Wait=5")).toBe("Gateway main is changed. Try it with: gateway test main");
    expect(registry.servers.get("main")?.options).toMatchObject({ "max-wait": "5", account: "EXAMPLE\\presence" });
    expect(registry.secrets.get("main")).toEqual({ password: "seeded-secret" });
    await say("gateway set main max-wait= enabled=no");
    expect(registry.servers.get("main")).toMatchObject({ isEnabled: false });
    expect(registry.servers.get("main")?.options).not.toHaveProperty("max-wait");
    expect(registry.audit.map((line) => line.detail)).toEqual(["max-wait=5", "enabled=no max-wait="]);
  });

  it.each([
    ["gateway set main", /nothing to change/],
    ["gateway set mian enabled=no", /no gateway named mian; did you mean main\?/],
    ["gateway set main enabled=maybe", /enabled: must be yes or no/],
    ["gateway set main password=", /password is missing/],
    ["gateway set main url=nonsense", /url: must be an https URL/],
    ["gateway set main type=other", /type of a gateway cannot be changed/],
  ])("refuses %j", async (text, expected) => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    const before = registry.servers.get("main");
    expect(await say(text)).toMatch(expected);
    expect(registry.servers.get("main")).toEqual(before);
    expect(registry.secrets.get("main")).toEqual({ password: "seeded-secret" });
  });
});

describe("every change of a gateway", () => {
  it("[R7] [G12] is reported to whoever watches, so that no restart is needed", async () => {
    const { registry, say } = createCommandStage();
    const stop = new AbortController();
    const changes = registry.watch(stop.signal)[Symbol.asyncIterator]();
    for (const text of [`${ADD} password=abcd`, "gateway set main password=efgh", "gateway remove main"]) {
      const next = changes.next();
      await say(text);
      expect((await next).value).toEqual({ kind: "calendar-server", name: "main" });
    }
    stop.abort();
  });
});

describe("gateway remove", () => {
  it("is refused while users are on it, and disables them when forced", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed("alice@example.com", "bob@example.com");
    expect(await say("gateway remove main")).toMatch(
      /^2 users are on main\. Move them with.*force=yes.*command-conflict/,
    );
    expect(registry.servers.has("main")).toBe(true);
    expect(await say("gateway remove main force=yes")).toBe("Gateway main is removed.\nusers disabled: 2");
    expect([...registry.users.values()].map((user) => user.isEnabled)).toEqual([false, false]);
    expect(registry.audit.map((line) => line.action)).toEqual(["user.disabled", "user.disabled", "gateway.removed"]);
    expect(registry.secrets.has("main")).toBe(false);
  });

  it("needs no force for users who are disabled", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    await registry.replaceUser(userOf("carol@example.com", { isEnabled: false }));
    expect(await say("gateway remove main")).toBe("Gateway main is removed.");
    expect(await say("gateway remove main")).toMatch(/There is none yet/);
  });
});

describe("a pool of gateways", () => {
  it("[G12] is made by adding, joined and left by setting, and shown", async () => {
    const { registry, seed, live, say } = createCommandStage();
    await seed("alice@example.com");
    await say("gateway add two like=main pool=main weight=2 url=https://two.example.com/EWS");
    expect(registry.servers.get("two")).toMatchObject({ pool: "main", weight: 2 });
    live.placed.set("two", 7);
    expect(await say("gateway list")).toMatch(/two +\| ews +\| main \| 7/);
    expect(await say("gateway show two")).toMatch(/pool: main\nweight: 2/);
    expect(await say("gateway set two weight=101")).toMatch(/weight: must be a whole number from 1 to 100/);
    await say("gateway set two pool=");
    expect(registry.servers.get("two")?.pool).toBeUndefined();
    expect(registry.servers.get("two")?.weight).toBe(2);
  });

  it("[G2] may have a description, which can be taken away", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed();
    await say('gateway set main description="Head office, second floor"');
    expect(await say("gateway show main")).toContain("description: Head office, second floor");
    await say("gateway set main description= weight=3");
    expect(registry.servers.get("main")?.description).toBeUndefined();
    expect(registry.servers.get("main")?.weight).toBe(3);
  });

  it("may be named as a user's gateway, and is the default when there is no other", async () => {
    const { registry, say } = createCommandStage();
    await say("gateway add cas1 type=ews pool=paris url=https://one.example.com account=a password=abcd");
    await say("gateway add cas2 like=cas1 pool=paris url=https://two.example.com");
    await say("user enable alice@example.com");
    expect([...registry.users.values()].map(({ gateway }) => gateway)).toEqual(["paris"]);
    expect(await say("user set alice@example.com gateway=parsi")).toMatch(/no gateway or pool.*did you mean paris\?/);
    expect(await say("user set alice@example.com gateway=cas2")).toContain("gateway cas2");
  });

  it("lets one of its servers be removed while users are on it, but not the last", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed("alice@example.com");
    await say("gateway add two like=main pool=main url=https://two.example.com/EWS");
    expect(await say("gateway remove main")).toBe("Gateway main is removed.");
    expect(await say("gateway remove two")).toMatch(/1 user is on two/);
    expect([...registry.users.values()].map(({ isEnabled }) => isEnabled)).toEqual([true]);
  });
});

describe("a gateway that follows on another", () => {
  const site = async () => {
    const stage = createCommandStage();
    await stage.seed("alice@example.com");
    await stage.say("gateway add graph type=other url=https://graph.example.com account=a password=abcd");
    return stage;
  };

  it("is named, shown, and taken away again", async () => {
    const { registry, say } = await site();
    expect(await say("gateway set main successor=grahp")).toMatch(/no gateway or pool.*did you mean graph\?/);
    expect(await say("gateway set main successor=main")).toContain("main cannot follow on itself");
    await say("gateway set main successor=graph");
    expect(registry.servers.get("main")?.successor).toBe("graph");
    expect(await say("gateway show main")).toContain("successor: graph");
    expect(registry.audit.at(-1)).toMatchObject({ action: "gateway.changed", detail: "successor=graph" });
    await say("gateway set main successor=");
    expect(registry.servers.get("main")?.successor).toBeUndefined();
  });

  it("has the mailboxes from when the other is retired until it is taken back", async () => {
    const { registry, say } = await site();
    expect(await say("gateway set main retired=yes")).toMatch(/Without a successor main cannot be retired/);
    await say("gateway set main successor=graph retired=yes");
    expect(registry.servers.get("main")?.retired?.because).toBe("local administrator said so.");
    expect(await say("gateway list")).toMatch(/main .*retired since .*: graph has its mailboxes/);
    expect(await say("gateway set main successor=")).toMatch(/Without a successor/);
    expect(await say("gateway remove graph")).toMatch(/graph has the mailboxes of main, which is retired/);
    await say("gateway set main description=old");
    expect(registry.servers.get("main")?.retired).toBeDefined();
    await say("gateway set main retired=no");
    expect(registry.servers.get("main")?.retired).toBeUndefined();
    expect(await say("gateway remove graph")).toBe("Gateway graph is removed.");
    expect(registry.servers.get("main")?.successor).toBeUndefined();
  });

  it("is told of by why", async () => {
    const { journal, say } = await site();
    await say("gateway set main successor=graph retired=yes");
    const alice = userOf("alice@example.com").presentity;
    journal.replaceClients(alice, []);
    journal.replaceServer(alice, "graph");
    expect(await say("why alice@example.com")).toContain("on gateway graph, which follows on main");
  });
});

describe("gateway list, show and test", () => {
  it("tells what to do when there is none", async () => {
    expect(await createCommandStage().say("gateway list")).toMatch(/^There is no gateway yet\. Add one/);
  });

  it("shows options, users and condition, and that a secret is set", async () => {
    const { live, seed, say } = createCommandStage();
    await seed("alice@example.com");
    const error = new GatewayError("mail.example.com refuses the password", { type: "auth", code: "ews-unauthorized" });
    live.partList = [{ name: "main", kind: "calendar", health: { state: "down", error } }];
    live.placed.set("main", 1);
    const condition = "down: mail.example.com refuses the password (ews-unauthorized)";
    expect(await say("gateway list")).toBe(
      `gateway | type | pool | users | condition\nmain    | ews  | main | 1     | ${condition}`,
    );
    const shown = await say("gateway show main");
    expect(shown).toContain(`password: (set, never shown)\npool: main\nusers: 1\ncondition: ${condition}`);
    await say("gateway set main enabled=no");
    expect(await say("gateway list")).toContain("disabled");
  });

  it("says why a calendar server that could not be started cannot be tested", async () => {
    const { live, seed, say } = createCommandStage();
    await seed();
    const error = new GatewayError("/ca.pem: no such file", { type: "modify", code: "ews-ca-unreadable" });
    live.partList = [{ name: "main", kind: "calendar", health: { state: "down", error } }];
    live.testCalendarServer = () => {
      throw new GatewayError("it is not running", { type: "cancel", code: "calendar-no-test" });
    };
    expect(await say("gateway test main")).toBe(
      "Test of main\nFAILED: start: /ca.pem: no such file\n1 of 1 steps failed.",
    );
  });

  it("prints each step of a test and counts the failed ones", async () => {
    const { live, seed, say } = createCommandStage();
    await seed();
    live.steps = [
      { step: "DNS", ok: true, detail: "192.0.2.1", milliseconds: 3.4 },
      { step: "login", ok: false, detail: "refused", milliseconds: 20 },
    ];
    expect(await say("gateway test main user=Alice@Example.com")).toBe(
      "Test of main for alice@example.com\nok: DNS: 192.0.2.1 (3 ms)\nFAILED: login: refused (20 ms)\n1 of 2 steps failed.",
    );
    expect(live.tested).toEqual([["main", { mailbox: "alice@example.com", outside: undefined }]]);
  });

  it("gives a test up when it takes too long", async () => {
    const { live, runtime, seed, say } = createCommandStage();
    await seed();
    live.testCalendarServer = async function* (_name, _mailbox, signal) {
      yield { step: "DNS", ok: true, detail: "found", milliseconds: 1 };
      await runtime.clock.sleep(seconds(3600), signal);
    };
    const answer = say("gateway test main");
    await runtime.clock.advance(seconds(91));
    expect(await answer).toMatch(/ok: DNS.*\nFAILED: the test took too long\n1 of 2 steps failed/);
  });

  it("passes on whom to try, by address or SID, and who should be out of reach", async () => {
    const { live, seed, say } = createCommandStage();
    await seed();
    expect(await say("gateway test main user=s-1-5-21-1-2-3-1104 outside=carol@example.com")).toMatch(
      /^Test of main for S-1-5-21-1-2-3-1104\n/,
    );
    expect(live.tested).toEqual([["main", { sid: "S-1-5-21-1-2-3-1104", outside: "carol@example.com" }]]);
  });

  it("draws a warning as such, without counting it as a failure", async () => {
    const { live, run, seed, say } = createCommandStage();
    await seed();
    live.steps = [{ step: "scope", ok: true, isWarning: true, detail: "too wide", milliseconds: 1 }];
    expect(await say("gateway test main")).toBe(
      "Test of main\nWarning: scope: too wide (1 ms)\nAll 1 steps went well.",
    );
    const result = await run("gateway test main");
    if (result.kind !== "progress") throw new Error("no progress");
    await result.lines.next();
    expect((await result.lines.next()).value).toMatchObject({ hasFailed: false });
  });

  /** Servers s1, s2 …; each has a test of one step that waits until so many have begun. */
  async function manyServers(count: number, together: number) {
    const stage = createCommandStage();
    await stage.seed();
    const main = stage.registry.servers.get("main");
    if (!main) throw new Error("no server");
    await stage.registry.deleteCalendarServer("main");
    for (let index = 1; index <= count; index++) {
      await stage.registry.replaceCalendarServer({ ...main, name: `s${index}` }, {});
    }
    let [running, most, begun] = [0, 0, 0];
    let release = (): void => undefined;
    const all = new Promise<void>((resolve) => {
      release = resolve;
    });
    stage.live.testCalendarServer = async function* (name) {
      most = Math.max(most, ++running);
      if (++begun === together) release();
      await all;
      yield { step: "TCP", ok: name !== "s14", detail: "tried", milliseconds: 1 };
      running--;
    };
    return { ...stage, most: () => most };
  }

  it("[R3] tries all 14 servers, not only the first ten, at the same time, and names those that fail", async () => {
    const { say, registry } = await manyServers(14, 14);
    const main = registry.servers.get("s1");
    if (main) await registry.replaceCalendarServer({ ...main, name: "off", isEnabled: false });
    const lines = (await say("gateway test all")).split("\n");
    expect(lines.slice(0, 2)).toEqual(["Test of all gateways", "off: is disabled and not tried"]);
    expect(lines.slice(2, -1).toSorted()).toEqual(
      Array.from(
        { length: 14 },
        (_, index) => `s${index + 1}: ${index === 13 ? "FAILED" : "ok"}: TCP: tried (1 ms)`,
      ).toSorted(),
    );
    expect(lines.at(-1)).toBe("14 gateways tried, 1 failed: s14.");
  });

  it("[R3] tries at most 16 at a time, and gives a run up that takes too long", async () => {
    const many = await manyServers(40, 16);
    expect((await many.say("gateway test all")).split("\n")).toHaveLength(42);
    expect(many.most()).toBe(16);
    const hanging = await manyServers(40, 1);
    hanging.live.testCalendarServer = async function* (_name, _subject, signal) {
      await hanging.runtime.clock.sleep(seconds(3600), signal);
      yield { step: "DNS", ok: true, detail: "too late", milliseconds: 1 };
    };
    const answer = hanging.say("gateway test all");
    await hanging.runtime.clock.advance(seconds(301));
    expect((await answer).split("\n").at(-1)).toMatch(/^40 gateways tried, 40 failed: /);
  });

  it("is not possible while the gateway is stopped", async () => {
    const { seed, say } = createCommandStage({ isRunning: false });
    await seed();
    expect(await say("gateway test main")).toMatch(/command-not-running/);
    expect(await say("gateway list")).toContain("not running");
  });

  it.each([["user=nonsense", /user: .*SMTP address/]])("refuses %s", async (option, expected) => {
    const { seed, say } = createCommandStage();
    await seed();
    expect(await say(`gateway test main ${option}`)).toMatch(expected);
  });
});
