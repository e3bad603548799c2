import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { COMMAND_ERROR_CODES } from "../../src/admin/command-errors.ts";
import { drawText, splitText } from "../../src/admin/draw-text.ts";
import { composeCommandsPage } from "../../src/admin/generate-docs.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import { actorOf, createCommandStage } from "./command-stage.ts";

const asUser = actorOf("alice@example.com", "user");

describe("unknown commands", () => {
  it.each([
    ["statsu", /Did you mean: status\?/],
    ["gatway add x", /Did you mean: gateway add\?/],
    ["GATEWAY lits", /Did you mean: gateway list\?/],
    ["gateway", /“gateway” needs a word more\. There are: gateway add, gateway list/],
    ["gateway frobnicate", /no such “gateway” command\. There are: gateway add/],
    ["gatewya type=ews", /Did you mean: gateway\?/],
    ["xyzzy", /There is no such command\. Send help for a list\./],
    ["   ", /Send help for a list of commands/],
  ])("%j gets the nearest", async (text, expected) => {
    const answer = await createCommandStage().say(text);
    expect(answer).toMatch(expected);
    expect(answer).toContain("[command-unknown]");
  });

  it("are never repeated: a password may have been sent by mistake", async () => {
    const { say } = createCommandStage();
    expect(await say("hunter2hunter2")).not.toContain("hunter2");
    expect(await say("gatway add x password=hunter2")).not.toContain("hunter2");
    expect(await say("help hunter2hunter2")).not.toContain("hunter2");
  });
});

describe("roles", () => {
  it("keeps ordinary users from every administrator's command", async () => {
    const { registry, seed, say } = createCommandStage();
    await seed("alice@example.com");
    for (const command of COMMANDS.filter((each) => each.who === "admin")) {
      for (const example of command.examples) expect(await say(example, asUser)).toContain("[command-forbidden]");
    }
    expect(registry.audit).toEqual([]);
  });

  it("shows each role only what it may use", async () => {
    const { say } = createCommandStage();
    const forUsers = await say("help", asUser);
    expect(forUsers).toMatch(/^This gateway shows.*\nhelp \[<command>\] — .*\nme — /);
    expect(forUsers).not.toMatch(/gateway (add|list)|parameter|audit/);
    expect(await say("help gateway", asUser)).toContain("[command-unknown]");
    expect(await say("gatewya", asUser)).not.toContain("gateway add");
    const forAdmins = await say("help");
    for (const { usage } of COMMANDS) expect(forAdmins).toContain(usage);
  });
});

describe("help", () => {
  it("explains one command or a group", async () => {
    const { say } = createCommandStage();
    expect(await say("help gateway  ADD")).toMatch(
      /^Adds a calendar server\.\nUsage: gateway add <name> .*\nname: The gateway/,
    );
    expect((await say("help gateway")).split("\n")).toHaveLength(6);
    expect(await say("help gatewya")).toMatch(/Did you mean: gateway\?/);
  });

  it("has an example for every command, and every example works or fails only for what is not there", async () => {
    for (const command of COMMANDS) {
      expect(command.examples.length, command.name).toBeGreaterThan(0);
      for (const example of command.examples) {
        const { environment, seed, say } = createCommandStage();
        environment["EWS_PASSWORD"] = "from-environment";
        await seed("alice@example.com", "bob@example.com");
        const answer = await say(
          example.replace("@ews-password", "$EWS_PASSWORD"),
          actorOf("alice@example.com", "admin"),
        );
        expect(answer, example).not.toMatch(/command-(unknown|arguments|syntax|forbidden)/);
      }
    }
  });
});

describe("status", () => {
  it("shows what is wrong first, then every part and the counts", async () => {
    const { live, say } = createCommandStage();
    const error = new GatewayError("refused", { type: "auth", code: "ews-unauthorized" });
    live.partList = [
      { name: "xmpp", kind: "xmpp", health: { state: "ok" } },
      { name: "main", kind: "calendar", health: { state: "ok", detail: "2 users" } },
      { name: "hq", kind: "calendar", health: { state: "down", error, since: live.now() } },
      { name: "pep", kind: "publisher", health: { state: "starting" } },
    ];
    live.counted = {
      ...live.counted,
      oldestDue: live.now(),
      failing: [{ publisher: "sip", count: 3, because: "the SIP server answered 403 Forbidden" }],
    };
    expect(await say("status")).toBe(
      [
        "The gateway is running. 1 part is in trouble:",
        "gateway hq: down since 09:00:00 UTC (now): refused (ews-unauthorized)",
        "failing by sip: 3, one of them: the SIP server answered 403 Forbidden",
        "publisher pep: starting",
        "xmpp: ok",
        "gateway main: ok: 2 users",
        "users: 3 enabled, calendar unknown of 1",
        "in a meeting: 1",
        "waiting: publications 4, the oldest since 09:00:00 UTC (now); calendar reads 5",
        "oldest calendar: none read yet",
      ].join("\n"),
    );
  });

  it("fits on a screen with thirty calendar servers, two of them in trouble", async () => {
    const { live, say } = createCommandStage();
    const error = new GatewayError("no answer", { type: "wait", code: "ews-unreachable" });
    live.partList = [
      { name: "xmpp", kind: "xmpp", health: { state: "ok" } },
      ...Array.from({ length: 30 }, (_, index) => ({
        name: `cas${index}`,
        kind: "calendar" as const,
        health: index < 2 ? ({ state: "down", error } as const) : ({ state: "ok" } as const),
      })),
    ];
    const lines = (await say("status")).split("\n");
    expect(lines.length).toBeLessThan(24);
    expect(lines.slice(0, 3)).toEqual([
      "The gateway is running. 2 parts are in trouble:",
      "gateway cas0: down: no answer (ews-unreachable)",
      "gateway cas1: down: no answer (ews-unreachable)",
    ]);
    expect(lines.find((line) => line.startsWith("gateways in order: cas2, cas3, "))).toMatch(/, cas29$/);
  });

  it("says that the gateway is not running, and shows what is stored", async () => {
    const { seed, say } = createCommandStage({ isRunning: false });
    await seed("alice@example.com");
    expect(await say("status")).toMatch(
      /^The gateway is not running: this is what is stored\.\nusers: 1 enabled, 0 disabled\ngateways: main$/,
    );
  });
});

