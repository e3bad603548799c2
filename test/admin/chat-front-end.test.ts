import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findStanding, parseSender } from "../../src/admin/authorization.ts";
import { ChatFrontEnd } from "../../src/admin/chat-front-end.ts";
import type { Command, CommandServices, SettledResult } from "../../src/admin/command.ts";
import { parseBareJid, parsePresentityId } from "../../src/core/addresses.ts";
import { hours, minutes, seconds } from "../../src/lib/time.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { Stanza } from "../../src/ports/xmpp-link.ts";
import { settle } from "../doubles/fake-clock.ts";
import { commandNamed, createCommandStage } from "./command-stage.ts";
import { bodyOf, element, FakeLink, message } from "./fake-link.ts";

const STRANGER = "carol@foreign.example/home";

let stage: ReturnType<typeof createCommandStage>;
let link: FakeLink;
let front: ChatFrontEnd;

const startWith = (changes: Partial<CommandServices> = {}): void => {
  const services = { ...stage.services, ...changes };
  front = new ChatFrontEnd({ link, runtime: stage.runtime, services, admins: [parseBareJid("carol@example.com")] });
  front.start();
};

const receive = async (...stanzas: readonly Stanza[]): Promise<readonly string[]> => {
  const before = link.sent.length;
  for (const stanza of stanzas) link.handlers.message?.(stanza);
  await settle();
  return link.sent.slice(before).map(bodyOf);
};

beforeEach(() => {
  stage = createCommandStage();
  link = new FakeLink();
  startWith();
});
afterEach(() => front.stop());

const endless = (name: string): Command =>
  commandNamed(name, async (_context, _words, signal) => {
    await stage.runtime.clock.sleep(hours(1), signal);
    return { kind: "text", text: "never" };
  });

describe("a user's message", () => {
  it.each([
    ["nosuch", /^Diesen Befehl gibt es nicht/],
    ["user list", /^Dieser Befehl ist für Administratoren/],
    ['pause "2h', /^Dieser Befehl war nicht zu verstehen/],
    ["me twice", /^Dieser Befehl war nicht zu verstehen/],
    ["pause for ever", /^Diese Zeit ist nicht brauchbar/],
    ["help", /^Dieses Gateway zeigt „In einer Besprechung“.*\nhelp \[…\] — Listet/],
    ["help set", /^Zeigt Sie so an.*\nForm: set available\|away\|dnd/],
    ["x".repeat(70_000), /^Diese Nachricht ist zu lang/],
  ])("is answered in the user's language, problems too: %#", async (text, expected) => {
    await stage.seed("alice@example.com");
    await stage.say("locale set alice@example.com de");
    const [answer] = await receive(message(text, { from: "alice@example.com/home" }));
    expect(answer).toMatch(expected);
    expect(link.sent.at(-1)?.attributes?.["xml:lang"]).toBe("de");
  });

  it("is answered in the language that was just chosen, and the answer says which it is", async () => {
    await stage.seed("alice@example.com");
    expect(await receive(message("language ja", { from: "alice@example.com/home" }))).toEqual([
      "あなたの言語: 日本語 (ja)",
    ]);
    expect(link.sent.at(-1)?.attributes?.["xml:lang"]).toBe("ja");
    await receive(message("status"));
    expect(link.sent.at(-1)?.attributes?.["xml:lang"]).toBeUndefined();
  });

  it("that breaks something is answered without its particulars", async () => {
    await stage.seed("alice@example.com");
    await stage.say("locale set alice@example.com ja");
    const run = async () => {
      throw new GatewayError("the disk burns", { type: "wait", code: "store-failed" });
    };
    startWith({ commands: [commandNamed("burn", run)] });
    const answers = await receive(message("burn", { from: "alice@example.com/home" }));
    expect(answers.at(-1)).toBe("ゲートウェイで問題が発生しました。後でもう一度お試しください。");
  });
});

