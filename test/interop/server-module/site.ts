import { connectJabber, type JabberClient, type JabberOptions } from "../../lab/jabber-client.ts";
import { type ServerKind, type ServerSetup, startXmppServer, type XmppServer } from "../../lab/xmpp-server.ts";
import { type ComponentReply, connectComponent, type RawComponent } from "./raw-component.ts";

export const HOST = "example.test";
export const GATEWAY = "calendar.example.test";
export const NS = "urn:x-presence-gateway:server:1";
export const MEETING = "<working><in_a_meeting/></working>";
const SECRET = "component-secret";

/** A server with alice, bob and carol, who see each other, and everybody who connects to it. */
export interface Site {
  readonly server: XmppServer;
  /** Connects and sends presence, unless the user stays silent. */
  jabber(
    name: string,
    options?: Partial<JabberOptions> & { presence?: Parameters<JabberClient["sendPresence"]>[0] | "none" },
  ): Promise<JabberClient>;
  gateway(jid?: string): Promise<RawComponent>;
  /** Ends everything. */
  close(): Promise<void>;
}

/** Starts the site. */
export async function startSite(kind: ServerKind, options: Partial<ServerSetup> = {}): Promise<Site> {
  const server = await startXmppServer(kind, {
    host: HOST,
    component: { jid: GATEWAY, secret: SECRET },
    users: ["alice", "bob", "carol"].map((name) => ({ name, password: `password of ${name}` })),
    rosters: [
      ["alice", "bob"],
      ["alice", "carol"],
      ["bob", "carol"],
    ],
    ...options,
  });
  const clients: JabberClient[] = [];
  const components: RawComponent[] = [];
  return {
    server,
    async jabber(name, { presence = {}, ...rest } = {}) {
      const jid = `${name}@${HOST}`;
      const client = await connectJabber({ jid, password: `password of ${name}`, port: server.c2sPort, ...rest });
      clients.push(client);
      if (presence !== "none") await client.sendPresence(presence);
      await client.settle();
      return client;
    },
    async gateway(jid = GATEWAY) {
      const component = await connectComponent({
        port: server.componentPort,
        jid,
        secret: SECRET,
        actsBy: server.actsBy,
      });
      components.push(component);
      return component;
    },
    async close() {
      await Promise.all(clients.splice(0).map((client) => client.close()));
      await Promise.all(components.splice(0).map((component) => component.vanish()));
      const complaints = await server.stop();
      if (complaints.length > 0) throw new Error(`the server logged:\n${complaints.join("\n")}`);
    },
  };
}

/** Seconds since 1970, this many seconds from now. */
export const inSeconds = (seconds: number): number => Math.ceil(Date.now() / 1000 + seconds);

export interface OverlayOrder {
  readonly show?: string;
  readonly until?: number | string;
  readonly activity?: string;
  /** Texts by language tag; `""` for none. */
  readonly statuses?: Readonly<Record<string, string>>;
}

/** Asks the server for an overlay; with nothing in it, to clear it. Default end: in five minutes. */
export function setOverlay(gateway: RawComponent, user: string, order: OverlayOrder): Promise<ComponentReply> {
  const { statuses = {}, until = inSeconds(300), show, activity } = order;
  const attributes = Object.entries({ show, activity, until }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${value}"`],
  );
  const texts = Object.entries(statuses).map(
    ([lang, text]) => `<status${lang && ` xml:lang="${lang}"`}>${text}</status>`,
  );
  const payload = `<overlay xmlns="${NS}" ${attributes.join(" ")}>${texts.join("")}</overlay>`;
  return gateway.request({ type: "set", to: `${user}@${HOST}`, payload });
}

/** What the gateway usually shows. */
export const IN_A_MEETING: OverlayOrder = { show: "dnd", statuses: { "": "In a meeting" } };

/** Asks the server who it is; the attributes of the answer. */
export async function hello(gateway: RawComponent, known?: string): Promise<Readonly<Record<string, string>>> {
  const attribute = known === undefined ? "" : ` known="${known}"`;
  const reply = await gateway.request({ type: "get", to: HOST, payload: `<hello xmlns="${NS}"${attribute}/>` });
  return reply.element.getChild("hello", NS)?.attrs ?? {};
}

/** Waits this many seconds of the server's time, as told by an overlay of bob's that ends; bob must be online and watch. */
export async function waitOut(gateway: RawComponent, bob: JabberClient, seconds: number): Promise<void> {
  const start = bob.seen.length;
  await setOverlay(gateway, "bob", { show: "xa", until: inSeconds(seconds) });
  const told = (show: string): number =>
    bob.seen.findIndex(
      (fact, at) => at >= start && fact.kind === "presence" && fact.from === bob.jid && fact.show === show,
    );
  await bob.waitFor(
    () => told("xa") >= 0 && bob.view(bob.bareJid).show !== "xa",
    `${seconds} s pass`,
    seconds * 1000 + 10_000,
  );
}

/** What the module says it can do. */
export const FEATURES: Readonly<Record<ServerKind, string>> = {
  prosody: "overlay batch guard cleanup",
  ejabberd: "overlay batch guard cleanup snapshot",
};

/** Whether the watcher was ever told this show of the user. */
export const hasSeen = (watcher: JabberClient, bareJid: string, show: string): boolean =>
  watcher.seen.some((fact) => fact.kind === "presence" && fact.from.startsWith(`${bareJid}/`) && fact.show === show);
