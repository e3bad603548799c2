import type { PresentityId } from "../../core/addresses.ts";
import { toGatewayError } from "../../ports/errors.ts";
import type { Runtime } from "../../ports/runtime.ts";
import type { Stanza, XmlDraft, XmppLink } from "../../ports/xmpp-link.ts";
import { parseSender, type Standing } from "../authorization.ts";
import { COMPONENT_NAME, encodeCaps } from "./discovery.ts";
import { NS } from "./namespaces.ts";

/** What the component's own presence works with. */
export interface ComponentPresenceDeps {
  readonly link: Pick<XmppLink, "domain" | "handle" | "send">;
  readonly runtime: Pick<Runtime, "log">;
  standingOf(person: PresentityId): Promise<Standing>;
}

/** Of more than these it is not remembered that they see the component. */
const MOST_WATCHERS = 1000;

/**
 * The presence of the component itself in the rosters of those who add it (RFC 6121 section 3), with the capabilities
 * that make clients offer its commands (XEP-0115). No roster is kept: servers probe when somebody comes online.
 */
export class ComponentPresence {
  readonly #deps: ComponentPresenceDeps;
  readonly #watchers = new Set<string>();
  #unhandle: (() => void) | undefined;

  constructor(deps: ComponentPresenceDeps) {
    this.#deps = deps;
  }

  /** Listens from now on. */
  start(): void {
    const { link } = this.#deps;
    this.#unhandle = link.handle({
      presence: (stanza) => {
        // Never rejects: a failure is logged.
        if (stanza.to === link.domain) void this.#receive(stanza);
      },
    });
  }

  /** Tells those who saw the component that it has gone, and listens no more. */
  async stop(): Promise<void> {
    this.#unhandle?.();
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    // Whoever cannot be told any more sees it at the next probe.
    await Promise.all(watchers.map((to) => this.#send(to, "unavailable").catch(() => undefined)));
  }

  async #receive({ from, type }: Stanza): Promise<void> {
    const person = parseSender(from);
    if (!person || !["probe", "subscribe", "unsubscribe"].includes(type)) return;
    try {
      if (type === "unsubscribe") await this.#dismiss(person);
      else await this.#welcome(person, type === "probe" ? from : person, type);
    } catch (error) {
      this.#deps.runtime.log.debug("component.presence-failed", { code: toGatewayError(error).code });
    }
  }

  async #welcome(person: PresentityId, to: string, type: string): Promise<void> {
    const standing = await this.#deps.standingOf(person);
    if (standing === "stranger") return this.#send(person, "unsubscribed");
    if (type === "subscribe") await this.#send(person, "subscribed", [nick()]);
    if (this.#watchers.size < MOST_WATCHERS) this.#watchers.add(person);
    await this.#send(to, undefined, [encodeCaps(), nick()]);
  }

  async #dismiss(person: PresentityId): Promise<void> {
    this.#watchers.delete(person);
    await this.#send(person, "unsubscribed");
    await this.#send(person, "unavailable");
  }

  #send(to: string, type: string | undefined, children: readonly XmlDraft[] = []): Promise<void> {
    const { link } = this.#deps;
    return link.send({ name: "presence", attributes: { from: link.domain, to, type }, children });
  }
}

/** XEP-0172. */
const nick = (): XmlDraft => ({ name: "nick", attributes: { xmlns: NS.nick }, children: [COMPONENT_NAME] });
