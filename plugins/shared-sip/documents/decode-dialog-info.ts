import { ownText } from "../../../src/lib/own-text.ts";
import { elementsOf, findChild, textOf } from "../../../src/ports/xml-element.ts";
import { NS_DIALOG_INFO } from "./namespaces.ts";
import { readDocument } from "./read-document.ts";

/** What a dialog-info document says of calls. */
export interface HeardCalls {
  /** Whether it names all calls, or those that have changed only. */
  readonly isFull: boolean;
  /** Whether each call named is talking; ringing is not (RFC 4235 3.7.1: `confirmed`). */
  readonly calls: ReadonlyMap<string, boolean>;
}

const MOST_CALLS = 50;
const LONGEST_ID = 100;

/**
 * Reads dialog-info (RFC 4235). Versions are not looked at: notifications are applied in the order of their CSeq, and
 * compositors do not count theirs. Throws GatewayError `sip-bad-document`. Pure.
 */
export function decodeDialogInfo(text: string): HeardCalls {
  const root = readDocument(text, "dialog-info", NS_DIALOG_INFO);
  const calls = new Map<string, boolean>();
  for (const dialog of elementsOf(root)) {
    if (dialog.name !== "dialog" || dialog.namespace !== NS_DIALOG_INFO || calls.size >= MOST_CALLS) continue;
    const state = findChild(dialog, "state", NS_DIALOG_INFO);
    const isTalking = state !== undefined && textOf(state).trim() === "confirmed";
    calls.set(ownText((dialog.attributes["id"] ?? "").slice(0, LONGEST_ID)), isTalking);
  }
  return { isFull: root.attributes["state"] !== "partial", calls };
}

/** The calls in which somebody talks, after a document; the same set when nothing has changed. */
export function applyCalls(talking: ReadonlySet<string>, { isFull, calls }: HeardCalls): ReadonlySet<string> {
  const kept = isFull ? [] : [...talking].filter((id) => !calls.has(id));
  const now = [...kept, ...[...calls].filter(([, isTalking]) => isTalking).map(([id]) => id)].slice(0, MOST_CALLS);
  return now.length === talking.size && now.every((id) => talking.has(id)) ? talking : new Set(now);
}
