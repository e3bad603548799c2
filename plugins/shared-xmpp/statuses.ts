import type { PresenceDocument } from "../../src/core/presence.ts";
import { matchLanguage, stateText, type TextCatalogue } from "../../src/core/texts.ts";
import type { XmlDraft } from "../../src/ports/xmpp-link.ts";

/**
 * A `<status/>` in each language: the gateway's own text in those and in English, or else the client's own note; the
 * same words once only. The watcher's client picks (RFC 6121 4.7.2.2). Pure.
 *
 * @param locales the user's, then others for watchers who do not read it
 */
export const encodeStatuses = (
  document: Pick<PresenceDocument, "text" | "note">,
  locales: readonly string[],
  catalogue: TextCatalogue,
): readonly XmlDraft[] =>
  statusesOf(document, locales, catalogue).map(([tag, words]) => ({
    name: "status",
    attributes: { "xml:lang": tag || undefined },
    children: [words],
  }));

function statusesOf(
  { text, note = {} }: Pick<PresenceDocument, "text" | "note">,
  locales: readonly string[],
  catalogue: TextCatalogue,
): readonly (readonly [tag: string, words: string])[] {
  if (!text) return Object.entries(note);
  const languages = [...new Set([...locales.map((locale) => matchLanguage(catalogue, locale)), "en"])];
  const statuses = languages.map((tag) => [tag, stateText(catalogue, text, tag)] as const);
  return statuses.filter(([, words], index) => statuses.findIndex((each) => each[1] === words) === index);
}
