import type { PresentityId } from "../../core/addresses.ts";
import { toGatewayError } from "../../ports/errors.ts";
import type { PluginMemory } from "../../ports/plugin-memory.ts";
import type { Runtime } from "../../ports/runtime.ts";
import type { Stanza, XmlDraft, XmppLink } from "../../ports/xmpp-link.ts";
import { parseSender, type Standing } from "../authorization.ts";
import { COMPONENT_NAME, encodeCaps } from "./discovery.ts";
import { NS } from "./namespaces.ts";

/** What the component's own presence works with. */
export interface ComponentPresenceDeps {
  readonly link: Pick<XmppLink, "domain" | "handle" | "send" | "watch">;
  readonly runtime: Pick<Runtime, "log">;
  /** Bare JIDs of those who see the component. */
  readonly memory: PluginMemory;
  standingOf(person: PresentityId): Promise<Standing>;
}

/** Of more than these it is not remembered that they see the component. */
const MOST_WATCHERS = 20_000;

/**
 * The presence of the component itself in the rosters of those who add it (RFC 6121 section 3), with the capabilities
 * that make clients offer its commands (XEP-0115). Servers probe when somebody comes online, and not when a component
 * does: who sees it is remembered, so that nobody sees it offline for days after a restart.
 */
export class ComponentPresence {
  readonly #deps: ComponentPresenceDeps;
  readonly #watchers = new Set<PresentityId>();
  readonly #lifetime = new AbortController();
  #showing: Promise<void> = Promise.resolve();
  #unhandle: (() => void) | undefined;

  constructor(deps: ComponentPresenceDeps) {
    this.#deps = deps;
    for (const key of deps.memory.load().keys()) {
      const person = parseSender(key);
      if (person) this.#watchers.add(person);
    }
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
    this.#showing = this.#show(this.#lifetime.signal);
  }

  /** Tells those who saw the component that it has gone, and listens no more. */
  async stop(): Promise<void> {
    this.#unhandle?.();
    this.#lifetime.abort(new Error("the gateway is stopping"));
    await this.#showing;
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    // Whoever cannot be told any more sees it at the next probe.
    await Promise.all(watchers.map((to) => this.#send(to, "unavailable").catch(() => undefined)));
  }

  /** At each connection, to all who see the component. Never rejects. */
  async #show(signal: AbortSignal): Promise<void> {
    try {
      for await (const { kind } of this.#deps.link.watch(signal)) if (kind === "online") await this.#showToAll(signal);
    } catch (error) {
      if (!signal.aborted) this.#recordFailure(error);
    }
  }

  async #showToAll(signal: AbortSignal): Promise<void> {
    try {
      for (const person of this.#watchers) {
        signal.throwIfAborted();
        if ((await this.#deps.standingOf(person)) === "stranger") this.#forget(person);
        else await this.#sendAvailable(person);
      }
    } catch (error) {
      // The connection is lost: the next one shows it to all again.
      this.#recordFailure(error);
    }
  }

  async #receive({ from, type }: Stanza): Promise<void> {
    const person = parseSender(from);
    if (!person || !["probe", "subscribe", "unsubscribe"].includes(type)) return;
    try {
      if (type === "unsubscribe") await this.#dismiss(person);
      else await this.#welcome(person, type === "probe" ? from : person, type);
    } catch (error) {
      this.#recordFailure(error);
    }
  }

  #recordFailure(error: unknown): void {
    this.#deps.runtime.log.debug("component.presence-failed", { code: toGatewayError(error).code });
  }

  async #welcome(person: PresentityId, to: string, type: string): Promise<void> {
    const standing = await this.#deps.standingOf(person);
    if (standing === "stranger") {
      this.#forget(person);
      return this.#send(person, "unsubscribed");
    }
    if (type === "subscribe") await this.#send(person, "subscribed", [nick()]);
    this.#remember(person);
    await this.#sendAvailable(to);
  }

  async #dismiss(person: PresentityId): Promise<void> {
    this.#forget(person);
    await this.#send(person, "unsubscribed");
    await this.#send(person, "unavailable");
  }

  #remember(person: PresentityId): void {
    if (this.#watchers.has(person) || this.#watchers.size >= MOST_WATCHERS) return;
    this.#watchers.add(person);
    this.#deps.memory.put(person, "");
  }

  #forget(person: PresentityId): void {
    if (this.#watchers.delete(person)) this.#deps.memory.delete(person);
  }

  #sendAvailable(to: string): Promise<void> {
    return this.#send(to, undefined, [encodeCaps(), nick()]);
  }

  #send(to: string, type: string | undefined, children: readonly XmlDraft[] = []): Promise<void> {
    const { link } = this.#deps;
    return link.send({ name: "presence", attributes: { from: link.domain, to, type }, children });
  }
}

/** XEP-0172. */
const nick = (): XmlDraft => ({ name: "nick", attributes: { xmlns: NS.nick }, children: [COMPONENT_NAME] });
