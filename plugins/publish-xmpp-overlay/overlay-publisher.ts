import type { PresenceDocument } from "../../src/core/presence.ts";
import type { TextCatalogue } from "../../src/core/texts.ts";
import { Memo } from "../../src/lib/memo.ts";
import { hours, type Milliseconds, plus } from "../../src/lib/time.ts";
import type { Health } from "../../src/ports/plugin.ts";
import type { PresencePublisher, Publication, PublishReceipt } from "../../src/ports/presence-publisher.ts";
import type { Clock } from "../../src/ports/runtime.ts";
import type { DomainAccess, XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";
import { AccessEpoch } from "../shared-xmpp/access-epoch.ts";
import { BackgroundTask } from "../shared-xmpp/background-task.ts";
import { frozen } from "../shared-xmpp/frozen.ts";
import { CLEAR, encodeOverlay, overlayEnd, reduceToOverlay } from "./encode-overlay.ts";
import { toOverlayError } from "./overlay-errors.ts";
import { OverlayOrders } from "./overlay-orders.ts";

/** The module ends every overlay after a day at most, so that nothing stale stays; the engine renews what lasts longer. */
const LIFETIME: Milliseconds = hours(24);

/** Shows the composed show and status on the user's own resources, as long as the server has our module. */
export class OverlayPublisher implements PresencePublisher {
  readonly name = "xmpp-overlay";
  readonly capabilities = {
    addressType: "jid",
    isSoftState: true,
    carries: new Set(["show", "note", "until"] as const),
    window: 1024,
    lifetime: LIFETIME,
  } as const;
  readonly #link: XmppLink;
  readonly #orders: OverlayOrders;
  readonly #catalogue: TextCatalogue;
  readonly #clock: Clock;
  readonly #defaultLanguage: () => string;
  readonly #epoch: AccessEpoch;
  readonly #task: BackgroundTask;
  readonly #drafts = new Memo<XmlDraft>();
  readonly #reduced = new Memo<PresenceDocument>();

  constructor(link: XmppLink, catalogue: TextCatalogue, clock: Clock, defaultLanguage: () => string = () => "en") {
    this.#link = link;
    this.#orders = new OverlayOrders(link);
    this.#catalogue = catalogue;
    this.#clock = clock;
    this.#defaultLanguage = defaultLanguage;
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
    if (!this.#task.isRunning) return { state: "stopped" };
    const isIdle = this.#link.isOnline && this.#epoch.current === undefined;
    const detail = "idle: the XMPP server has no module of the gateway";
    return isIdle ? { state: "ok", detail, isIdle } : { state: "ok" };
  }

  reduce(document: PresenceDocument): PresenceDocument {
    const reduced = reduceToOverlay(document);
    if (reduced === CLEAR) return CLEAR;
    return this.#reduced.get(`${keyOf(reduced)}\n${reduced.until}`, () => reduced);
  }

  publish({ presentity, document, locale }: Publication, signal: AbortSignal): Promise<PublishReceipt> {
    return this.#set(presentity, this.#overlay(document, locale), signal);
  }

  async retract({ presentity, locale }: Publication, signal: AbortSignal): Promise<void> {
    await this.#set(presentity, this.#overlay(CLEAR, locale), signal);
  }

  flush(): void {
    this.#orders.flush();
  }

  #overlay(document: PresenceDocument, locale: string): XmlDraft {
    const reduced = reduceToOverlay(document);
    const limit = plus(this.#clock.now(), LIFETIME);
    const locales = [locale, this.#defaultLanguage()];
    const draw = (): XmlDraft => frozen(encodeOverlay(reduced, locales, limit, this.#catalogue));
    return this.#drafts.get(`${keyOf(reduced)}\n${overlayEnd(reduced, limit)}\n${locales}`, draw);
  }

  epoch(): string | undefined {
    return this.#epoch.current;
  }

  watchEpoch(signal: AbortSignal): AsyncIterable<string | undefined> {
    return this.#epoch.watch(signal);
  }

  async #set(presentity: Publication["presentity"], overlay: XmlDraft, signal: AbortSignal): Promise<PublishReceipt> {
    try {
      await this.#orders.send(presentity, overlay, signal);
      return {};
    } catch (error) {
      throw toOverlayError(presentity, error);
    }
  }
}

const keyOf = ({ show, source, text, activity, via, note }: PresenceDocument): string =>
  `${show}\n${source}\n${text}\n${activity?.general}\n${activity?.specific}${via ? `\n${via}${JSON.stringify(note)}` : ""}`;

/** Which runs of the module hold our overlays. */
function nameEpoch(accesses: readonly DomainAccess[]): string | undefined {
  const instances = accesses
    .filter(({ moduleInstance }) => moduleInstance !== undefined)
    .map(({ domain, moduleInstance }) => `${domain}=${moduleInstance}`);
  return instances.length === 0 ? undefined : instances.sort().join(" ");
}