describe("an administrator's message", () => {
  it("is answered to the full JID, from the address written to, in its thread", async () => {
    await receive(message("user list", { to: "presence.example.com/x", more: [element("thread", "t1")] }));
    expect(link.sent).toEqual([
      {
        name: "message",
        attributes: { from: "presence.example.com/x", to: "carol@example.com/home", type: "chat", id: "id-1" },
        children: [
          { name: "body", children: ["No user is enabled yet. Use: user enable <jid>"] },
          { name: "thread", children: ["t1"] },
        ],
      },
    ]);
  });

  it.each([
    ["the bare domain", { to: "presence.example.com" }],
    ["an address of the component", { to: "gateway@presence.example.com" }],
    ["a message without type", { type: "" }],
    ["a normal message", { type: "normal" }],
    ["a message of a type that nobody knows", { type: "shout" }],
    ["a sender in capitals", { from: "Carol@EXAMPLE.com/home" }],
  ])("works for %s", async (_case, sent) => {
    expect(await receive(message("user list", sent))).toHaveLength(1);
  });

  it("changes what it says, and the audit tells who did it", async () => {
    await receive(message("parameter set exchange-timeout 5"));
    expect(stage.registry.audit).toMatchObject([{ actor: "carol@example.com", action: "parameter.changed" }]);
  });

  it.each<readonly [string, Stanza]>([
    ["an error", message("status", { type: "error" })],
    ["group chat", message("status", { type: "groupchat" })],
    ["a headline", message("status", { type: "headline" })],
    ["no body", message(undefined)],
    ["an empty body", message(" \n ")],
    ["a body of another namespace", { ...message(undefined, { more: [element("body", "status", "urn:other")] }) }],
    ["a late message (XEP-0203)", message("status", { more: [element("delay", "", "urn:xmpp:delay")] })],
    ["a late message (XEP-0091)", message("status", { more: [element("x", "", "jabber:x:delay")] })],
    ["one from the component itself", message("status", { from: "x@presence.example.com" })],
    ["one from a server", message("status", { from: "example.com" })],
    ["one from no address", message("status", { from: "@@" })],
    ["one to a contact's JID on the component", message("status", { to: "alice\\40example.com@presence.example.com" })],
    ["one to another domain", message("status", { to: "elsewhere.example.com" })],
  ])("is left alone when it is %s", async (_case, stanza) => {
    expect(await receive(stanza)).toEqual([]);
    expect(stage.registry.audit).toEqual([]);
  });

  it("that takes its time is answered step by step: what comes within a second is one message", async () => {
    const { clock } = stage.runtime;
    const slow = async function* (): AsyncGenerator<string, SettledResult, undefined> {
      const { signal } = new AbortController();
      yield "one";
      yield "two";
      await clock.sleep(seconds(3), signal);
      yield "three";
      await clock.sleep(seconds(3), signal);
      return { kind: "text", text: "over" };
    };
    const run = async () => ({ kind: "progress", title: "Slowly", lines: slow() }) as const;
    startWith({ commands: [commandNamed("slow", run)] });
    await receive(message("slow"));
    for (let tick = 0; tick < 8; tick++) await clock.advance(seconds(1));
    expect(link.sent.map(bodyOf)).toEqual(["Slowly\none\ntwo", "three", "over"]);
  });

  it("whose steps break off tells what came before, and why", async () => {
    const broken = async function* (): AsyncGenerator<string, SettledResult, undefined> {
      yield "one";
      throw new GatewayError("the server burns", { type: "wait", code: "test-fire" });
    };
    const run = async () => ({ kind: "progress", lines: broken() }) as const;
    startWith({ commands: [commandNamed("slow", run)] });
    expect((await receive(message("slow"))).join("\n")).toBe("one\nthe server burns [test-fire]");
  });

  it("that cannot be read is answered without turning the text, and what is not seen is written out", async () => {
    const [answer] = await receive(message('why "al\u200bice\u202e@example.com"'));
    expect(answer).toContain(String.raw`"al\u{200b}ice\u{202e}@example.com" is not a JID`);
    expect(answer).not.toMatch(/[\u200b\u202e]/);
  });

  it("is refused politely when it is too long or encrypted", async () => {
    startWith({ commands: [] });
    expect(await receive(message("user enable x".repeat(80_000)))).toEqual([
      "This message is too long: at most 64 KiB are read.",
    ]);
    expect(await receive(message("status", { more: [element("encryption", "", "urn:xmpp:eme:0")] }))).toEqual([
      "I cannot read encrypted messages: switch encryption off for this chat, please.",
    ]);
  });

  it("is answered in parts where the answer is long", async () => {
    await stage.seed();
    for (let user = 0; user < 200; user++) await stage.say("user enable x@example.com");
    const parts = await receive(message("audit limit=500"));
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.every((part) => Buffer.byteLength(part) <= 8192)).toBe(true);
  });

  it("gets an answer when the store fails, and the log gets the place of a defect without its text", async () => {
    stage.registry.listUsers = () => Promise.reject(new TypeError("hunter2"));
    expect(await receive(message("user list"))).toEqual([
      "Something went wrong inside the gateway; its log says where. [internal-error]",
    ]);
    expect(stage.runtime.events).toMatchObject([{ level: "error", event: "chat.command-broke" }]);
    expect(stage.runtime.events[0]?.fields["where"]).toMatch(/at .*chat-front-end\.test\.ts/);
    expect(JSON.stringify(stage.runtime.events)).not.toContain("hunter2");
  });

  it("does not fail when the answer cannot be sent", async () => {
    link.failure = new GatewayError("offline", { type: "wait", code: "xmpp-offline" });
    await receive(message("user list"));
    expect(stage.runtime.events).toMatchObject([
      { level: "warn", event: "chat.answer-failed", fields: { code: "xmpp-offline" } },
    ]);
  });
});

