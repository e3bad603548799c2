import { createHash } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { escapeXml } from "../../src/lib/xml.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import { descendantsOf, elementsOf } from "../../src/ports/xml-element.ts";
import { StanzaReader } from "../../src/xmpp/stanza-reader.ts";
import { listenOnLoopback } from "./listen-on-loopback.ts";

/** How the server behaves; everything can be changed while it runs. */
export interface XmppServerScript {
  component: string;
  secret: string;
  /** Hosts that answer and whose users exist. */
  hosts: readonly string[];
  /** Sent by each host after the handshake; `undefined`: no XEP-0356. */
  advert: ((host: string) => string) | undefined;
  /** The instance of our server module; `undefined`: not loaded. */
  moduleInstance: string | undefined;
  /** What the module says that it can do. */
  moduleFeatures: string;
  /** What happens to an iq sent with a user's `from`. */
  spoofed: "close" | "answer" | "silence";
  /** Written right after the handshake was accepted, in the same chunk. */
  greeting: string;
  /** Takes a stanza before the script does: returns the answer, "" for none, or `undefined` to leave it to the script. */
  onStanza: ((stanza: XmlElement) => string | undefined) | undefined;
  /** False: stanzas are counted but not kept, for long runs. */
  keepsStanzas: boolean;
}

/** XEP-0356 as Prosody 0.12 says it, with its nested `<namespace/>`. */
export const prosodyAdvert =
  (component: string) =>
  (host: string): string =>
    `<message from="${host}" to="${component}"><privilege xmlns="urn:xmpp:privilege:2"><perm access="roster" type="both"/><perm access="message" type="outgoing"/><perm access="presence" type="managed_entity"/><perm access="iq"><namespace type="both" ns="http://jabber.org/protocol/pubsub#owner"><namespace type="both" ns="http://jabber.org/protocol/pubsub"/></namespace></perm></privilege></message>`;

/** The server's side of the component protocol (XEP-0114), played by the test. */
export class ScriptedXmppServer {
  readonly script: XmppServerScript;
  /** Stanzas received, in order. */
  readonly stanzas: XmlElement[] = [];
  /** How many were received. */
  received = 0;
  /** How many handshakes were accepted. */
  handshakes = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();
  #port = 0;

  constructor(script: Partial<XmppServerScript> = {}) {
    const component = script.component ?? "calendar.example.test";
    this.script = {
      component,
      secret: "a secret",
      hosts: ["example.test"],
      advert: prosodyAdvert(component),
      moduleInstance: undefined,
      moduleFeatures: "overlay batch guard cleanup",
      spoofed: "close",
      greeting: "",
      onStanza: undefined,
      keepsStanzas: true,
      ...script,
    };
    this.#server = createServer((socket) => this.#accept(socket));
  }

