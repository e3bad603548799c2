import { existsSync } from "node:fs";
import xml, { type Element } from "@xmpp/xml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectJabber, type JabberClient, type JabberReply } from "../../lab/jabber-client.ts";
import { type AdhocStage, COMPONENT, HOST, startStage } from "./stage.ts";

const NS = "http://jabber.org/protocol/commands";
const DATA = "jabber:x:data";
const hasEjabberd = existsSync("/usr/sbin/ejabberdctl");

if (!hasEjabberd) console.log("skipped: ejabberd is not installed (apt-get install ejabberd)");

for (const kind of ["prosody", "ejabberd"] as const)
  describe.skipIf(kind === "ejabberd" && !hasEjabberd)(`ad-hoc commands through a real ${kind}`, () => {
    let stage: AdhocStage;
    let carol: JabberClient;
    let alice: JabberClient;
    const connect = (user: string) =>
      connectJabber({ jid: `${user}@${HOST}`, password: user, port: stage.port, host: "127.0.0.1" });

    beforeAll(async () => {
      stage = await startStage(kind);
      [carol, alice] = [await connect("carol"), await connect("alice")];
      await carol.sendPresence();
    });
    afterAll(async () => {
      await carol?.close();
      await alice?.close();
      await stage?.close();
    });

    const ask = (client: JabberClient, type: "get" | "set", payload: Element) =>
      client.request({ type, to: COMPONENT.jid, payload });
    const send = (client: JabberClient, attributes: Record<string, string>, fields?: Record<string, string>) =>
      ask(client, "set", xml("command", { xmlns: NS, ...attributes }, ...(fields ? [submit(fields)] : [])));

    it("are found by browsing: the administrator's are not shown to a user", async () => {
      const list = (client: JabberClient) =>
        ask(client, "get", xml("query", { xmlns: "http://jabber.org/protocol/disco#items", node: NS }));
      expect(nodesOf(await list(carol))).toEqual(expect.arrayContaining(["me", "gateway-add", "user-list"]));
      const own = nodesOf(await list(alice));
      expect(own).toContain("me");
      expect(own).not.toContain("user-list");
      expect(await send(alice, { node: "user-list" })).toMatchObject({ type: "error", condition: "forbidden" });
    });

    it("add a gateway by two forms, without the password ever coming back, and enable a user", async () => {
      const node = "gateway-add";
      const sessionid = sessionOf(await send(carol, { node, action: "execute" }));
      const options = await send(carol, { node, sessionid, action: "next" }, { name: "hq", type: "ews" });
      expect(kindOf(options, "password")).toBe("text-private");
      const url = "https://127.0.0.1:9/EWS/Exchange.asmx";
      const stolen = await send(alice, { node, sessionid, action: "complete" }, { url, account: "svc" });
      expect(stolen.type).toBe("error");
      const entered = { url, account: "svc", password: "s3cret words" };
      const done = await send(carol, { node, sessionid, action: "complete" }, entered);
      expect(done.element.toString()).toContain("Gateway hq is added");
      expect(done.element.toString()).not.toContain("s3cret");
      const enable = { node: "user-enable", sessionid: sessionOf(await send(carol, { node: "user-enable" })) };
      await send(carol, enable, { jid: `alice@${HOST}` });
      const list = { node: "user-list", sessionid: sessionOf(await send(carol, { node: "user-list" })) };
      expect((await send(carol, list, {})).element.toString()).toContain(`alice@${HOST}`);
    });

    it("show the component in the roster of who adds it, with the capabilities that disco#info has", async () => {
      await carol.send(`<presence to="${COMPONENT.jid}" type="subscribe"/>`);
      const shown = await carol
        .waitFor((client) => capsOf(client) !== undefined, "the component's presence")
        .then(() => capsOf(carol));
      const node = `${shown?.attrs["node"]}#${shown?.attrs["ver"]}`;
      const info = await ask(carol, "get", xml("query", { xmlns: "http://jabber.org/protocol/disco#info", node }));
      expect(info.element.toString()).toContain(NS);
    });

    it("show the component offline after a stop, and there again after the start, without anybody's logging in", async () => {
      const shown = (): string => String(presencesOf(carol).at(-1)?.attrs["type"]);
      await stage.gateway.end("SIGTERM");
      await carol.waitFor(() => shown() === "unavailable", "the component offline");
      await stage.gateway.start("xmpp.connected"); // nobody answers for its calendar server
      await carol.waitFor(() => shown() === "undefined", "the component there again");
      const before = presencesOf(carol).length;
      await stage.gateway.end("SIGKILL");
      await stage.gateway.start("xmpp.connected"); // nobody answers for its calendar server
      await carol.waitFor(() => presencesOf(carol).length > before && shown() === "undefined", "the component anew");
    });
  });

const submit = (fields: Record<string, string>): Element =>
  xml(
    "x",
    { xmlns: DATA, type: "submit" },
    ...Object.entries(fields).map(([name, value]) => xml("field", { var: name }, xml("value", {}, value))),
  );

const commandOf = ({ element }: JabberReply): Element | undefined => element.getChild("command", NS);
const sessionOf = (reply: JabberReply): string => String(commandOf(reply)?.attrs["sessionid"]);
const nodesOf = ({ element }: JabberReply): readonly string[] =>
  element.getChildElements().flatMap((query) => query.getChildElements().map(({ attrs }) => String(attrs["node"])));

const kindOf = (reply: JabberReply, name: string): unknown =>
  commandOf(reply)
    ?.getChild("x", DATA)
    ?.getChildren("field")
    .find(({ attrs }) => attrs["var"] === name)?.attrs["type"];

const presencesOf = ({ seen }: JabberClient): readonly Element[] =>
  seen
    .map(({ element }) => element)
    .filter(({ name, attrs }) => name === "presence" && attrs["from"] === COMPONENT.jid);

const capsOf = (client: JabberClient): Element | undefined =>
  presencesOf(client)
    .map((element) => element.getChild("c", "http://jabber.org/protocol/caps"))
    .find((caps) => caps !== undefined);
