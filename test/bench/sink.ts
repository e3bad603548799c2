/**
 * The other side of a burst, in a process of its own: a server that speaks the component protocol, has our module, tells
 * of one client a user, and answers every request at once. It notes what is published and when.
 */
import { createServer, type Socket } from "node:net";
import { instant } from "../../src/lib/time.ts";
import { COMPONENT, type DuePublications, dueAt, HOST, jidOf, keyOf, MODULE_INSTANCE } from "./population.ts";
import { SINK_ORDER, type SinkAnswer, type Verdict } from "./sink-protocol.ts";
import { StanzaCutter } from "./stanza-cutter.ts";

const NS_MODULE = "urn:x-presence-gateway:server:1";
const HEADER = `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' from='${COMPONENT}' id='bench'>`;
const ADVERT = `<message from='${HOST}' to='${COMPONENT}'><privilege xmlns='urn:xmpp:privilege:2'><perm access='roster' type='both'/><perm access='message' type='outgoing'/><perm access='presence' type='managed_entity'/><perm access='iq'><namespace type='both' ns='http://jabber.org/protocol/pubsub'/></perm></privilege></message>`;
const PUBLISHED = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='http://jabber.org/protocol/activity'><item id='current'/></publish></pubsub>`;

interface Publication {
  readonly publisher: string;
  readonly to: string;
  /** When it had arrived, in milliseconds since 1970. */
  readonly at: number;
  readonly stanza: string;
}

const tell = (answer: SinkAnswer): void => void process.send?.(answer);

class Sink {
  #users = 0;
  #expected = Number.POSITIVE_INFINITY;
  #publications: Publication[] = [];
  /** Users under an overlay. */
  readonly #overlaid = new Set<string>();

  expect(users: number, publications: number): void {
    this.#users = users;
    this.#expected = publications;
    this.#publications = [];
  }

  judge(due: DuePublications): Verdict {
    const missing = new Map(due);
    let [wrong, surplus] = [0, 0];
    let lastAt: number | undefined;
    for (const publication of this.#publications) {
      const key = keyOf(publication);
      const parts = missing.get(key);
      if (due.has(key)) lastAt = publication.at;
      else surplus++;
      if (parts?.every((part) => publication.stanza.includes(part))) missing.delete(key);
      else if (due.has(key)) wrong++;
    }
    return { lost: missing.size + wrong, surplus, ...(lastAt !== undefined && { lastAt }) };
  }

  serve(socket: Socket): void {
    const cutter = new StanzaCutter();
    let hasBegun = false;
    socket.setNoDelay(true).setEncoding("utf8");
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      const at = Date.now();
      if (!hasBegun) socket.write(HEADER);
      hasBegun = true;
      let answers = "";
      for (const stanza of cutter.cut(String(chunk))) answers += this.#answer(stanza, at);
      if (answers !== "") socket.write(answers);
    });
  }

  #answer(stanza: string, at: number): string {
    if (stanza.startsWith("<handshake")) return `<handshake/>${ADVERT}${this.#snapshot()}`;
    const head = stanza.slice(0, stanza.indexOf(">"));
    if (!head.startsWith("<iq") || /type="(result|error)"/.test(head)) return "";
    const to = attribute(head, "to");
    const result = `<iq type='result' from='${to}' to='${COMPONENT}' id='${attribute(head, "id")}'`;
    if (stanza.includes("<privileged_iq")) {
      this.#note("xmpp-pep", { to, at, stanza });
      return `${result}><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' to='${to}' type='result' id='as-user'>${PUBLISHED}</iq></forwarded></privilege></iq>`;
    }
    if (stanza.includes("<hello")) return `${result}>${this.#hello()}</iq>${this.#originals()}`;
    if (stanza.includes("<overlay")) this.#takeOverlays(stanza, to, at);
    return `${result}/>`;
  }

  /** One for the addressee, or several with their users in each (the feature `batch`). */
  #takeOverlays(stanza: string, to: string, at: number): void {
    for (const overlay of stanza.match(/<overlay [^>]*\/>|<overlay .*?<\/overlay>|<overlay>.*?<\/overlay>/gs) ?? []) {
      const users = [...overlay.matchAll(/<to jid="([^"]*)"\/>/g)].map(([, user = ""]) => user);
      const content = overlay.replace(/<to [^>]*\/>/g, "").replace(/^(<overlay [^>]*)><\/overlay>$/, "$1/>");
      for (const user of users.length > 0 ? users : [to]) {
        this.#note("xmpp-overlay", { to: user, at, stanza: content });
        if (overlay.includes(' show="')) this.#overlaid.add(user);
        else this.#overlaid.delete(user);
      }
    }
  }

  #note(publisher: string, publication: Omit<Publication, "publisher">): void {
    this.#publications.push({ publisher, ...publication });
    if (this.#publications.length === this.#expected) tell({ kind: "complete" });
  }

  /** As Prosody's mod_privilege does when a component connects: the presence of every client, as contacts see it. */
  #snapshot(): string {
    const presences = Array.from({ length: this.#users }, (_, user) => {
      const jid = jidOf(user);
      return presenceOf(
        jid,
        `${this.#overlaid.has(jid) ? OVERLAY : ""}<delay xmlns='urn:xmpp:delay' from='${HOST}' stamp='2026-01-01T00:00:00Z'/>`,
      );
    });
    return presences.join("");
  }

  #hello(): string {
    return `<hello xmlns='${NS_MODULE}' version='1' instance='${MODULE_INSTANCE}' overlays='${this.#overlaid.size}' features='overlay batch guard cleanup'/>`;
  }

  /** As our module does after the hello: what the clients under overlays said themselves. */
  #originals(): string {
    return [...this.#overlaid].map((jid) => presenceOf(jid, "")).join("");
  }
}

const OVERLAY = `<show>dnd</show><status>In a meeting</status><overlaid xmlns='${NS_MODULE}'/>`;

const presenceOf = (jid: string, content: string): string =>
  `<presence from='${jid}/pc' to='${COMPONENT}'><priority>0</priority>${content}</presence>`;

const attribute = (head: string, name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(head)?.[1] ?? "";

const sink = new Sink();
const server = createServer((socket) => sink.serve(socket));
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address !== null && typeof address === "object") tell({ kind: "listening", port: address.port });
});
process.on("message", (message) => {
  const order = SINK_ORDER.parse(message);
  if (order.kind === "expect") {
    sink.expect(order.users, order.publications);
    return;
  }
  const { users, instants, later } = order.population;
  const [first, second, third] = instants;
  const population = {
    users,
    instants: [instant(first), instant(second), instant(third)],
    later: instant(later),
  } as const;
  const due = order.at === undefined ? new Map() : dueAt(instant(order.at), population);
  tell({ kind: "verdict", verdict: sink.judge(due) });
});
process.on("disconnect", () => process.exit());