describe("strangers", () => {
  it("with an administrator's name on another domain are refused once and audited", async () => {
    expect(await receive(message("parameter set exchange-timeout 5", { from: STRANGER }))).toEqual([
      "This gateway answers its own users and administrators only.",
    ]);
    expect(stage.registry.parameters.size).toBe(0);
    expect(stage.registry.audit).toMatchObject([
      {
        actor: "carol@foreign.example",
        action: "command.refused",
        subject: "carol@foreign.example",
        detail: "a stranger",
      },
    ]);
    expect(await receive(message("status", { from: STRANGER }))).toEqual([]);
  });

  it("cannot flood the audit: one line a minute each, sixty over all", async () => {
    for (let round = 0; round < 20; round++) await receive(message("x", { from: STRANGER }));
    expect(stage.registry.audit).toHaveLength(1);
    await stage.runtime.clock.advance(minutes(1));
    await receive(message("x", { from: STRANGER }));
    expect(stage.registry.audit).toHaveLength(2);
    for (let each = 0; each < 300; each++) link.handlers.message?.(message("x", { from: `s${each}@foreign.example` }));
    await settle();
    expect(stage.registry.audit.length).toBeLessThanOrEqual(61);
  });

  it("are told again a day later", async () => {
    await receive(message("x", { from: STRANGER }));
    stage.runtime.clock.step(hours(24));
    expect(await receive(message("x", { from: STRANGER }))).toHaveLength(1);
  });

  it("are told nothing of a flood, and their long messages not of limits", async () => {
    const flood = Array.from({ length: 30 }, () => message("x".repeat(70_000), { from: STRANGER }));
    expect(await receive(...flood)).toEqual(["This gateway answers its own users and administrators only."]);
  });
});

describe("ordinary users", () => {
  it.each(["alice@example.com/home", "alice@example.org/home"])(
    "of a served domain have their own commands: %s",
    async (from) => {
      expect((await receive(message("help", { from })))[0]).toMatch(/^This gateway shows/);
      expect((await receive(message("status", { from })))[0]).toMatch(
        /^“status” is for administrators\. Send help for what you may use\.$/,
      );
      await receive(message("status", { from }));
      expect(stage.registry.audit).toMatchObject([
        { action: "command.refused", detail: "“status” is for administrators. Send help for what you may use." },
      ]);
    },
  );
});

