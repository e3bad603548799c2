import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parsePresentityId } from "../../src/core/addresses.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";
import { COMPONENT, DOMAIN } from "./xmpp-world.ts";

const MEETING = "dnd|in_a_meeting";
const MEGABYTE = "x".repeat(1_000_000);

describe("from hostile people, the gateway", () => {
  let whole: WholeGateway;
  let said: { to: string; body: string }[];
  beforeEach(async () => {
    whole = await startWholeGateway();
    await whole.enable("alice", "bob");
    said = [];
    whole.xmpp.intercept = ({ name, attributes, children }) => {
      const body = children.find((child) => typeof child !== "string" && child.name === "body");
      if (name !== "message" || typeof body !== "object") return undefined;
      said.push({ to: attributes["to"] ?? "", body: body.children.join("") });
      return "";
    };
  });
  afterEach(async () => {
    // Whatever was done: it works, and the connection was never lost.
    whole.meet("bob", 0, 60);
    await whole.passUntil(() => whole.xmpp.view("bob") === MEETING, "an ordinary meeting", 120);
    expect(whole.logged("xmpp.handler-failed")).toBe(0);
    await whole.close();
  });

  const clientsOf = (user: string) =>
    whole.gateway.presentities.find(parsePresentityId(`${user}@${DOMAIN}`))?.clients ?? [];
  const audited = async (): Promise<readonly string[]> =>
    (await whole.store.registry.listAudit(100)).map(({ action, actor }) => `${action} ${actor}`);

  it("reads no message of a megabyte, whoever sends it", async () => {
    for (const from of [`admin@${DOMAIN}/pc`, "mallory@elsewhere.test/pc", `admin@elsewhere.test/pc`]) {
      whole.xmpp.say(from, MEGABYTE);
      whole.xmpp.say(from, `status ${"&".repeat(300_000)}`); // six times as long when it is escaped
    }
    await whole.pass(5);
    const answers = said.map(({ to, body }) => `${to.split("/")[0]}: ${body.slice(0, 40)}`);
    expect(answers.filter((answer) => answer.startsWith("admin@example.test:"))[0]).toMatch(/too long/);
    expect(answers.filter((answer) => answer.includes("elsewhere.test")).length).toBe(2);
    expect(await audited()).toContain("command.refused admin@elsewhere.test");
    expect(Math.max(...said.map(({ body }) => body.length))).toBeLessThan(10_000);
    expect(whole.logged("xmpp.disconnected")).toBe(0);
  });

  it("takes no orders from an administrator's name on another domain or in another script", async () => {
    for (const from of [
      "admin@elsewhere.test",
      `admin@${DOMAIN}.elsewhere.test`,
      `аdmin@${DOMAIN}`,
      `admin@sub.${DOMAIN}`,
    ])
      whole.xmpp.say(`${from}/pc`, "user disable alice@example.test");
    await whole.pass(5);
    const alice = await whole.store.registry.findUser(parsePresentityId("alice@example.test"));
    expect(alice?.isEnabled).toBe(true);
    whole.xmpp.say(`admin@${DOMAIN}/pc`, "user disable alice@example.test");
    await whole.pass(5);
    expect((await whole.store.registry.findUser(parsePresentityId("alice@example.test")))?.isEnabled).toBe(false);
  });

  it("keeps a presence with ten thousand statuses small", async () => {
    const statuses = Array.from(
      { length: 10_000 },
      (_, index) => `<status xml:lang='x-${index}'>In a meeting</status>`,
    );
    whole.xmpp.online("alice", statuses.join(""));
    await whole.pass(5);
    const [client] = clientsOf("alice");
    expect(Object.keys(client?.status ?? {}).length).toBeLessThanOrEqual(10);
    whole.meet("alice", 0, 60);
    await whole.passUntil(() => whole.xmpp.view("alice") === MEETING, "the meeting");
  });

  it("remembers a bounded number of a user's thousand resources, and forgets them with the user", async () => {
    for (let index = 0; index < 1000; index++) whole.xmpp.online("alice", "<show>away</show>", `r${index}`);
    await whole.pass(5);
    expect(clientsOf("alice").length).toBeLessThanOrEqual(50);
    whole.meet("alice", 0, 60);
    await whole.passUntil(() => whole.xmpp.view("alice") === MEETING, "the meeting");
    for (let index = 0; index < 1000; index++) whole.xmpp.offline("alice", `r${index}`);
    whole.xmpp.offline("alice");
    await whole.passUntil(() => whole.xmpp.view("alice") === "", "nothing of somebody offline");
  });

  const bombs: readonly (readonly [name: string, xml: string, isSurvived: boolean])[] = [
    [
      "entities",
      `<!DOCTYPE x [<!ENTITY a "${"a".repeat(1000)}"><!ENTITY b "&a;&a;&a;&a;">]><message>&b;</message>`,
      false,
    ],
    ["an unknown entity", `<message from='a@${DOMAIN}' to='${COMPONENT}'><body>&lol;</body></message>`, false],
    [
      "a thousand levels",
      `<message from='a@${DOMAIN}' to='${COMPONENT}'>${"<a>".repeat(1000)}${"</a>".repeat(1000)}</message>`,
      true,
    ],
    [
      "a hundred thousand children",
      `<message from='a@${DOMAIN}' to='${COMPONENT}'>${"<a/>".repeat(100_000)}</message>`,
      true,
    ],
    [
      "a hundred thousand attributes",
      `<message from='a@${DOMAIN}' to='${COMPONENT}'><a ${Array.from({ length: 50_000 }, (_, i) => `a${i}='1'`).join(" ")}/></message>`,
      true,
    ],
    [
      "a presence from nowhere",
      `<presence/><presence from=''/><presence from='@/'/><message/><iq/><iq type='get'/>`,
      true,
    ],
  ];
  for (const [name, xml, isSurvived] of bombs) {
    it(`outlives ${name}${isSurvived ? " without losing the connection" : " and connects anew"}`, async () => {
      whole.xmpp.server.send(xml);
      await whole.pass(10);
      expect(whole.logged("xmpp.disconnected")).toBe(isSurvived ? 0 : 1);
      await whole.passUntil(() => whole.link.isOnline, "the connection", 60);
    });
  }
});
