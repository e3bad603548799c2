import { createHash, randomUUID } from "node:crypto";
import { StringDecoder } from "node:string_decoder";
import { type Client, client, type Options } from "@xmpp/client";
import xml, { type Element, escapeXML } from "@xmpp/xml";
import { decodeError, decodeFact, type JabberFact, NS_ACTIVITY } from "./jabber-facts.ts";
import { type ContactView, viewContact } from "./jabber-view.ts";

export interface JabberOptions {
  /** Bare JID, such as `alice@example.test`. */
  readonly jid: string;
  readonly password: string;
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly resource?: string;
  /** PEP nodes that the client wants to hear of (+notify). Default: activities. */
  readonly interests?: readonly string[];
}

export interface OwnPresence {
  readonly show?: "chat" | "away" | "xa" | "dnd";
  readonly status?: string | Readonly<Record<string, string>>;
  readonly priority?: number;
  /** Sends it to this address only. */
  readonly to?: string;
}

/** The answer to an IQ. */
export type JabberReply =
  | { readonly type: "result"; readonly element: Element }
  | { readonly type: "error"; readonly condition: string; readonly text: string; readonly element: Element };

/** A person's Jabber client, as far as presence goes. */
export interface JabberClient {
  /** Full JID, as the server gave it. */
  readonly jid: string;
  readonly bareJid: string;
  /** Everything told so far, in order; events that a server sends twice stand once. */
  readonly seen: readonly JabberFact[];
  /** What a person sees of this contact now. */
  view(bareJid: string): ContactView;
  sendPresence(presence?: OwnPresence): Promise<void>;
  publishActivity(activity?: { general: string; specific?: string; text?: string }): Promise<JabberReply>;
  /** Sends an IQ with this payload; without `to`, to the own account. Errors are replies, not exceptions. */
  request(iq: { type: "get" | "set"; to?: string; payload: string | Element }): Promise<JabberReply>;
  /** Sends XML as it is. */
  send(xmlText: string): Promise<void>;
  /** Returns when the server has handled all that was sent before, and delivered to this client what it had. */
  settle(): Promise<void>;
  /** Waits until the predicate holds, tested now and after each fact; rejects with the description and what was seen. */
  waitFor(predicate: (client: JabberClient) => boolean, description: string, deadline?: number): Promise<void>;
  /** Ends the connection; nothing stays behind. Safe to call twice. */
  close(): Promise<void>;
}

const REPLY_LIMIT = 10_000;
export const NS_PUBSUB = "http://jabber.org/protocol/pubsub";
export { NS_ACTIVITY };

const CAPS_NODE = "https://example.test/jabber-client";

/** Connects and authenticates; no presence is sent yet. A lost connection stays lost. */
export async function connectJabber(options: JabberOptions): Promise<JabberClient> {
  const [username = "", domain = ""] = options.jid.split("@");
  const service = `xmpp://${options.host ?? "127.0.0.1"}:${options.port}`;
  const resource = options.resource ?? "pc";
  // PLAIN over loopback: the client's SCRAM in JavaScript takes seconds of CPU
  const credentials: Options["credentials"] = (authenticate) =>
    authenticate({ username, password: options.password }, "PLAIN", xml("user-agent"));
  const connection = client({ service, domain, username, credentials, resource, timeout: REPLY_LIMIT });
  connection.reconnect.stop();
  connection.on("error", () => undefined); // start() and the deadlines report; without a listener Node would end
  readSafely(connection);
  const features = featuresOf(options.interests ?? [NS_ACTIVITY]);
  connection.iqCallee.get("http://jabber.org/protocol/disco#info", "query", (context: { element: Element }) =>
    discoInfo(features, context.element),
  );
  const seen: JabberFact[] = [];
  const watchers = new Set<() => void>();
  const replies: Replies = new Map();
  connection.on("stanza", (stanza) => {
    if (stanza.name === "iq" && /^(result|error)$/.test(stanza.attrs["type"]))
      replies.get(stanza.attrs["id"])?.(stanza);
    const fact = decodeFact(stanza);
    if (!fact || isRepetition(fact, seen)) return;
    seen.push(fact);
    for (const watcher of [...watchers]) watcher();
  });
  const jid = String(await connection.start());
  return makeClient(connection, jid, { seen, watchers, replies, features });
}

/** Who waits for the answer to which IQ, by its id. */
type Replies = Map<string, (stanza: Element) => void>;

interface Memory {
  readonly seen: JabberFact[];
  readonly watchers: Set<() => void>;
  readonly replies: Replies;
  readonly features: readonly string[];
}

function makeClient(connection: Client, jid: string, { seen, watchers, replies, features }: Memory): JabberClient {
  const bareJid = jid.replace(/\/.*/s, "");
  const request: JabberClient["request"] = (iq) => requestOver(connection, replies, iq);
  const self: JabberClient = {
    jid,
    bareJid,
    seen,
    view: (contact) => viewContact(seen, contact),
    sendPresence: (presence = {}) => connection.send(encodePresence(presence, features)),
    publishActivity: (activity) => request({ type: "set", payload: encodeActivity(activity) }),
    request,
    send: (xmlText) => connection.write(xmlText),
    async settle() {
      await request({ type: "get", to: bareJid.replace(/^.*@/, ""), payload: xml("ping", { xmlns: "urn:xmpp:ping" }) });
    },
    waitFor: (predicate, description, deadline = 10_000) => {
      const { promise, settleWith } = watched(watchers, () => predicate(self));
      const timer = setTimeout(
        () => settleWith(new Error(`${bareJid} did not see: ${description}\n${recount(seen)}`)),
        deadline,
      );
      return promise.finally(() => clearTimeout(timer));
    },
    async close() {
      if (connection.status !== "offline") await connection.stop().catch(() => undefined); // the server may be gone
    },
  };
  return self;
}