describe("audit", () => {
  it("shows the newest lines first, of one subject where asked", async () => {
    const { seed, say } = createCommandStage();
    expect(await say("audit")).toBe("The audit is empty.");
    await seed();
    await say("user enable alice@example.com");
    await say("user enable bob@example.com");
    expect((await say("audit")).split("\n")[1]).toMatch(
      /^2026-11-23 09:00:00 UTC \| local administrator \| user\.enabled \| bob@example\.com/,
    );
    expect((await say("audit Alice@example.com")).split("\n")).toHaveLength(2);
    expect(await say("audit limit=1")).not.toContain("alice");
    expect(await say("audit carol@example.com")).toBe("The audit has nothing about carol@example.com.");
  });
});

describe("secrets", () => {
  it("[G5] never come out again, wherever in a command they stand", async () => {
    const templates: readonly ((secret: string) => string)[] = [
      (s) => `gateway add main type=ews url=https://mail.example.com/ account=a password=${s}`,
      (s) => `gateway add main type=ews url=http://bad account=a password=${s} extra=${s}`,
      (s) => `gateway add main type=ews url=https://u:${s}@mail.example.com account=a password=${s}`,
      (s) => `gateway add main type=ews password=@${s}`,
      (s) => `gateway add main type=ews password=$${s}`,
      (s) => `gateway add main type=ews password= ${s}`,
      (s) => `gateway add ${s} type=none password=${s}`,
      (s) => `gateway add main type=${s}`,
      (s) => `gatway add password=${s}`,
      (s) => `user enable bob@example.com password=${s}`,
      (s) => `gateway set seeded password=${s}`,
      (s) => `gateway set seeded password ${s}`,
      (s) => s,
    ];
    const secrets = fc
      .string({ unit: fc.constantFrom(..."abcXYZ0189!#%&*+-_.;~"), minLength: 9, maxLength: 24 })
      .map((text) => `q${text}Q`);
    await fc.assert(
      fc.asyncProperty(secrets, fc.nat({ max: templates.length - 1 }), async (secret, index) => {
        const { registry, runtime, seed, say } = createCommandStage();
        await seed();
        await say("gateway add seeded like=main");
        const answers = [await say(templates[index]?.(secret) ?? "")];
        for (const look of [
          "gateway list",
          "gateway show main",
          "gateway show seeded",
          "audit",
          "status",
          "user list",
        ]) {
          answers.push(await say(look));
        }
        const all = JSON.stringify([answers, registry.audit, runtime.events, [...registry.servers.values()]]);
        expect(all.toLowerCase()).not.toContain(secret.toLowerCase());
        expect(all).not.toContain("seeded-secret");
      }),
      { numRuns: 80 },
    );
  });

  it("stay out of the text of a defect", async () => {
    const { registry, say } = createCommandStage();
    registry.replaceCalendarServer = () => Promise.reject(new TypeError("cannot store hunter2hunter2"));
    const answer = await say("gateway add main type=ews url=https://x.example account=a password=hunter2hunter2");
    expect(answer).toBe("Something went wrong inside the gateway; its log says where. [internal-error]");
  });
});

describe("errors", () => {
  it("of the store reach the one who asked, as they are", async () => {
    const { registry, say } = createCommandStage();
    registry.listUsers = () =>
      Promise.reject(new GatewayError("The disk is full.", { type: "wait", code: "store-full" }));
    expect(await say("user list")).toBe("The disk is full. [store-full]");
  });

  it("are all listed with meaning and action", () => {
    const page = composeCommandsPage(COMMANDS, createCommandStage().services.calendarTypes);
    for (const code of Object.keys(COMMAND_ERROR_CODES)) expect(page).toContain(`| \`${code}\` |`);
    for (const { name } of COMMANDS) expect(page).toContain(`### ${name}\n`);
    expect(page).toMatch(/### type=ews\n.*\n- url\n- account\n- password \(secret\)\n- auth \(optional\)/s);
  });
});

describe("drawing", () => {
  it("bounds each value and keeps it on its line", () => {
    const text = drawText({ kind: "fields", fields: [["name", `a\nb\u2028c${"x".repeat(500)}`]] });
    expect(text.split("\n")).toHaveLength(1);
    expect(text.length).toBeLessThan(420);
  });

  it("splits at line ends, loses nothing, and keeps to the limit in bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "é", "語", "😀", "\n"), { maxLength: 200 }).map((all) => all.join("")),
        fc.integer({ min: 4, max: 50 }),
        (text, limit) => {
          const parts = splitText(text, limit);
          expect(parts.every((part) => Buffer.byteLength(part) <= limit)).toBe(true);
          expect(parts.join("").replaceAll("\n", "")).toBe(text.replaceAll("\n", ""));
        },
      ),
      { numRuns: 100 },
    );
    expect(splitText("aa\nbb\ncc", 5)).toEqual(["aa\nbb", "cc"]);
  });
});
