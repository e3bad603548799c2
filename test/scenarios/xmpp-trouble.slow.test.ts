import { afterEach, describe, expect, it } from "vitest";
import { errorTo } from "../doubles/scripted-xmpp-server.ts";
import { startWholeGateway, type WholeGateway } from "./whole-gateway.ts";
import { isPublication } from "./xmpp-world.ts";

const MEETING = "dnd|in_a_meeting";

describe("with an XMPP server in trouble, the gateway", () => {
  let whole: WholeGateway;
  afterEach(() => whole.close());
  const view = (user: string) => whole.xmpp.view(user);

  it("notices a server that answers nothing any more, connects anew, and is right", async () => {
    whole = await startWholeGateway();
    await whole.enable("alice", "bob");
    whole.xmpp.intercept = () => "";
    const cancel = whole.meet("alice", 0, 60);
    await whole.pass(20);
    cancel();
    whole.meet("bob", 0, 60);
    await whole.passUntil(() => whole.logged("xmpp.disconnected") > 0, "the end of the connection", 180);
    whole.xmpp.intercept = () => undefined;
    await whole.passUntil(() => view("bob") === MEETING, "the meeting", 180);
    expect(view("alice")).toBe("");
  });

  it("takes back what arrived without an answer when the meeting is cancelled meanwhile", async () => {
    whole = await startWholeGateway();
    await whole.enable("alice");
    const { server } = whole.xmpp;
    let isMute = true;
    whole.xmpp.intercept = (stanza) => {
      if (!isMute || !isPublication(stanza)) return undefined;
      isMute = false; // the first publication takes effect, and with its answer the connection is lost
      setImmediate(() => server.drop());
      return undefined;
    };
    const cancel = whole.meet("alice", 0, 60);
    await whole.passUntil(() => whole.logged("xmpp.disconnected") > 0, "the end of the connection");
    cancel();
    await whole.pass(90);
    expect(view("alice")).toBe("");
  });

  it("takes back what a restarted server has kept of a meeting that ended meanwhile", async () => {
    whole = await startWholeGateway();
    await whole.enable("alice");
    whole.meet("alice", 0, 5);
    await whole.passUntil(() => view("alice") === MEETING, "the meeting");
    await whole.xmpp.server.stop();
    whole.xmpp.beginAnotherRun("run-2");
    await whole.pass(360);
    await whole.xmpp.server.start();
    await whole.passUntil(() => view("alice") === "", "the end of the activity", 70);
  });

  it("ends within five seconds while neither server answers, and with nothing stale when they do", async () => {
    whole = await startWholeGateway();
    await whole.enable("alice");
    whole.meet("alice", 0, 60);
    await whole.passUntil(() => view("alice") === MEETING, "the meeting");
    whole.xmpp.intercept = () => "";
    whole.exchange.faults.hang(100);
    expect(await whole.stop()).toBeLessThan(5);
    await whole.close();
    whole = await startWholeGateway();
    await whole.enable("alice");
    whole.meet("alice", 0, 60);
    await whole.passUntil(() => view("alice") === MEETING, "the meeting");
    whole.exchange.faults.hang(100);
    await whole.stop();
    expect(view("alice")).toBe("");
  });

  it("lets one user's refusals harm nobody else, and tries that user ever more rarely", async () => {
    whole = await startWholeGateway();
    await whole.enable("alice", "bob");
    let refused = 0;
    whole.xmpp.intercept = (stanza) => {
      if (stanza.attributes["to"] !== "bob@example.test") return undefined;
      refused++;
      return errorTo(stanza, "internal-server-error", "wait");
    };
    whole.meet("alice", 0, 60);
    whole.meet("bob", 0, 60);
    await whole.passUntil(() => view("alice") === MEETING, "the other's meeting");
    await whole.pass(1800);
    expect(refused).toBeLessThan(60);
    whole.xmpp.intercept = () => undefined;
    await whole.passUntil(() => view("bob") === MEETING, "the meeting in the end", 301);
  });

  it("says that the component's secret is wrong, tries slowly, and comes when it is mended", async () => {
    whole = await startWholeGateway({ secret: "another secret" });
    await whole.enable("alice");
    whole.meet("alice", 0, 600);
    await whole.pass(600);
    const health = whole.link.health();
    expect(health.state === "down" && health.error.code).toBe("xmpp-not-authorized");
    expect(whole.logged("xmpp.connect-failed")).toBe(1);
    expect(JSON.stringify(whole.runtime.events)).not.toContain("a secret");
    whole.xmpp.server.script.secret = "a secret";
    await whole.passUntil(() => view("alice") === MEETING, "the meeting", 70);
  });
});
