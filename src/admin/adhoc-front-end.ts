import type { BareJid } from "../core/addresses.ts";
import { type Instant, seconds } from "../lib/time.ts";
import { type GatewayError, toGatewayError } from "../ports/errors.ts";
import type { PluginMemory } from "../ports/plugin-memory.ts";
import type { Runtime } from "../ports/runtime.ts";
import { elementsOf, type XmlElement } from "../ports/xml-element.ts";
import type { Stanza, XmlDraft, XmppLink } from "../ports/xmpp-link.ts";
import type { AdhocCommand } from "./adhoc/adhoc-command.ts";
import { requestError } from "./adhoc/adhoc-errors.ts";
import { ADMIN_NODES } from "./adhoc/admin-nodes.ts";
import { ComponentPresence } from "./adhoc/component-presence.ts";
import { type Asking, conductCommand, type Outcome } from "./adhoc/conduct-command.ts";
import * as discovery from "./adhoc/discovery.ts";
import { encodeNote, encodeResult, type NamedForm } from "./adhoc/encode-result.ts";
import type { Answers } from "./adhoc/form.ts";
import { toAdhocCommand } from "./adhoc/form-commands.ts";
import { NS } from "./adhoc/namespaces.ts";
import { describeForm, offerTo } from "./adhoc/offer.ts";
import { readRequest } from "./adhoc/read-request.ts";
import { SessionStore } from "./adhoc/session-store.ts";
import { findStanding, parseSender, promoteDomainAdmin, type Standing } from "./authorization.ts";
import type { Actor, CommandContext, CommandResult, CommandServices } from "./command.ts";
import { drawPieces, gatherPieces } from "./draw-progress.ts";
import { drawMessage, splitText } from "./draw-text.ts";
import { RefusalLimiter } from "./refusal-limiter.ts";
import { placeOf } from "./run-command-line.ts";
import { SenderQueues } from "./sender-queues.ts";
import { type Speech, sayFailure, speechFor, speechTo } from "./speech.ts";

/** Clients wait for an answer to a request, people for what they see: what takes longer is told by message. */
const PATIENCE = seconds(10);
const MOST_RUNNING = 3;
/** As in chat: servers limit a stanza to 10,000 bytes at least (RFC 6120 13.12). */
const LONGEST_MESSAGE = 8192;
const LATER = "This takes its time: what comes of it is sent to you as messages.";
const STRANGER = "This gateway answers its own users and administrators only.";
const TOO_MANY = "These are too many requests at once: wait for the answers, please.";

/** What the front end works with. */
export interface AdhocFrontEndDeps {
  readonly link: XmppLink;
  readonly runtime: Runtime;
  readonly services: CommandServices;
  /** Bare JIDs, as `parseBareJid` gives them. */
  readonly admins: readonly BareJid[];
  /** Bare JIDs of those who see the component in their rosters. */
  readonly memory: PluginMemory;
  /** The program's version, as XEP-0092 tells it. */
  readonly version: string;
}

/** Answers what clients ask of the component itself: discovery, and every command as an ad-hoc command (XEP-0050). */
export class AdhocFrontEnd {
  readonly #deps: AdhocFrontEndDeps;
  /** Every node that there is, for whomever. */
  readonly #nodes: ReadonlySet<string>;
  readonly #presence: ComponentPresence;
  readonly #sessions = new SessionStore();
  readonly #queues = new SenderQueues();
  readonly #refusals = new RefusalLimiter();
  /** Requests that were not answered yet: none may be left so. */
  readonly #waiting = new Set<() => void>();
  readonly #running = new Map<Promise<void>, string>();
  readonly #lifetime = new AbortController();
  readonly #startedAt: Instant;
  #unhandle: (() => void) | undefined;

  constructor(deps: AdhocFrontEndDeps) {
    this.#deps = deps;
    this.#nodes = new Set([...deps.services.commands.map(toAdhocCommand), ...ADMIN_NODES].map(({ node }) => node));
    this.#startedAt = deps.runtime.clock.now();
    const { link, runtime, memory } = deps;
    this.#presence = new ComponentPresence({ link, runtime, memory, standingOf: (person) => this.#standingOf(person) });
  }

