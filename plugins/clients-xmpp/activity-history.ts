import type { PresentityId } from "../../src/core/addresses.ts";
import type { XmlElement } from "../../src/ports/xml-element.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";
import { NS_ACTIVITY } from "../shared-xmpp/namespaces.ts";

/** Own publications of one user whose events may still come. */
const MOST_PENDING = 4;

/**
 * Remembers what the gateway itself published in each user's activity node, so that its own events are told from
 * others'. Events of one node come in the order of publishing: one that is no newer than the last one seen is foreign.
 */
export class ActivityHistory {
  readonly #published = new Map<PresentityId, readonly string[]>();
  /** The fingerprints of iqs that were sent before: one and the same goes to thousands. */
  readonly #fingerprints = new WeakMap<XmlDraft, string | undefined>();

  /** Notes the publication, if the iq is one. */
  record(user: PresentityId, iq: XmlDraft): void {
    if (!this.#fingerprints.has(iq)) this.#fingerprints.set(iq, fingerprintOfPublication(iq));
    const fingerprint = this.#fingerprints.get(iq);
    if (fingerprint === undefined) return;
    const earlierOnes = this.#published.get(user) ?? [];
    this.#published.set(user, [...earlierOnes, fingerprint].slice(-MOST_PENDING));
  }

  /** True when the payload of an event is what the gateway published; what came before it cannot come any more. */
  recognise(user: PresentityId, payload: XmlElement): boolean {
    const published = this.#published.get(user) ?? [];
    const index = published.indexOf(fingerprint(payload));
    if (index < 0) return false;
    this.#published.set(user, published.slice(index));
    return true;
  }
}

function fingerprintOfPublication(iq: XmlDraft): string | undefined {
  const item = findDraft(iq, (draft) => draft.name === "publish" && draft.attributes?.["node"] === NS_ACTIVITY);
  const payload = item && findDraft(item, (draft) => draft.name === "activity");
  return payload && fingerprint(payload);
}

function findDraft(draft: XmlDraft, fits: (draft: XmlDraft) => boolean): XmlDraft | undefined {
  if (fits(draft)) return draft;
  for (const child of draft.children ?? []) {
    const found = typeof child === "object" ? findDraft(child, fits) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** Names and texts in order; namespaces and attributes may be written anew by the server. */
function fingerprint(node: XmlElement | XmlDraft): string {
  const children: readonly (XmlElement | XmlDraft | string | undefined)[] = node.children ?? [];
  const contents = children.filter((child) => child !== undefined);
  return JSON.stringify([
    node.name,
    ...contents.map((child) => (typeof child === "string" ? child : fingerprint(child))),
  ]);
}
