import { escapeXml } from "../../src/lib/xml.ts";
import { descendantsOf, elementsOf, type XmlElement } from "../../src/ports/xml-element.ts";
import { ScriptedXmppServer } from "../doubles/scripted-xmpp-server.ts";
import { usersOf } from "../plugins/xmpp-site.ts";

export const DOMAIN = "example.test";
export const COMPONENT = `calendar.${DOMAIN}`;

/** An XMPP server with the gateway's module, as far as presence goes: who is online, and what contacts are shown. */
export class XmppWorld {
  readonly server: ScriptedXmppServer;
  /** Takes a stanza first: its answer, "" for none, `undefined` to leave it to the server. */
  intercept: (stanza: XmlElement) => string | undefined = () => undefined;
  /** Overlays and activities that were set, those included that changed nothing. */
  publications = 0;
  readonly #presences = new Map<string, string>();
  readonly #overlays = new Map<string, string>();
  readonly #activities = new Map<string, string>();

  constructor(secret = "a secret") {
    this.server = new ScriptedXmppServer({
      component: COMPONENT,
      hosts: [DOMAIN],
      secret,
      moduleInstance: "run-1",
      keepsStanzas: false,
      onStanza: (stanza) => this.#take(stanza),
    });
    // Every connection begins with the presence of all.
    Object.defineProperty(this.server.script, "greeting", { get: () => this.#snapshot() });
  }

  /** A client says this; `content` is what stands inside the presence. */
  online(user: string, content = "", resource = "pc"): void {
    const from = `${user}@${DOMAIN}/${resource}`;
    this.#presences.set(from, content);
    this.server.send(`<presence from='${from}' to='${COMPONENT}'>${content}</presence>`);
  }

  /** A client leaves. */
  offline(user: string, resource = "pc"): void {
    const from = `${user}@${DOMAIN}/${resource}`;
    this.#presences.delete(from);
    this.server.send(`<presence type='unavailable' from='${from}' to='${COMPONENT}'/>`);
  }

  /** A message to the gateway. */
  say(from: string, body: string): void {
    this.server.send(`<message from='${from}' to='${COMPONENT}' type='chat'><body>${escapeXml(body)}</body></message>`);
  }

  /** `show|activity` as contacts see it; empty where nothing of the gateway's is shown. */
  view(user: string): string {
    const jid = `${user}@${DOMAIN}`;
    const [show = "", activity = ""] = [this.#overlays.get(jid), this.#activities.get(jid)];
    return show || activity ? `${show}|${activity}` : "";
  }

  /** Another run of the server: what the module had shown is gone, what is stored in PEP is not. */
  beginAnotherRun(instance: string): void {
    this.server.script.moduleInstance = instance;
    this.#overlays.clear();
  }

  #snapshot(): string {
    const delay = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T08:00:00Z'/>";
    return [...this.#presences]
      .map(([from, content]) => `<presence from='${from}' to='${COMPONENT}'>${content}${delay}</presence>`)
      .join("");
  }

  #take(stanza: XmlElement): string | undefined {
    const answer = this.intercept(stanza);
    if (answer !== undefined) return answer;
    const { to = "" } = stanza.attributes;
    for (const each of stanza.name === "iq" ? descendantsOf(stanza) : []) {
      if (each.name === "activity") this.#set(this.#activities, to, specificOf(each));
      if (each.name !== "overlay") continue;
      for (const user of usersOf(each, to)) this.#set(this.#overlays, user, each.attributes["show"] ?? "");
    }
    return undefined;
  }

  #set(states: Map<string, string>, jid: string, state: string): void {
    this.publications++;
    if (state === "") states.delete(jid);
    else states.set(jid, state);
  }
}

const specificOf = (activity: XmlElement): string => {
  const general = elementsOf(activity).find(({ name }) => name !== "text");
  const specific = general && elementsOf(general)[0];
  return specific?.name ?? general?.name ?? "";
};

/** True for what is set of a user: an overlay, or a privileged iq with an activity. */
export const isPublication = ({ name, attributes, children }: XmlElement): boolean =>
  name === "iq" &&
  attributes["type"] === "set" &&
  (attributes["to"]?.includes("@") === true ||
    children.some((each) => typeof each === "object" && each.name === "overlays"));
