import type { PresenceDocument } from "../../src/core/presence.ts";
import type { TextCatalogue } from "../../src/core/texts.ts";
import { Memo } from "../../src/lib/memo.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PresencePublisher, Publication, PublishReceipt } from "../../src/ports/presence-publisher.ts";
import type { DomainAccess, XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";
import { AccessEpoch } from "../shared-xmpp/access-epoch.ts";
import { type ActivityState, encodeActivity, publishActivity } from "../shared-xmpp/activity.ts";
import { BackgroundTask } from "../shared-xmpp/background-task.ts";
import { frozen } from "../shared-xmpp/frozen.ts";
import { toPepError } from "./pep-errors.ts";

/**
 * PEP items are kept by the server for ever: what was published under any earlier connection is still there. Only our
 * server module takes meetings back by itself, when it has not heard of the gateway for too long: then it has another
 * instance. Nothing is sent before it is known whether there is a module.
 */
function nameEpoch(accesses: readonly DomainAccess[]): string | undefined {
  const usable = accesses.filter(({ actsBy }) => actsBy !== "none");
  if (usable.length === 0 || usable.some(({ isModuleKnown }) => !isModuleKnown)) return undefined;
  return usable
    .map(({ domain, moduleInstance }) => `${domain}=${moduleInstance ?? "persistent"}`)
    .sort()
    .join(" ");
}

/**
 * Shows the activity in the user's own PEP node. No publish-options: a node that the user has made more or less public
 * stays so, and servers refuse or ignore an expiry. The end of a state is published like its start.
 */
export class PepPublisher implements PresencePublisher {
  readonly name = "xmpp-pep";
  readonly capabilities = {
    addressType: "jid",
    isSoftState: false,
    carries: new Set(["activity", "note"] as const),
    window: 512,
  } as const;
  readonly #link: XmppLink;
  readonly #catalogue: TextCatalogue;
  readonly #epoch: AccessEpoch;
  readonly #task: BackgroundTask;
  readonly #drafts = new Memo<XmlDraft>();
  readonly #reduced = new Memo<PresenceDocument>();

  constructor(link: XmppLink, catalogue: TextCatalogue) {
    this.#link = link;
    this.#catalogue = catalogue;
    this.#epoch = new AccessEpoch(link, nameEpoch);
    this.#task = new BackgroundTask((signal) => this.#epoch.run(signal));
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#task.start();
  }

  stop(): Promise<void> {
    return this.#task.stop();
  }

  health(): Health {
    return this.#task.isRunning ? { state: "ok" } : { state: "stopped" };
  }

  reduce({ activity, text }: PresenceDocument): PresenceDocument {
    if (!activity) return NOTHING;
    const shown = { activity, ...(text && { text }) };
    return this.#reduced.get(keyOf(shown), () => ({ ...NOTHING, ...shown }));
  }

  publish({ presentity, document, locale }: Publication, signal: AbortSignal): Promise<PublishReceipt> {
    return this.#put({ presentity, locale }, document, signal);
  }

  async retract({ presentity, locale }: Publication, signal: AbortSignal): Promise<void> {
    await this.#put({ presentity, locale }, {}, signal);
  }

  epoch(): string | undefined {
    return this.#epoch.current;
  }

  watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined> {
    return this.#epoch.watch(signal);
  }

  #publish(state: ActivityState, locale: string): XmlDraft {
    return this.#drafts.get(`${keyOf(state)}\n${locale}`, () =>
      frozen(publishActivity(encodeActivity(state, locale, this.#catalogue))),
    );
  }

  async #put(
    { presentity, locale }: Pick<Publication, "presentity" | "locale">,
    state: ActivityState,
    signal: AbortSignal,
  ): Promise<PublishReceipt> {
    try {
      await this.#link.requestAs(presentity, this.#publish(state, locale), signal);
      return {};
    } catch (error) {
      throw toPepError(presentity, error);
    }
  }
}

const NOTHING: PresenceDocument = { show: "available", source: "client" };

const keyOf = ({ activity, text }: ActivityState): string => `${activity?.general}\n${activity?.specific}\n${text}`;
