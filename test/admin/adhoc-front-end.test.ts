import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AdhocFrontEnd } from "../../src/admin/adhoc-front-end.ts";
import type { Command, CommandServices, SettledResult } from "../../src/admin/command.ts";
import { COMMANDS } from "../../src/admin/command-catalogue.ts";
import { parseBareJid } from "../../src/core/addresses.ts";
import { minutes, seconds } from "../../src/lib/time.ts";
import { GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import { elementsOf } from "../../src/ports/xml-element.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { encodeStanzaError } from "../../src/xmpp/xmpp-errors.ts";
import { settle } from "../doubles/fake-clock.ts";
import { TestMemory } from "../doubles/plugin-context.ts";
import { command, form, iq, NS_COMMANDS, toElement, view } from "./adhoc/adhoc-stage.ts";
import { commandNamed, createCommandStage } from "./command-stage.ts";
import { bodyOf, FakeLink } from "./fake-link.ts";

const ADMIN = "carol@example.com/home";
const USER = "alice@example.com/pc";
const ADMINS = [parseBareJid("carol@example.com")];
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

let stage: ReturnType<typeof createCommandStage>;
let link: FakeLink;
let memory: TestMemory;
let front: AdhocFrontEnd;

const startWith = (changes: Partial<CommandServices> = {}): void => {
  link = new FakeLink();
  const services = { ...stage.services, ...changes };
  front = new AdhocFrontEnd({ link, runtime: stage.runtime, services, admins: ADMINS, memory, version: "1.2.3" });
  front.start();
};

beforeEach(() => {
  stage = createCommandStage();
  memory = new TestMemory();
  startWith();
});
afterEach(() => front.stop());

/** The result's child; rejects with what the dispatcher makes an error. */
const ask = async (payload: XmlDraft, from = ADMIN, type = "set"): Promise<XmlDraft | undefined> =>
  link.handlers.iq?.(iq(payload, from, type));

const get = (xmlns: string, node?: string, from = ADMIN): Promise<XmlDraft | undefined> =>
  ask({ name: "query", attributes: { xmlns, node } }, from, "get");

const execute = async (node: string, from = ADMIN) => view(await ask(command({ node, action: "execute" }), from));

const goOn = async (
  node: string,
  sessionid: string,
  fields?: Parameters<typeof form>[0],
  options: { readonly action?: string; readonly from?: string } = {},
) => {
  const attributes = { node, sessionid, ...(options.action !== undefined && { action: options.action }) };
  return view(await ask(command(attributes, fields && form(fields)), options.from ?? ADMIN));
};

/** Condition and what a specification adds to it. */
const failure = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "no error",
    (error: unknown) => {
      const element = toElement(encodeStanzaError(toGatewayError(error)));
      const names = elementsOf(element).map(({ name }) => name);
      return [element.attributes["type"], ...names.filter((name) => name !== "text")].join(" ");
    },
  );

const namesOf = (draft: XmlDraft | undefined): readonly string[] =>
  elementsOf(toElement(draft ?? { name: "none" })).map(({ attributes }) => attributes["node"] ?? "");

describe("the list of commands", () => {
  it("has every command of the catalogue and those of XEP-0133 for an administrator", async () => {
    const nodes = namesOf(await get(ITEMS, NS_COMMANDS));
    expect(nodes).toEqual(expect.arrayContaining(COMMANDS.map(({ name }) => name.replaceAll(" ", "-"))));
    expect(nodes).toContain("http://jabber.org/protocol/admin#get-registered-users-num");
    expect(new Set(nodes).size).toBe(nodes.length);
  });

  it("has for a user what users may use, and nothing for a stranger", async () => {
    const own = COMMANDS.filter(({ who }) => who === "user").map(({ name }) => name.replaceAll(" ", "-"));
    expect(namesOf(await get(ITEMS, NS_COMMANDS, USER))).toEqual(own);
    expect(namesOf(await get(ITEMS, NS_COMMANDS, "carol@foreign.example/home"))).toEqual([]);
    expect(namesOf(await get(ITEMS, NS_COMMANDS, "foreign.example"))).toEqual([]);
  });

  it("is found by browsing the component, with identities", async () => {
    expect(namesOf(await get(ITEMS))).toEqual([NS_COMMANDS]);
    const identity = async (node?: string) =>
      elementsOf(toElement((await get(INFO, node)) ?? { name: "none" }))[0]?.attributes;
    expect(await identity()).toMatchObject({ category: "component", type: "presence" });
    expect(await identity(NS_COMMANDS)).toMatchObject({ category: "automation", type: "command-list" });
    expect(await identity("user-list")).toMatchObject({ category: "automation", type: "command-node" });
    expect(await failure(get(INFO, "user-list", USER))).toBe("cancel item-not-found");
    expect(await failure(get(ITEMS, "nothing"))).toBe("cancel item-not-found");
  });

  it("leaves requests to other addresses of the component to others", () => {
    const request = iq({ name: "query", attributes: { xmlns: INFO } }, ADMIN, "get");
    expect(link.handlers.iq?.({ ...request, to: "calendar@presence.example.com" })).toBeUndefined();
  });
});

