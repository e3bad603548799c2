import type { PresentityId } from "../../src/core/addresses.ts";
import { NONE } from "../../src/lib/keyed-list.ts";
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
  /** The fingerprints of iqs that were sent before, alone in a list: one and the same goes to thousands. */
  readonly #fingerprints = new WeakMap<XmlDraft, readonly string[]>();

  /** Notes the publication, if the iq is one; `isWatched`: events of those before may be on their way. */
  record(user: PresentityId, iq: XmlDraft, isWatched: boolean): void {
    const known = this.#fingerprints.get(iq) ?? fingerprintsOf(iq);
    this.#fingerprints.set(iq, known);
    if (known.length === 0) return;
    const earlierOnes = isWatched ? this.#published.get(user) : undefined;
    this.#published.set(user, earlierOnes ? [...earlierOnes, ...known].slice(-MOST_PENDING) : known);
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

function fingerprintsOf(iq: XmlDraft): readonly string[] {
  const item = findDraft(iq, (draft) => draft.name === "publish" && draft.attributes?.["node"] === NS_ACTIVITY);
  const payload = item && findDraft(item, (draft) => draft.name === "activity");
  return payload ? [fingerprint(payload)] : NONE;
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