  /** Listens from now on. */
  start(): void {
    const { link } = this.#deps;
    this.#unhandle = link.handle({
      iq: (stanza) => (stanza.to === link.domain ? this.#answer(stanza) : undefined),
    });
    this.#presence.start();
  }

  /** Stops listening, cancels what is under way and waits for it. Safe twice. */
  async stop(): Promise<void> {
    this.#unhandle?.();
    this.#lifetime.abort(new Error("the gateway is stopping"));
    for (const refuse of this.#waiting) refuse();
    await this.#presence.stop();
    await this.#queues.close();
    await Promise.all(this.#running.keys());
  }

  /** The answer to a request that is for this front end; `undefined` for others. */
  #answer(stanza: Stanza): Promise<XmlDraft | undefined> | undefined {
    const request = elementsOf(stanza.element)[0];
    if (!request) return undefined;
    if (request.namespace === NS.commands && request.name === "command") return this.#queueCommand(stanza, request);
    if (stanza.type !== "get") return undefined;
    const { node } = request.attributes;
    switch (request.namespace) {
      case NS.discoInfo:
        return this.#describe(stanza.from, node);
      case NS.discoItems:
        return this.#list(stanza.from, node);
      case NS.vcard:
        return Promise.resolve(discovery.encodeVcard());
      case NS.version:
        return Promise.resolve(discovery.encodeVersion(this.#deps.version));
      case NS.last:
        return Promise.resolve(discovery.encodeUptime(this.#deps.runtime.clock.now() - this.#startedAt));
      default:
        return undefined;
    }
  }

  async #describe(from: string, node: string | undefined): Promise<XmlDraft> {
    if (discovery.isOwnNode(node)) return discovery.encodeOwnInfo(node);
    if (node === NS.commands) return discovery.encodeListInfo();
    const command = (await this.#commandsOf(from)).find((each) => each.node === node);
    if (!command) throw requestError("cancel", "item-not-found", "There is no such node.");
    return discovery.encodeCommandInfo(command);
  }

  async #list(from: string, node: string | undefined): Promise<XmlDraft> {
    const { domain } = this.#deps.link;
    if (node === undefined) return discovery.encodeOwnItems(domain);
    const commands = await this.#commandsOf(from);
    if (node === NS.commands) return discovery.encodeCommandItems(domain, commands);
    if (commands.some((command) => command.node === node)) return discovery.encodeNoItems(node);
    throw requestError("cancel", "item-not-found", "There is no such node.");
  }

  /** The asker as commands see it; `undefined` for strangers and servers. */
  async #contextOf(from: string): Promise<CommandContext | undefined> {
    const person = parseSender(from);
    const standing = person ? await this.#standingOf(person) : "stranger";
    if (!person || standing === "stranger") return undefined;
    return promoteDomainAdmin({
      ...this.#deps.services,
      actor: { name: person, role: standing, presentity: person },
    });
  }

  /** What the asker may use: nobody is shown what would be refused. */
  async #commandsOf(from: string): Promise<readonly AdhocCommand[]> {
    const context = await this.#contextOf(from);
    return context ? offerTo(context, await this.#speechTo(context.actor)) : [];
  }

  #speechTo({ presentity }: Actor): Promise<Speech> {
    const { registry } = this.#deps.services;
    return presentity ? speechTo(registry, presentity) : speechFor(registry, undefined);
  }

  #standingOf(person: NonNullable<ReturnType<typeof parseSender>>): Promise<Standing> {
    const { admins, services } = this.#deps;
    return findStanding({ admins, ...services }, person);
  }

  /** One request at a time a person, and few in a minute; every one is answered (RFC 6120 8.2.3). */
  #queueCommand(stanza: Stanza, request: XmlElement): Promise<XmlDraft> {
    const person = parseSender(stanza.from);
    if (stanza.type !== "set") return Promise.reject(requestError("modify", "bad-request", "A command is a set."));
    if (!person) return Promise.reject(requestError("auth", "forbidden", STRANGER));
    let refuse = (): void => undefined;
    const answered = new Promise<XmlDraft>((resolve, reject) => {
      refuse = () => reject(requestError("wait", "resource-constraint", TOO_MANY));
      const run = (): Promise<void> => this.#conduct(stanza.from, person, request).then(resolve, reject);
      const job = { run, refuse: () => Promise.resolve(refuse()) };
      if (!this.#queues.add(person, this.#deps.runtime.clock.now(), job)) refuse();
    });
    this.#waiting.add(refuse);
    return answered.finally(() => this.#waiting.delete(refuse));
  }

  async #conduct(owner: string, person: Asking["person"], element: XmlElement): Promise<XmlDraft> {
    const { runtime } = this.#deps;
    const request = readRequest(element);
    const context = await this.#contextOf(owner);
    if (!context) return this.#refuse(person, "a stranger", STRANGER);
    if (!this.#nodes.has(request.node)) throw requestError("cancel", "item-not-found", "There is no such command.");
    const speech = await this.#speechTo(context.actor);
    const command = offerTo(context, speech).find(({ node }) => node === request.node);
    if (!command) {
      const refusal = speech.say("forAdministrators", { command: "help" });
      return this.#refuse(person, `ad-hoc command ${request.node}`, refusal);
    }
    const asking: Asking = { owner, person, request, command, context, now: runtime.clock.now() };
    const answer = await conductCommand(asking, {
      sessions: this.#sessions,
      carryOut: (each, entered) => this.#carryOut(each, entered),
      describeError: (error) => this.#describeError(error, context.actor, speech),
      ...describeForm(command, speech),
      uniqueId: () => runtime.uniqueId(),
    });
    return { ...answer, attributes: { ...answer.attributes, "xml:lang": await this.#languageOf(asking) } };
  }

  /** What is for administrators is in English; a user's language may be another one since `language` was carried out. */
  async #languageOf({ command, context }: Asking): Promise<string> {
    return command.who === "user" ? (await this.#speechTo(context.actor)).language : "en";
  }

  async #refuse(person: string, detail: string, text: string): Promise<never> {
    const { services, runtime } = this.#deps;
    await this.#refusals.record(services.registry, { person, detail, at: runtime.clock.now() });
    throw requestError("auth", "forbidden", text);
  }

  /** Codes are for those who have docs/ERRORS.md. */
  #describeError(error: GatewayError, { role }: Actor, speech: Speech): string {
    if (error.code === "internal-error") this.#deps.runtime.log.error("adhoc.command-broke", { where: placeOf(error) });
    // The lines after the first are how chat writes the command.
    const [message = ""] = drawMessage(error).split("\n");
    return role === "admin" ? `${message} [${error.code}]` : sayFailure(speech, error);
  }

  /** Runs the command; what is not there soon, or comes step by step, is told by messages as in chat. */
  async #carryOut(asking: Asking, entered: Answers): Promise<Outcome> {
    const { clock } = this.#deps.runtime;
    const { signal } = this.#lifetime;
    const own = [...this.#running.values()].filter((person) => person === asking.person);
    if (own.length >= MOST_RUNNING) throw requestError("wait", "resource-constraint", TOO_MANY);
    const outcome = asking.command.run(asking.context, entered, signal);
    const over = new AbortController();
    const pause = clock.sleep(PATIENCE, AbortSignal.any([signal, over.signal])).then(
      () => "late" as const,
      () => "late" as const,
    );
    try {
      const result = await Promise.race([outcome, pause]);
      if (result !== "late" && result.kind !== "progress") {
        const isRefusal = result.kind === "text" && result.hasFailed && asking.command.who === "user";
        return { children: encodeResult(result), ...(isRefusal && { refusal: result.text }) };
      }
    } finally {
      over.abort();
    }
    const task = this.#tell(asking, outcome).finally(() => this.#running.delete(task));
    this.#running.set(task, asking.person);
    return { children: [encodeNote("info", LATER)] };
  }

  /** Never rejects. */
  async #tell(asking: Asking, outcome: Promise<CommandResult | NamedForm>): Promise<void> {
    const { runtime } = this.#deps;
    try {
      for await (const text of this.#texts(asking, outcome)) await this.#send(asking.owner, text);
    } catch (error) {
      if (this.#lifetime.signal.aborted) return;
      runtime.log.warn("adhoc.message-failed", { person: asking.person, code: toGatewayError(error).code });
    }
  }

  async *#texts(asking: Asking, outcome: Promise<CommandResult | NamedForm>): AsyncGenerator<string, void> {
    const { signal } = this.#lifetime;
    try {
      const result = await outcome;
      if (result.kind === "form") yield result.fields.flatMap(({ values }) => values).join("\n");
      else yield* gatherPieces(drawPieces(result), this.#deps.runtime.clock, signal);
    } catch (error) {
      signal.throwIfAborted();
      const { actor } = asking.context;
      yield this.#describeError(toGatewayError(error), actor, await this.#speechTo(actor));
    }
  }

  async #send(to: string, text: string): Promise<void> {
    const { link, runtime } = this.#deps;
    for (const part of splitText(text, LONGEST_MESSAGE)) {
      const attributes = { from: link.domain, to, type: "chat", id: runtime.uniqueId() };
      const children = [{ name: "body", children: [part] }];
      await link.send({ name: "message", attributes, children }, this.#lifetime.signal);
    }
  }
}