describe("an administrator of one domain", () => {
  it("is told in particular what is wrong, whatever language they speak as a user", async () => {
    await stage.seed("dora@example.com");
    await stage.say("locale set dora@example.com de");
    startWith({ domainAdmins: [parseBareJid("dora@example.com")] });
    const say = (text: string) => receive(message(text, { from: "dora@example.com/pc" }));
    expect(await say("user show nobody@example.com")).toEqual([
      expect.stringMatching(/^nobody@example\.com is no user.*\[command-not-found\]$/),
    ]);
    expect(await say("user enable bob@example.org")).toEqual([
      "You are administrator of example.com only. [command-forbidden]",
    ]);
    expect(await say("zone")).toEqual([expect.stringContaining("Ihre Zeitzone")]);
  });
});

describe("a flood", () => {
  it("runs one command at a time, keeps five waiting, and gets one notice", async () => {
    let running = 0;
    let most = 0;
    const slow = commandNamed("help", async () => {
      most = Math.max(most, ++running);
      await settle();
      running--;
      return { kind: "text", text: "done" };
    });
    startWith({ commands: [slow] });
    for (let each = 0; each < 100; each++) link.handlers.message?.(message("help"));
    for (let turn = 0; turn < 40; turn++) await settle();
    const answers = link.sent.map(bodyOf);
    expect(most).toBe(1);
    expect(answers.filter((answer) => answer === "done")).toHaveLength(6);
    expect(answers.filter((answer) => answer.startsWith("These are too many messages"))).toHaveLength(1);
    link.handlers.message?.(message("help"));
    for (let turn = 0; turn < 4; turn++) await settle();
    expect(link.sent.slice(answers.length).map(bodyOf)).toEqual(["done"]);
  });

  it("does not hold up other senders", async () => {
    startWith({ commands: [...stage.services.commands.slice(0, 1), endless("status")] });
    await receive(message("status"));
    expect(await receive(message("help", { from: "alice@example.com/x" }))).toHaveLength(1);
    expect(await receive(message("help"))).toEqual([]);
  });

  it("of one a second is cut off for the rest of the minute", async () => {
    let answers = 0;
    for (let each = 0; each < 70; each++) answers += (await receive(message("help"))).length;
    expect(answers).toBe(61);
    await stage.runtime.clock.advance(minutes(1));
    expect(await receive(message("help"))).toHaveLength(1);
  });

  it("from many senders is bounded in memory, and keeps nobody out who comes after them", async () => {
    for (let each = 0; each < 3000; each++)
      link.handlers.message?.(message("help", { from: `u${each}@stranger.example/x` }));
    await settle();
    expect(link.sent).toHaveLength(1000);
    expect(await receive(message("help", { from: "late@example.com/x" }))).toHaveLength(1);
    expect(await receive(message("help"))).toHaveLength(1);
  });
});

describe("stopping", () => {
  it("cancels what is under way, answers nothing more, and may be done twice", async () => {
    startWith({ commands: [endless("help")] });
    await receive(message("help"), message("help"));
    await front.stop();
    await front.stop();
    expect(link.sent).toEqual([]);
    expect(link.handlers.message).toBeUndefined();
    expect(stage.runtime.events).toEqual([]);
  });
});

describe("parseSender", () => {
  it.each([
    ["carol@example.com/home", "carol@example.com"],
    ["Carol@Example.com", "carol@example.com"],
    ["example.com/x", undefined],
    ["", undefined],
    ["ｃarol@example.com/x", undefined],
    ["\u212Aarl@example.com", undefined],
    ["carol@example.com.", undefined],
  ])("reads %j", (from, expected) => expect(parseSender(from)).toBe(expected));
});

describe("findStanding", () => {
  it("makes enabled users of foreign domains users, and disabled ones strangers", async () => {
    const authorities = { admins: [], servedDomains: ["example.com"], registry: stage.registry };
    const bob = parsePresentityId("bob@foreign.example");
    expect(await findStanding(authorities, bob)).toBe("stranger");
    await stage.seed("bob@foreign.example");
    expect(await findStanding(authorities, bob)).toBe("user");
    await stage.say("user disable bob@foreign.example");
    expect(await findStanding(authorities, bob)).toBe("stranger");
  });
});
