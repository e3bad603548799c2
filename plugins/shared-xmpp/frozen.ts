import type { XmlDraft } from "../../src/ports/xmpp-link.ts";

/**
 * The draft, frozen with all that is in it. Most of those for whom a meeting begins at one instant are shown the same: so
 * it is drawn up once, and the link writes it once.
 */
export function frozen(draft: XmlDraft): XmlDraft {
  for (const child of draft.children ?? []) if (typeof child === "object") frozen(child);
  Object.freeze(draft.attributes);
  Object.freeze(draft.children);
  return Object.freeze(draft);
}
