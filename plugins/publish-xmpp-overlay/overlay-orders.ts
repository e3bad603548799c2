import { type BareJid, domainOf } from "../../src/core/addresses.ts";
import { groupBy } from "../../src/lib/group-by.ts";
import { GatewayError } from "../../src/ports/errors.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import { elementsOf, findChild } from "../../src/ports/xml-element.ts";
import type { XmlDraft, XmppLink } from "../../src/ports/xmpp-link.ts";
import { NS_SERVER_MODULE } from "../shared-xmpp/namespaces.ts";

interface Order {
  readonly user: BareJid;
  readonly overlay: XmlDraft;
  readonly signal: AbortSignal;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Users of one stanza: many enough to save most of the work, few enough that the server gets to others in between. */
const MOST_TOGETHER = 64;

/**
 * Orders to the server module. Those of one turn of the event loop go together, each overlay once with all its users,
 * where the module takes that (its feature `batch`): a meeting that begins for thousands is a hundred stanzas then.
 */
export class OverlayOrders {
  readonly #link: XmppLink;
  #waiting: Order[] = [];

  constructor(link: XmppLink) {
    this.#link = link;
  }

  /** Resolves when the module has taken the overlay; rejects with the link's errors. */
  send(user: BareJid, overlay: XmlDraft, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0) queueMicrotask(() => this.flush());
      this.#waiting.push({ user, overlay, signal, resolve, reject });
    });
  }

  /** Sends what waits now; without that it is sent when the turn ends. */
  flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const [domain, orders] of groupBy(waiting, ({ user }) => domainOf(user))) {
      const canBatch = this.#link.access(domain)?.moduleFeatures.split(" ").includes("batch") ?? false;
      for (const batch of cut(orders, canBatch ? MOST_TOGETHER : 1)) this.#sendBatch(domain, batch);
    }
  }

  #sendBatch(domain: BareJid, batch: readonly Order[]): void {
    const [first] = batch;
    if (!first) return;
    const answer =
      batch.length === 1 ? this.#link.request(single(first), first.signal) : this.#request(domain, batch, first.signal);
    answer.then(
      (element) => settle(batch, element),
      (error: unknown) => {
        for (const { reject } of batch) reject(error);
      },
    );
  }

  #request(domain: BareJid, batch: readonly Order[], signal: AbortSignal): Promise<XmlElement> {
    const byOverlay = groupBy(batch, ({ overlay }) => overlay);
    const children = [...byOverlay].map(([overlay, orders]) => withUsers(overlay, orders));
    const overlays = { name: "overlays", attributes: { xmlns: NS_SERVER_MODULE }, children };
    return this.#link.request({ name: "iq", attributes: { type: "set", to: domain }, children: [overlays] }, signal);
  }
}

/** Orders of one signal at most so many together. */
function* cut(orders: readonly Order[], most: number): Generator<readonly Order[]> {
  for (const same of groupBy(orders, ({ signal }) => signal).values())
    for (let from = 0; from < same.length; from += most) yield same.slice(from, from + most);
}

const single = ({ user, overlay }: Order): XmlDraft => ({
  name: "iq",
  attributes: { type: "set", to: user },
  children: [overlay],
});

const withUsers = (overlay: XmlDraft, orders: readonly Order[]): XmlDraft => ({
  ...overlay,
  children: [...(overlay.children ?? []), ...orders.map(({ user }) => ({ name: "to", attributes: { jid: user } }))],
});

function settle(batch: readonly Order[], answer: XmlElement): void {
  const refusals = elementsOf(findChild(answer, "overlays", NS_SERVER_MODULE) ?? answer);
  const conditions = new Map(refusals.map(({ attributes }) => [attributes["jid"], attributes["condition"]]));
  for (const { user, resolve, reject } of batch) {
    const condition = conditions.get(user);
    if (condition === undefined) resolve();
    else reject(refusal(user, condition));
  }
}

/** As if the user's own iq had been answered with the condition (RFC 6120 8.3.3). */
const refusal = (user: BareJid, condition: string): GatewayError =>
  new GatewayError(`the server answered ${condition} for ${user}`, {
    type: condition === "item-not-found" ? "cancel" : "modify",
    code: `xmpp-iq-${condition}`,
  });
