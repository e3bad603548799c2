import type { BareJid } from "../core/addresses.ts";
import { toGatewayError } from "../ports/errors.ts";
import type { Runtime } from "../ports/runtime.ts";
import type { XmppLink } from "../ports/xmpp-link.ts";
import { findStanding, promoteDomainAdmin } from "./authorization.ts";
import type { CommandContext, CommandServices } from "./command.ts";
import { drawPieces, gatherPieces } from "./draw-progress.ts";
import { drawError, splitText } from "./draw-text.ts";
import { type ChatMessage, readChatMessage } from "./read-chat-message.ts";
import { RefusalLimiter } from "./refusal-limiter.ts";
import { placeOf, runCommandLine } from "./run-command-line.ts";
import { SenderQueues } from "./sender-queues.ts";
import { sayFailure, speechTo } from "./speech.ts";

/** Servers limit a stanza to 10,000 bytes at least (RFC 6120 13.12); escaping and the envelope need room. */
const LONGEST_ANSWER = 8192;
const STRANGER = "This gateway answers its own users and administrators only.";

/** What the chat front end works with. */
export interface ChatFrontEndDeps {
  readonly link: XmppLink;
  readonly runtime: Runtime;
  readonly services: CommandServices;
  /** Bare JIDs, as `parseBareJid` gives them. */
  readonly admins: readonly BareJid[];
}

/** Carries out commands that come as messages to the component, and answers them. */
export class ChatFrontEnd {
  readonly #deps: ChatFrontEndDeps;
  readonly #queues = new SenderQueues();
  readonly #refusals = new RefusalLimiter();
  readonly #lifetime = new AbortController();
  #unhandle: (() => void) | undefined;

  constructor(deps: ChatFrontEndDeps) {
    this.#deps = deps;
  }

  /** Listens from now on. */
  start(): void {
    const { link } = this.#deps;
    this.#unhandle = link.handle({
      message: (stanza) => {
        const message = readChatMessage(stanza, link.domain);
        if (message) this.#receive(message);
      },
    });
  }

  /** Stops listening, cancels what is under way and waits for it. Safe twice. */
  async stop(): Promise<void> {
    this.#unhandle?.();
    this.#lifetime.abort(new Error("the gateway is stopping"));
    await this.#queues.close();
  }

  #receive(message: ChatMessage): void {
    const now = this.#deps.runtime.clock.now();
    const isTaken = this.#queues.add(message.sender, now, {
      run: () => this.#handle(message),
      refuse: () => this.#handle({ ...message, body: { problem: "tooMany" } }),
    });
    if (!isTaken) this.#deps.runtime.log.debug("chat.message-dropped", { sender: message.sender });
  }

  /** Never rejects: the top of the loop over messages. */
  async #handle(message: ChatMessage): Promise<void> {
    const { services, admins, runtime } = this.#deps;
    try {
      const standing = await findStanding({ admins, ...services }, message.sender);
      if (standing === "stranger") return await this.#refuseStranger(message);
      const actor = { name: message.sender, role: standing, presentity: message.sender };
      const context = promoteDomainAdmin({ ...services, actor });
      for await (const text of this.#reply(message, context))
        await this.#answer(message, text, await this.#languageOf(context));
    } catch (error) {
      if (this.#lifetime.signal.aborted) return;
      runtime.log.warn("chat.answer-failed", { sender: message.sender, code: toGatewayError(error).code });
    }
  }

  /** The texts of the answer: of what takes its time, several. */
  async *#reply({ sender, body }: ChatMessage, context: CommandContext): AsyncGenerator<string, void> {
    const speech = await speechTo(context.registry, sender);
    if (typeof body !== "string") {
      yield speech.say(body.problem, {});
      return;
    }
    const { signal } = this.#lifetime;
    const { actor } = context;
    try {
      const result = await runCommandLine(context, body, signal);
      yield* gatherPieces(drawPieces(result), this.#deps.runtime.clock, signal);
    } catch (error) {
      signal.throwIfAborted();
      const failure = toGatewayError(error);
      if (failure.code === "command-forbidden") await this.#recordRefusal(actor.name, failure.message);
      if (failure.code === "internal-error")
        this.#deps.runtime.log.error("chat.command-broke", { where: placeOf(failure) });
      // Codes are for those who have docs/ERRORS.md.
      yield actor.role === "admin" ? drawError(failure) : sayFailure(speech, failure);
    }
  }

  /** Servers call English what says nothing of its language; what administrators are told mostly is. */
  async #languageOf({ actor, registry }: CommandContext): Promise<string | undefined> {
    if (actor.role === "admin" || !actor.presentity) return undefined;
    const { language } = await speechTo(registry, actor.presentity);
    return language;
  }

  async #refuseStranger(message: ChatMessage): Promise<void> {
    await this.#recordRefusal(message.sender, "a stranger");
    if (this.#refusals.mayAnswer(message.sender, this.#deps.runtime.clock.now())) await this.#answer(message, STRANGER);
  }

  async #recordRefusal(sender: string, detail: string): Promise<void> {
    const { services, runtime } = this.#deps;
    await this.#refusals.record(services.registry, { person: sender, detail, at: runtime.clock.now() });
  }

  async #answer({ from, to, type, thread }: ChatMessage, text: string, language?: string): Promise<void> {
    const { link, runtime } = this.#deps;
    for (const part of splitText(text, LONGEST_ANSWER)) {
      const body = { name: "body", children: [part] };
      const context = thread === undefined ? [] : [{ name: "thread", children: [thread] }];
      const attributes = { from: to, to: from, type, id: runtime.uniqueId(), "xml:lang": language };
      await link.send({ name: "message", attributes, children: [body, ...context] }, this.#lifetime.signal);
    }
  }
}