describe("a command", () => {
  it("that asks nothing is carried out at once: a table comes as fields", async () => {
    await stage.seed("alice@example.com", "bob@example.com");
    const list = await execute("gateway-list");
    expect(list).toMatchObject({ status: "completed" });
    expect(list.values["row-1"]?.[0]).toMatch(/^type: ews; pool: main; users: \d/);
  });

  it("asks by a form, acts as its sender, and is audited", async () => {
    await stage.seed();
    const asked = await execute("user-enable");
    expect(asked).toMatchObject({ status: "executing", actions: ["complete"], execute: "complete" });
    expect(asked.kinds).toMatchObject({ jid: "jid-single", gateway: "list-single" });
    expect(asked.choices["gateway"]).toEqual(["main"]);
    const done = await goOn("user-enable", asked.session, { jid: "bob@example.com", gateway: "main" });
    expect(done).toMatchObject({ status: "completed" });
    expect(done.notes[0]).toContain("info: bob@example.com is enabled");
    expect(stage.registry.audit).toMatchObject([{ actor: "carol@example.com", action: "user.enabled" }]);
    expect(await failure(goOn("user-enable", asked.session, {}))).toBe("modify bad-request bad-sessionid");
  });

  it("shows the form again with the problem when what was entered is wrong", async () => {
    await stage.seed();
    const { session } = await execute("user-enable");
    const again = await goOn("user-enable", session, { jid: "bob@nowhere.example", locale: "de" });
    expect(again).toMatchObject({ status: "executing", values: { jid: ["bob@nowhere.example"], locale: ["de"] } });
    expect(again.notes[0]).toContain("does not serve nowhere.example");
    expect(await goOn("user-enable", session, { jid: "" })).toMatchObject({ notes: ["error: jid is missing."] });
    expect(await goOn("user-enable", session, { jid: "bob@example.com" })).toMatchObject({ status: "completed" });
    expect(await stage.say("user show bob@example.com")).toContain("locale: de");
  });

  it("of a user acts on that user", async () => {
    await stage.seed("alice@example.com");
    const { session } = await execute("pause", USER);
    await goOn("pause", session, { duration: "2 h" }, { from: USER });
    expect(stage.registry.audit).toMatchObject([{ actor: "alice@example.com", action: "override.paused" }]);
    expect(await execute("end", USER)).toMatchObject({
      status: "completed",
      notes: [expect.stringMatching(/^error: /)],
    });
  });

  it("is named, and a failure told, in the language of the user", async () => {
    await stage.seed("alice@example.com");
    await stage.say("locale set alice@example.com de");
    const items = toElement((await get(ITEMS, NS_COMMANDS, USER)) ?? { name: "none" });
    const me = elementsOf(items).find(({ attributes }) => attributes["node"] === "me");
    expect(me?.attributes["name"]).toMatch(/^me: .*(Sie|du|wie)/i);
    const answer = await ask(command({ node: "end", action: "execute" }), USER);
    expect(answer?.attributes?.["xml:lang"]).toBe("de");
  });

  it("says in which language its answer is, also when it has just changed the language", async () => {
    await stage.seed("alice@example.com", "carol@example.com");
    const languageOf = async (node: string, attributes = {}, fields?: XmlDraft) =>
      (await ask(command({ node, ...attributes }, fields), USER))?.attributes?.["xml:lang"];
    const { session } = await execute("language", USER);
    expect(await languageOf("language", { sessionid: session }, form({ tag: "fr" }))).toBe("fr");
    expect(await languageOf("me")).toBe("fr");
    await stage.say("locale set carol@example.com de");
    expect((await ask(command({ node: "gateway-list" })))?.attributes?.["xml:lang"]).toBe("en");
  });

  it("of a user is asked for in the user's language, by the form of chat", async () => {
    await stage.seed("alice@example.com");
    await stage.say("locale set alice@example.com ja");
    const [asked, refused] = [
      await ask(command({ node: "pause" }), USER),
      failure(ask(command({ node: "status" }), USER)),
    ];
    expect(await refused).toMatch(/forbidden/);
    const text = JSON.stringify(asked);
    expect(text).toContain("pause [for …|until …]");
    expect(text).toContain("pause until 15:30");
    expect(text).not.toMatch(/How long|duration|<time>/);
    const { session } = view(asked);
    const again = await goOn("pause", session, { time: ["1h", "2h"] }, { from: USER });
    expect(again.notes).toEqual([expect.stringMatching(/^error: [^a-z]*help pause$/)]);
  });

  it("of a user that is refused shows the form again, with what was entered", async () => {
    await stage.seed("alice@example.com");
    const { session, kinds, choices } = await execute("set", USER);
    expect([kinds, choices]).toMatchObject([{ state: "list-single" }, { state: ["available", "away", "dnd"] }]);
    expect(await goOn("set", session, { time: "for 1h" }, { from: USER })).toMatchObject({ status: "executing" });
    const again = await goOn("set", session, { state: "dnd", time: "until yesterday" }, { from: USER });
    expect(again).toMatchObject({ status: "executing", values: { state: ["dnd"], time: ["until yesterday"] } });
    expect(again.notes).toEqual([expect.stringMatching(/^error: This is no time/)]);
    expect(stage.registry.audit).toEqual([]);
    expect(await goOn("set", session, { time: "for 1h" }, { from: USER })).toMatchObject({ status: "completed" });
    expect(stage.registry.audit).toMatchObject([{ action: "override.set", actor: "alice@example.com" }]);
  });

  it("is cancelled by its action and by its form", async () => {
    const first = await execute("user-enable");
    expect(await goOn("user-enable", first.session, undefined, { action: "cancel" })).toMatchObject({
      status: "canceled",
    });
    const second = await execute("user-enable");
    const cancelled = await ask(command({ node: "user-enable", sessionid: second.session }, form({}, "cancel")));
    expect(view(cancelled).status).toBe("canceled");
    expect(await failure(goOn("user-enable", second.session))).toBe("modify bad-request bad-sessionid");
  });

  it("takes pasted text of many lines", async () => {
    const { session, kinds } = await execute("certificate-add");
    expect(kinds).toEqual({ text: "text-multi" });
    const again = await goOn("certificate-add", session, { text: ["-----BEGIN CERTIFICATE-----", "AAAA", "-----END"] });
    expect(again.notes[0]).toMatch(/^error: .*certificate/i);
  });
});