function watched(watchers: Set<() => void>, holds: () => boolean) {
  let settleWith: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (!holds()) return;
      watchers.delete(look);
      resolve();
    };
    settleWith = (error) => {
      watchers.delete(look);
      reject(error);
    };
    watchers.add(look);
    look();
  });
  return { promise, settleWith };
}

const recount = (seen: readonly JabberFact[]): string =>
  seen
    .map((fact) => fact.element.toString())
    .slice(-10)
    .join("\n");

/** Servers tell PEP events to the bare and to the full JID until they know the client's capabilities. */
function isRepetition(fact: JabberFact, seen: readonly JabberFact[]): boolean {
  if (fact.kind !== "activity") return false;
  const last = seen.findLast((each) => each.kind === "activity" && each.from === fact.from);
  return (
    last?.kind === "activity" &&
    last.general === fact.general &&
    last.specific === fact.specific &&
    last.text === fact.text
  );
}

function requestOver(
  connection: Client,
  replies: Replies,
  iq: Parameters<JabberClient["request"]>[0],
): Promise<JabberReply> {
  const id = randomUUID();
  const to = iq.to === undefined ? "" : ` to="${escapeXML(iq.to)}"`;
  const answered = new Promise<JabberReply>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${REPLY_LIMIT} ms: ${iq.payload.toString().slice(0, 500)}`)),
      REPLY_LIMIT,
    );
    replies.set(id, (stanza) => {
      clearTimeout(timer);
      resolve(
        stanza.attrs["type"] === "error"
          ? { ...decodeError(stanza), type: "error" }
          : { type: "result", element: stanza },
      );
    });
    connection.write(`<iq type="${iq.type}" id="${id}"${to}>${iq.payload.toString()}</iq>`).catch((cause: unknown) => {
      clearTimeout(timer);
      reject(new Error("the connection is gone", { cause }));
    });
  });
  return answered.finally(() => replies.delete(id));
}

function encodePresence({ show, status, priority, to }: OwnPresence, features: readonly string[]): Element {
  const texts = typeof status === "string" ? [["", status]] : Object.entries(status ?? {});
  return xml(
    "presence",
    to === undefined ? {} : { to },
    ...(show === undefined ? [] : [xml("show", {}, show)]),
    ...texts.map(([lang, text = ""]) => xml("status", lang ? { "xml:lang": lang } : {}, text)),
    ...(priority === undefined ? [] : [xml("priority", {}, String(priority))]),
    xml("c", { xmlns: "http://jabber.org/protocol/caps", hash: "sha-1", node: CAPS_NODE, ver: capsVersion(features) }),
  );
}

function encodeActivity(activity?: { general: string; specific?: string; text?: string }): Element {
  const specific = activity?.specific === undefined ? [] : [xml(activity.specific)];
  const children = activity
    ? [xml(activity.general, {}, ...specific), ...(activity.text ? [xml("text", {}, activity.text)] : [])]
    : [];
  return xml(
    "pubsub",
    { xmlns: NS_PUBSUB },
    xml(
      "publish",
      { node: NS_ACTIVITY },
      xml("item", { id: "current" }, xml("activity", { xmlns: NS_ACTIVITY }, ...children)),
    ),
  );
}

const featuresOf = (interests: readonly string[]): readonly string[] =>
  [
    "http://jabber.org/protocol/caps",
    "http://jabber.org/protocol/disco#info",
    "urn:xmpp:ping",
    ...interests.map((node) => `${node}+notify`),
  ].sort();

/** XEP-0115 5.1. */
const capsVersion = (features: readonly string[]): string =>
  createHash("sha1")
    .update(`client/pc//<${features.map((each) => `${each}<`).join("")}`)
    .digest("base64");

const discoInfo = (features: readonly string[], query: Element): Element =>
  xml(
    "query",
    { xmlns: "http://jabber.org/protocol/disco#info", ...(query.attrs["node"] ? { node: query.attrs["node"] } : {}) },
    xml("identity", { category: "client", type: "pc" }),
    ...features.map((each) => xml("feature", { var: each })),
  );

/**
 * COMPAT(@xmpp/connection 0.14.0): each chunk is decoded alone, so a character cut in two is lost, and data after the
 * stream's end or bad XML would end the process; remove when a release guards `_onData`.
 */
function readSafely(connection: Client): void {
  const decoder = new StringDecoder("utf8");
  Object.assign(connection, {
    _onData(data: Buffer): void {
      const text = decoder.write(data);
      try {
        connection.parser?.write(text);
      } catch {
        connection.socket?.end();
      }
    },
  });
}
