import { type PresenceDocument, samePresence } from "../core/presence.ts";
import type { OutboxRow, Published } from "../ports/journal.ts";
import type { PresencePublisher } from "../ports/presence-publisher.ts";

/** A presentity of whom nothing is to be said. */
export const NEUTRAL: PresenceDocument = { show: "unavailable", source: "client" };

/** True when the publisher would show something of the document. */
export const isVisible = (publisher: PresencePublisher, document: PresenceDocument): boolean =>
  !samePresence(publisher.reduce(document), publisher.reduce(NEUTRAL));

/** What one publisher shows and is about to show of a presentity. */
export interface PublicationState {
  /** What is known to be shown, unless it was lost with the server. */
  readonly shown: Published | undefined;
  /** Whether something else may be shown that was published before, though it cannot be relied upon. */
  readonly mayLinger: boolean;
  readonly pending: OutboxRow | undefined;
  /** Whether something that was sent may yet take effect, or has done so unnoticed. */
  readonly isUncertain: boolean;
}

/** What shall be shown; `neutral` is what the publisher makes of a presentity of whom nothing is to be said. */
export interface PublicationTarget {
  readonly document: PresenceDocument;
  readonly locale: string;
  readonly neutral: PresenceDocument;
}

/** What is to be done so that the target is shown: nothing, send it, or drop a row that has become needless. */
export type PublicationPlan = "nothing" | "send" | "drop-pending";

interface Shown {
  readonly document: PresenceDocument;
  readonly locale: string;
}

/** True when both look the same; the locale matters only where one of the gateway's own texts is shown. */
export const isSame = (a: Shown, b: Shown): boolean =>
  samePresence(a.document, b.document) && (a.document.text === undefined || a.locale === b.locale);

/** Decides by what will be shown when everything under way has arrived; nothing unchanged is sent twice. */
export function planPublication(
  target: PublicationTarget,
  { shown, mayLinger, pending, isUncertain }: PublicationState,
): PublicationPlan {
  const isShown = shown ? isSame(shown, target) : !mayLinger && samePresence(target.document, target.neutral);
  if (!pending) return isShown ? "nothing" : "send";
  if (isShown && !isUncertain) return "drop-pending";
  return isSame(pending, target) ? "nothing" : "send";
}