describe("a list of users by form", () => {
  it("is pasted into one field and checked, and applied by the next command", async () => {
    await stage.seed();
    const { session, kinds } = await execute("user-import");
    expect(kinds).toEqual({ text: "text-multi" });
    const rows = ["jid,locale", "bob@example.com,de", "alice@nowhere.example,de"];
    await goOn("user-import", session, { text: rows });
    await settle();
    expect(link.sent.map(bodyOf).join("\n")).toMatch(/1 new.*1 wrong[\s\S]*line 3: .*nowhere\.example/);
  });
});

describe("an administrator of one domain", () => {
  const BOB = "bob@example.com/pc";

  it("has the forms for that domain, and changes nobody of another", async () => {
    await stage.seed("alice@example.com", "bob@example.com");
    startWith({ domainAdmins: [parseBareJid("bob@example.com")] });
    const names = namesOf(await get(ITEMS, NS_COMMANDS, BOB));
    expect(names).toEqual(expect.arrayContaining(["user-enable", "user-import", "me"]));
    expect(names.filter((name) => /^gateway-|^parameter-|^audit$|admin#/.test(name))).toEqual([]);
    expect(await failure(execute("gateway-list", BOB))).toBe("auth forbidden");
    const asked = await execute("user-set", BOB);
    const hidden = await goOn("user-set", asked.session, { jid: "alice@example.org" }, { from: BOB, action: "next" });
    expect(hidden.notes[0]).toContain("command-forbidden");
    expect(hidden.values).not.toHaveProperty("mailbox");
    const { session } = await execute("user-disable", BOB);
    const refused = await goOn("user-disable", session, { jid: "carol@example.org" }, { from: BOB });
    expect(refused.notes[0]).toMatch(/^error: .*administrator of example\.com only/);
    const done = await goOn("user-disable", session, { jid: "alice@example.com" }, { from: BOB });
    expect(done.status).toBe("completed");
  });
});

describe("a command of several forms", () => {
  const first = { name: "hq", type: "ews" };
  const second = { url: "https://mail.example.com/ews", account: "svc", password: "  s3cret words " };

  it("asks the options of the type that was chosen; secrets are private and never come back", async () => {
    const { session, actions, choices } = await execute("gateway-add");
    expect(actions).toEqual(["next"]);
    expect(choices["type"]).toEqual(["ews", "other"]);
    const options = await goOn("gateway-add", session, first, { action: "next" });
    expect(options).toMatchObject({
      actions: ["prev", "complete"],
      kinds: { password: "text-private", url: "text-single" },
    });
    const wrong = await goOn("gateway-add", session, { ...second, url: "http://mail.example.com" });
    expect(wrong).toMatchObject({ status: "executing", values: { password: [], account: ["svc"] } });
    expect(JSON.stringify(wrong)).not.toContain("s3cret");
    const done = await goOn(
      "gateway-add",
      session,
      { url: second.url, account: "svc", password: "" },
      { action: "complete" },
    );
    expect(done.status).toBe("completed");
    expect(await stage.registry.openSecrets("hq")).toEqual({ password: second.password });
  });

  it("goes back to what was entered, and on again", async () => {
    const { session } = await execute("gateway-add");
    await goOn("gateway-add", session, first);
    const back = await goOn("gateway-add", session, undefined, { action: "prev" });
    expect(back).toMatchObject({ actions: ["next"], values: { name: ["hq"], type: ["ews"] } });
    const on = await goOn("gateway-add", session, { name: "hq2" });
    expect(on.actions).toEqual(["prev", "complete"]);
    expect(await goOn("gateway-add", session, second)).toMatchObject({ status: "completed" });
    expect(await stage.registry.findCalendarServer("hq2")).toMatchObject({ type: "ews" });
  });

  it("keeps the second form, secrets too, when the first is seen again and left as it was", async () => {
    const { session } = await execute("gateway-add");
    await goOn("gateway-add", session, first);
    await goOn("gateway-add", session, { ...second, url: "ftp://wrong" });
    await goOn("gateway-add", session, undefined, { action: "prev" });
    expect(await goOn("gateway-add", session, first)).toMatchObject({ values: { url: ["ftp://wrong"], password: [] } });
    const { password: _, ...others } = second;
    expect(await goOn("gateway-add", session, others)).toMatchObject({ status: "completed" });
    expect(await stage.registry.openSecrets("hq")).toEqual({ password: second.password });
  });

  it("says in the first form what keeps it from the second", async () => {
    const { session } = await execute("gateway-add");
    const again = await goOn("gateway-add", session, { name: "hq" });
    expect(again).toMatchObject({ actions: ["next"], notes: [expect.stringContaining("Choose a type")] });
  });

  it("shows what is configured, and changes only what was changed", async () => {
    await stage.seed("bob@example.com");
    const gateway = await execute("gateway-set");
    const shown = await goOn("gateway-set", gateway.session, { name: "main" });
    expect(shown.values).toMatchObject({ account: ["EXAMPLE\\presence"], password: [], enabled: ["1"] });
    const back = Object.fromEntries(Object.entries(shown.values).map(([key, values]) => [key, [...values]]));
    await goOn("gateway-set", gateway.session, { ...back, "max-wait": "5" });
    expect(stage.registry.audit.at(-1)).toMatchObject({ action: "gateway.changed", detail: "max-wait=5" });
    expect(await stage.registry.openSecrets("main")).toEqual({ password: "seeded-secret" });
    const user = await execute("user-set");
    expect((await goOn("user-set", user.session, { jid: "bob@example.com" })).values).toMatchObject({
      mailbox: ["bob@example.com"],
      gateway: ["main"],
    });
    await goOn("user-set", user.session, { locale: "fr" });
    expect(await stage.say("user show bob@example.com")).toContain("locale: fr");
  });

  it("sets a service parameter", async () => {
    const { session } = await execute("parameter-set");
    const asked = await goOn("parameter-set", session, { name: "exchange-timeout" });
    expect(asked.kinds).toEqual({ value: "text-single" });
    expect((await goOn("parameter-set", session, { value: "99" })).notes[0]).toMatch(/^error: /);
    expect((await goOn("parameter-set", session, { value: "5" })).notes[0]).toContain("exchange-timeout is 5 now");
  });
});

describe("a session", () => {
  it("is its full JID's alone: neither another user nor another client of the same may go on with it", async () => {
    const { session } = await execute("pause", USER);
    for (const from of ["bob@example.com/pc", "alice@example.com/phone", ADMIN]) {
      expect(await failure(goOn("pause", session, {}, { from }))).toBe("modify bad-request bad-sessionid");
    }
    expect(await failure(goOn("end", session, {}, { from: USER }))).toBe("modify bad-request bad-sessionid");
    expect((await goOn("pause", session, {}, { from: USER })).status).not.toBe(undefined);
  });

  it("ends after ten minutes without an answer", async () => {
    const { session } = await execute("pause", USER);
    await stage.runtime.clock.advance(minutes(10));
    expect(await failure(goOn("pause", session, {}, { from: USER }))).toBe("cancel not-allowed session-expired");
  });

  it("makes way for a newer one of the same person when there are five", async () => {
    const sessions: string[] = [];
    for (let count = 0; count < 6; count++) sessions.push((await execute("pause", USER)).session);
    expect(await failure(goOn("pause", sessions[0] ?? "", {}, { from: USER }))).toContain("bad-sessionid");
    expect(await failure(goOn("pause", sessions[1] ?? "", {}, { from: USER }))).toBe("no error");
  });
});

describe("a request that is wrong", () => {
  it.each<readonly [string, Readonly<Record<string, string>>, string]>([
    ["an action that there is not", { node: "me", action: "explode" }, "modify bad-request malformed-action"],
    ["going on without a session", { node: "user-enable", action: "next" }, "modify bad-request bad-sessionid"],
    ["a session that there is not", { node: "user-enable", sessionid: "x" }, "modify bad-request bad-sessionid"],
    ["a node that there is not", { node: "nothing" }, "cancel item-not-found"],
    ["no node", {}, "modify bad-request"],
    ["a node without end", { node: "x".repeat(300) }, "modify bad-request"],
  ])("is answered by the error of the specification: %s", async (_case, attributes, expected) => {
    expect(await failure(ask(command(attributes)))).toBe(expected);
  });

  it("is refused when the action was not offered, or the form is none", async () => {
    const { session } = await execute("gateway-add");
    expect(await failure(goOn("gateway-add", session, {}, { action: "complete" }))).toBe(
      "modify bad-request bad-action",
    );
    expect(await failure(goOn("gateway-add", session, {}, { action: "prev" }))).toBe("modify bad-request bad-action");
    const result = command({ node: "gateway-add", sessionid: session }, form({}, "result"));
    expect(await failure(ask(result))).toBe("modify bad-request bad-payload");
  });

  it.each([
    ["a user", "alice@example.com/pc"],
    ["the administrator's namesake on another served domain", "carol@example.org/home"],
    ["the administrator's namesake elsewhere", "carol@foreign.example/home"],
    ["a server", "example.com"],
    ["an address that only looks like the administrator's", "carol@example.com.evil.example/home"],
  ])("of an administrator's command is refused to %s, and audited", async (_case, from) => {
    expect(await failure(ask(command({ node: "user-list" }), from))).toBe("auth forbidden");
    const audited = from.includes("@") ? [{ action: "command.refused", actor: from.replace(/\/.*/, "") }] : [];
    expect(stage.registry.audit).toMatchObject(audited);
  });
});

describe("work that takes its time", () => {
  it("step by step is told by messages to the client that asked", async () => {
    const slow = async function* (): AsyncGenerator<string, SettledResult, undefined> {
      yield "one";
      await stage.runtime.clock.sleep(seconds(3), new AbortController().signal);
      return { kind: "text", text: "over" };
    };
    startWith({ commands: [commandNamed("slow", async () => ({ kind: "progress", title: "Slowly", lines: slow() }))] });
    expect(await execute("slow")).toMatchObject({ status: "completed", notes: [expect.stringContaining("messages")] });
    for (let tick = 0; tick < 5; tick++) await stage.runtime.clock.advance(seconds(1));
    expect(link.sent.map((sent) => [sent.attributes?.["to"], bodyOf(sent)])).toEqual([
      [ADMIN, "Slowly\none"],
      [ADMIN, "over"],
    ]);
  });

  it("longer than a client waits is told by message too, failures as well; few at once", async () => {
    const run: Command["run"] = async (_context, _words, signal) => {
      await stage.runtime.clock.sleep(minutes(1), signal);
      throw new GatewayError("the server burns", { type: "wait", code: "test-fire" });
    };
    startWith({ commands: [commandNamed("late", run)] });
    for (let count = 0; count < 3; count++) {
      const answer = execute("late");
      await stage.runtime.clock.advance(seconds(10));
      expect(await answer).toMatchObject({ notes: [expect.stringContaining("messages")] });
    }
    expect(await failure(execute("late"))).toBe("wait resource-constraint");
    await stage.runtime.clock.advance(minutes(1));
    expect(link.sent.map(bodyOf)).toContain("the server burns [test-fire]");
  });

  it("is given up at the stop, and nobody is left without an answer", async () => {
    const run: Command["run"] = async (_context, _words, signal) => {
      await stage.runtime.clock.sleep(minutes(1), signal);
      return { kind: "text", text: "never" };
    };
    startWith({ commands: [commandNamed("late", run)] });
    const answers = [failure(execute("late")), failure(execute("late"))];
    await settle();
    await front.stop();
    expect(await Promise.all(answers)).toEqual(["wait resource-constraint", "wait resource-constraint"]);
  });

  it("a flood is refused, each request with an answer, and other people are served meanwhile", async () => {
    const answers = Array.from({ length: 80 }, () => failure(execute("me", USER)));
    expect((await execute("status")).status).toBe("completed");
    const outcomes = await Promise.all(answers);
    expect(outcomes.filter((each) => each === "wait resource-constraint").length).toBeGreaterThanOrEqual(70);
    expect(outcomes).toContain("no error");
  });
});

describe("a defect", () => {
  it("is told without its text, which may quote what was sent, and logged by its place", async () => {
    const run: Command["run"] = () => Promise.reject(new TypeError("cannot read s3cret"));
    startWith({ commands: [commandNamed("x", run)] });
    expect(JSON.stringify(await execute("x"))).not.toContain("s3cret");
    expect(stage.runtime.events).toMatchObject([{ level: "error", event: "adhoc.command-broke" }]);
    expect(JSON.stringify(stage.runtime.events)).not.toContain("s3cret");
  });
});

describe("XEP-0133", () => {
  const node = (name: string): string => `http://jabber.org/protocol/admin#${name}`;

  it("counts and lists those who are enabled and those who are not", async () => {
    await stage.seed("alice@example.com", "bob@example.com");
    await stage.say("user disable bob@example.com");
    expect((await execute(node("get-registered-users-num"))).values["registeredusersnum"]).toEqual(["1"]);
    expect((await execute(node("get-disabled-users-num"))).values["disabledusersnum"]).toEqual(["1"]);
    const { session } = await execute(node("get-disabled-users-list"));
    const list = await goOn(node("get-disabled-users-list"), session, { max_items: "25" });
    expect(list.values["disableduserjids"]).toEqual(["bob@example.com"]);
  });

  it("disables and enables several; one that is wrong does not stop the others", async () => {
    await stage.seed("alice@example.com", "bob@example.com");
    const { session } = await execute(node("disable-user"));
    const accountjids = ["alice@example.com", "nobody@example.com", "bob@example.com"];
    const done = await goOn(node("disable-user"), session, { accountjids });
    expect(done.values["lines"]).toHaveLength(3);
    expect(done.notes[0]).toMatch(/^error/);
    expect((await execute(node("get-registered-users-num"))).values["registeredusersnum"]).toEqual(["0"]);
    const again = await execute(node("reenable-user"));
    await goOn(node("reenable-user"), again.session, { accountjids: "bob@example.com" });
    expect((await execute(node("get-registered-users-num"))).values["registeredusersnum"]).toEqual(["1"]);
  });
});

describe("what clients ask of the component itself", () => {
  const text = (draft: XmlDraft | undefined) => JSON.stringify(toElement(draft ?? { name: "none" }));

  it("is answered: version, uptime, vCard", async () => {
    await stage.runtime.clock.advance(minutes(2));
    expect(text(await get("jabber:iq:version"))).toContain("1.2.3");
    expect((await get("jabber:iq:last"))?.attributes).toMatchObject({ seconds: "120" });
    expect(text(await get("vcard-temp"))).toContain("Presence gateway");
    expect(await get("urn:other")).toBeUndefined();
  });

  it("is shown again after a restart to those who saw it, for no server probes then; not to who left or is none now", async () => {
    await stage.seed("eve@foreign.example");
    const presence = async (type: string, from: string): Promise<void> => {
      link.handlers.presence?.({
        element: toElement({ name: "presence" }),
        from,
        to: "presence.example.com",
        type,
        id: "",
      });
      await settle();
    };
    for (const local of ["alice", "bob", "dave"]) await presence("subscribe", `${local}@example.com`);
    await presence("probe", "eve@foreign.example/pc");
    await presence("unsubscribe", "dave@example.com");
    await front.stop();
    await stage.say("user disable eve@foreign.example");
    const again = new FakeLink();
    again.turns = [{ kind: "online" }];
    const deps = {
      link: again,
      runtime: stage.runtime,
      services: stage.services,
      admins: ADMINS,
      memory,
      version: "1",
    };
    const restarted = new AdhocFrontEnd(deps);
    restarted.start();
    await settle();
    expect(again.sent.map(({ attributes }) => [attributes?.["type"], attributes?.["to"]])).toEqual([
      [undefined, "alice@example.com"],
      [undefined, "bob@example.com"],
    ]);
    expect(JSON.stringify(again.sent[0])).toContain("http://jabber.org/protocol/caps");
    expect([...memory.kept.keys()]).toEqual(["alice@example.com", "bob@example.com"]);
    await restarted.stop();
  });

  it("is shown to a user who subscribes, with capabilities that disco#info confirms; not to strangers", async () => {
    const presence = async (type: string, from: string) => {
      const before = link.sent.length;
      const element = toElement({ name: "presence" });
      link.handlers.presence?.({ element, from, to: "presence.example.com", type, id: "" });
      await settle();
      return link.sent.slice(before);
    };
    const [subscribed, shown] = await presence("subscribe", "alice@example.com");
    expect(subscribed?.attributes).toMatchObject({ type: "subscribed", to: "alice@example.com" });
    const caps = elementsOf(toElement(shown ?? { name: "none" }))[0]?.attributes;
    const info = await get(INFO, `${caps?.["node"]}#${caps?.["ver"]}`, USER);
    expect(info?.attributes?.["node"]).toBe(`${caps?.["node"]}#${caps?.["ver"]}`);
    expect((await presence("probe", "alice@example.com/pc"))[0]?.attributes?.["to"]).toBe("alice@example.com/pc");
    expect((await presence("subscribe", "x@foreign.example"))[0]?.attributes).toMatchObject({ type: "unsubscribed" });
    expect(await presence("", "alice@example.com/pc")).toEqual([]);
    await front.stop();
    expect(link.sent.at(-1)?.attributes).toMatchObject({ type: "unavailable", to: "alice@example.com" });
  });
});
