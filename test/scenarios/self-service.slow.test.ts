import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";
import { DOMAIN } from "./xmpp-world.ts";

const MEETING = "dnd|in_a_meeting";
const ALICE = `alice@${DOMAIN}/pc`;
const ADMIN = `admin@${DOMAIN}/pc`;

describe("users by chat", () => {
  let whole: WholeGateway;
  let said: { to: string; body: string }[];
  beforeEach(async () => {
    whole = await startWholeGateway();
    await whole.addCalendarServer();
    await whole.enable("alice");
    said = [];
    whole.xmpp.intercept = ({ name, attributes, children }) => {
      const body = children.find((child) => typeof child !== "string" && child.name === "body");
      if (name !== "message" || typeof body !== "object") return undefined;
      said.push({ to: attributes["to"] ?? "", body: body.children.join("") });
      return "";
    };
    whole.meet("alice", 0, 60);
    await whole.passUntil(() => whole.xmpp.view("alice") === MEETING, "the meeting");
  });
  afterEach(() => whole.close());

  const say = async (from: string, body: string): Promise<string> => {
    const before = said.length;
    whole.xmpp.say(from, body);
    await whole.passUntil(() => said.length > before, `an answer to ${body}`);
    return said.at(-1)?.body ?? "";
  };

  it("[U6] set what contacts see for the rest of the meeting, whatever their clients say, and take it back", async () => {
    await say(ALICE, "set available");
    await whole.passUntil(() => whole.xmpp.view("alice") === "available|", "available");
    whole.xmpp.online("alice", "<show>dnd</show>");
    await whole.pass(5);
    expect(whole.xmpp.view("alice")).toBe("available|");
    whole.xmpp.online("alice");
    await say(ALICE, "resume");
    await whole.passUntil(() => whole.xmpp.view("alice") === MEETING, "the meeting again");
    await say(ALICE, "set away");
    await whole.passUntil(() => whole.xmpp.view("alice") === "away|", "away");
    await whole.passUntil(() => whole.xmpp.view("alice") === "", "the end of the block", 3700);
  });

  it("[U6] are left out at once, and not shown again unless the administrator says so and they are told", async () => {
    await say(ALICE, "language fr");
    expect(await say(ALICE, "opt out")).toMatch(/^Vous êtes laissé de côté/);
    await whole.passUntil(() => whole.xmpp.view("alice") === "", "nothing");
    expect(await say(ADMIN, `user enable alice@${DOMAIN}`)).toMatch(/has opted out by chat/);
    expect(await say(ALICE, "privacy")).toMatch(/Pour revenir, envoyez : opt in/);
    await whole.pass(600);
    expect(whole.xmpp.view("alice")).toBe("");
    await say(ADMIN, `user enable alice@${DOMAIN} despite=opt-out`);
    await whole.passUntil(() => whole.xmpp.view("alice") === MEETING, "the meeting again", 120);
    const told = said.find(({ to }) => to === `alice@${DOMAIN}`);
    expect(told?.body).toMatch(/^admin@example\.test a décidé que votre calendrier soit de nouveau affiché/);
  });

  it("are answered a few times only when they send hundreds of commands at once", async () => {
    for (let index = 0; index < 300; index++) whole.xmpp.say(ALICE, index % 2 === 0 ? "set away" : "set dnd");
    await whole.pass(30);
    expect(said.length).toBeLessThan(100);
    expect(said.filter(({ body }) => body.startsWith("These are too many messages"))).toHaveLength(1);
    expect(await say(ALICE, "resume")).toBe("Your calendar is shown.");
    await whole.passUntil(() => whole.xmpp.view("alice") === MEETING, "the meeting again");
  });
});