  get port(): number {
    return this.#port;
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Listens on 127.0.0.1, on the same port as before after a `stop`. */
  async start(): Promise<this> {
    this.#port = await listenOnLoopback(this.#server, this.#port);
    return this;
  }

  /** Ends all connections without a word and stops listening. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.drop();
    await closed;
  }

  /** Breaks all connections. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Stops or goes on reading. */
  setReading(isReading: boolean): void {
    for (const socket of this.#sockets) {
      if (isReading) socket.resume();
      else socket.pause();
    }
  }

  /** Writes to every connection. */
  send(text: string | Buffer): void {
    for (const socket of this.#sockets) socket.write(text);
  }

  /** Resolves when the condition holds after some stanza, connection or disconnection; rejects at the deadline. */
  waitUntil(condition: () => boolean, description: string, deadline = 5000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (!condition()) return;
        finish();
        resolve();
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`the XMPP server waited in vain for ${description}`));
      }, deadline);
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
      };
      this.#waiting.add(check);
    });
  }

  /** The first stanza that fits, now or later. */
  async waitForStanza(
    fits: (stanza: XmlElement) => boolean,
    description: string,
    deadline = 5000,
  ): Promise<XmlElement> {
    await this.waitUntil(() => this.stanzas.some(fits), description, deadline);
    const stanza = this.stanzas.find(fits);
    if (!stanza) throw new Error(description);
    return stanza;
  }

  #changed(): void {
    for (const check of [...this.#waiting]) check();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    const id = `stream-${this.handshakes}`;
    let isReady = false;
    const reader = new StanzaReader(
      { bytes: 64 * 1024 * 1024, depth: 1000 },
      {
        onOpen: () =>
          socket.write(
            `<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:component:accept' from='${this.script.component}' id='${id}'>`,
          ),
        onStanza: (stanza) => {
          if (isReady) this.#onStanza(stanza, socket);
          else isReady = this.#onHandshake(stanza, socket, id);
        },
        onDropped: (limit) => socket.destroy(new Error(limit)),
        onClose: () => socket.end("</stream:stream>"),
      },
    );
    socket.on("data", (chunk) => reader.write(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.#changed();
    });
    this.#changed();
  }

  #onHandshake(stanza: XmlElement, socket: Socket, id: string): boolean {
    const { secret, advert, hosts, greeting } = this.script;
    if (stanza.children.join("") !== createHash("sha1").update(`${id}${secret}`).digest("hex")) {
      socket.end(
        `<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
      );
      return false;
    }
    this.handshakes++;
    const adverts = advert ? hosts.map(advert).join("") : "";
    socket.write(`<handshake/>${adverts}${greeting}`);
    this.#changed();
    return true;
  }

  #onStanza(stanza: XmlElement, socket: Socket): void {
    this.received++;
    if (this.script.keepsStanzas) this.stanzas.push(stanza);
    const answer = this.script.onStanza?.(stanza) ?? this.#answer(stanza, socket);
    if (answer !== "") socket.write(answer);
    if (this.#waiting.size > 0) this.#changed();
  }

  #answer(stanza: XmlElement, socket: Socket): string {
    const { from = "", to = "", type = "" } = stanza.attributes;
    if (stanza.name !== "iq" || (type !== "get" && type !== "set")) return "";
    if (from !== this.script.component && !from.endsWith(`@${this.script.component}`)) {
      return this.#answerSpoofed(stanza, socket);
    }
    const [payload] = elementsOf(stanza);
    const isHere = this.script.hosts.some((host) => to === host || to.endsWith(`@${host}`));
    if (!isHere || !payload) return errorTo(stanza, "remote-server-not-found");
    if (payload.namespace === "urn:xmpp:ping") return resultTo(stanza);
    if (payload.name === "privileged_iq") return this.#answerPrivileged(stanza, payload);
    if (payload.namespace === "urn:x-presence-gateway:server:1") return this.#answerModule(stanza, payload);
    return errorTo(stanza, "service-unavailable");
  }

  #answerModule(stanza: XmlElement, payload: XmlElement): string {
    if (this.script.moduleInstance === undefined) return errorTo(stanza, "service-unavailable");
    if (payload.name !== "hello") return resultTo(stanza);
    const instance = escapeXml(this.script.moduleInstance);
    const attributes = `instance='${instance}' overlays='0' features='${this.script.moduleFeatures}'`;
    return resultTo(stanza, `<hello xmlns='${payload.namespace}' version='1' ${attributes}/>`);
  }

  #answerPrivileged(stanza: XmlElement, payload: XmlElement): string {
    if (!this.script.advert) return errorTo(stanza, "service-unavailable");
    const [inner] = elementsOf(payload);
    const node = inner && [...descendantsOf(inner)].find(({ name }) => name === "publish")?.attributes["node"];
    const content = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${escapeXml(node ?? "")}'><item id='current'/></publish></pubsub>`;
    return forwardedAnswer(stanza, payload.namespace, `type='result' id='${inner?.attributes["id"]}'>${content}`);
  }

  #answerSpoofed(stanza: XmlElement, socket: Socket): string {
    switch (this.script.spoofed) {
      case "silence":
        return "";
      case "answer":
        return resultTo(stanza);
      case "close":
        socket.end(
          `<stream:error><invalid-from xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
        );
        return "";
    }
  }
}

/** The privileged answer around an inner iq; `rest` is its attributes after `to`, `>` and its content. */
export const forwardedAnswer = (stanza: XmlElement, namespace: string, rest: string): string =>
  resultTo(
    stanza,
    `<privilege xmlns='${namespace}'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' to='${stanza.attributes["to"]}' ${rest}</iq></forwarded></privilege>`,
  );

/** An iq result for the stanza. */
export const resultTo = ({ attributes }: XmlElement, content = ""): string =>
  `<iq type='result' from='${attributes["to"]}' to='${attributes["from"]}' id='${attributes["id"]}'>${content}</iq>`;

/** An iq error for the stanza. */
export const errorTo = ({ attributes }: XmlElement, condition: string, type = "cancel"): string =>
  `<iq type='error' from='${attributes["to"]}' to='${attributes["from"]}' id='${attributes["id"]}'><error type='${type}'><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`;
