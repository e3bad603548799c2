import { createHash, randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import { StringDecoder } from "node:string_decoder";
import { type Element, Parser } from "@xmpp/xml";
import { decodeError } from "../../lab/jabber-facts.ts";

export interface ComponentReply {
  readonly type: "result" | "error";
  /** RFC 6120 8.3.3 condition of an error; empty for a result. */
  readonly condition: string;
  readonly text: string;
  readonly element: Element;
}

/** The gateway's end of the component protocol (XEP-0114) with nothing behind it. */
export interface RawComponent {
  /** All stanzas received but the answers to `request`. */
  readonly seen: readonly Element[];
  send(xmlText: string): void;
  request(iq: { type: "get" | "set"; to: string; payload: string; from?: string }): Promise<ComponentReply>;
  /** Publishes on the user's PEP node, as privileged entity (XEP-0356) or in the user's name; true when it is stored. */
  publish(bareJid: string, activity: string): Promise<boolean>;
  waitFor(predicate: (seen: readonly Element[]) => boolean, description: string): Promise<void>;
  /** Ends the connection as a killed process does: no stream end, nothing. Resolves when it is gone. */
  vanish(): Promise<void>;
}

const LIMIT = 10_000;

/** Connects and authenticates; rejects when the server refuses. */
export async function connectComponent(options: {
  port: number;
  jid: string;
  secret: string;
  actsBy?: "privilege" | "trusted";
}): Promise<RawComponent> {
  const socket = connect({ port: options.port, host: "127.0.0.1" });
  const seen: Element[] = [];
  const listeners = new Set<(element: Element) => void>();
  const parser = new Parser();
  const authenticated = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the component's connection")));
    parser.on("start", (header: Element) => {
      const digest = createHash("sha1").update(`${header.attrs["id"]}${options.secret}`).digest("hex");
      socket.write(`<handshake>${digest}</handshake>`);
    });
    listeners.add((element) => {
      if (element.name === "handshake") resolve();
      if (element.name === "stream:error") reject(new Error(element.toString()));
    });
  });
  const isAnswer = (element: Element): boolean => element.name === "iq" && /result|error/.test(element.attrs["type"]);
  parser.on("element", (element: Element) => {
    if (!isAnswer(element)) seen.push(element);
    for (const listener of [...listeners]) listener(element);
  });
  const decoder = new StringDecoder("utf8");
  socket.on("data", (data) => parser.write(decoder.write(data)));
  socket.write(
    `<stream:stream xmlns="jabber:component:accept" xmlns:stream="http://etherx.jabber.org/streams" to="${options.jid}">`,
  );
  await authenticated;
  return makeComponent(options, socket, { seen, listeners });
}

interface Inbox {
  readonly seen: readonly Element[];
  readonly listeners: Set<(element: Element) => void>;
}

function makeComponent(
  { jid, actsBy = "privilege" }: { readonly jid: string; readonly actsBy?: "privilege" | "trusted" },
  socket: Socket,
  { seen, listeners }: Inbox,
): RawComponent {
  const awaitElement = <T>(find: (element?: Element) => T | undefined, description: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        listeners.delete(look);
        reject(new Error(`the component did not see: ${description}\n${seen.slice(-10).join("\n")}`));
      }, LIMIT);
      const look = (element?: Element): void => {
        const found = find(element);
        if (found === undefined) return;
        clearTimeout(timer);
        listeners.delete(look);
        resolve(found);
      };
      listeners.add(look);
      look();
    });
  const request: RawComponent["request"] = ({ type, to, payload, from = jid }) => {
    const id = randomUUID();
    socket.write(`<iq type="${type}" id="${id}" from="${from}" to="${to}">${payload}</iq>`);
    return awaitElement(
      (element) => {
        if (element?.name !== "iq" || element.attrs["id"] !== id) return undefined;
        if (element.attrs["type"] === "result") return { type: "result", condition: "", text: "", element };
        return { ...decodeError(element), type: "error" };
      },
      `an answer to ${payload.slice(0, 200)}`,
    );
  };
  return {
    seen,
    send: (xmlText) => void socket.write(xmlText), // a lost connection shows in what follows
    request,
    async publish(bareJid, activity) {
      if (actsBy === "trusted") {
        // The answer goes to the user's own address; the one to a ping tells that all before it is done.
        socket.write(`<iq type="set" id="p" from="${bareJid}" to="${bareJid}">${publishOf(activity)}</iq>`);
        const [, host = ""] = bareJid.split("@");
        return (await request({ type: "get", to: host, payload: '<ping xmlns="urn:xmpp:ping"/>' })).type === "result";
      }
      const reply = await request({ type: "set", to: bareJid, payload: privilegedPublish(bareJid, activity) });
      return reply.type === "result" && !/type=["']error["']/.test(reply.element.toString());
    },
    waitFor: (predicate, description) =>
      awaitElement(() => predicate(seen) || undefined, description).then(() => undefined),
    vanish: () =>
      new Promise((resolve) => {
        if (socket.closed) return resolve();
        socket.once("close", () => resolve());
        socket.destroy();
      }),
  };
}

const privilegedPublish = (bareJid: string, activity: string): string =>
  `<privileged_iq xmlns="urn:xmpp:privilege:2"><iq xmlns="jabber:client" type="set" to="${bareJid}" id="${randomUUID()}">${publishOf(activity)}</iq></privileged_iq>`;

const publishOf = (activity: string): string =>
  `
  <pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="http://jabber.org/protocol/activity"><item id="current">
    <activity xmlns="http://jabber.org/protocol/activity">${activity}</activity>
  </item></publish></pubsub>`.replace(/\s*\n\s*/g, "");
