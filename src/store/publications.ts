import type { SipAor } from "../core/addresses.ts";
import type { PresenceDocument } from "../core/presence.ts";
import { type Instant, instant } from "../lib/time.ts";
import type { OutboxRow, Published } from "../ports/journal.ts";

/** Instants with added lengths may carry fractions; "not before" must not come too early. */
const whole = (at: Instant): Instant => instant(Math.ceil(at));

type Optional<Text extends string = string> = Text | null | undefined;
type PublishedColumns = readonly [string, string, Instant, string, Optional?, Optional<SipAor>?];
type RowColumns = readonly [string, string, OutboxRow["kind"], Instant, Instant, number, Optional?, Optional<SipAor>?];

/** Writes what is shown and what is due as text. */
export interface PublicationEncoder {
  readonly encodePublished: (published: readonly Published[]) => string;
  readonly encodeOutbox: (outbox: readonly OutboxRow[]) => string;
}

/**
 * As text each is two lines: an array of what is about it and the document, both JSON. The document stands alone so that
 * equal ones are known as such when they are read; what publishers give several times is written as JSON once.
 */
export function createPublicationEncoder(): PublicationEncoder {
  const documents = new WeakMap<PresenceDocument, string>();
  const encodeDocument = (document: PresenceDocument): string => {
    const known = documents.get(document);
    if (known !== undefined) return known;
    const text = JSON.stringify(document);
    documents.set(document, text);
    return text;
  };
  // JSON has no line ends of its own; what is undefined at the end of an array reads back as null.
  const encodeLines = (columns: PublishedColumns | RowColumns, document: PresenceDocument): string =>
    `${JSON.stringify(columns)}\n${encodeDocument(document)}`;
  return {
    encodePublished: (published) =>
      published
        .map(({ publisher, document, locale, at, epoch, tag, sip }) =>
          encodeLines([publisher, locale, whole(at), epoch, tag, sip], document),
        )
        .join("\n"),
    encodeOutbox: (outbox) =>
      outbox
        .map(({ publisher, document, locale, kind, since, notBefore, failures, lastError, sip }) =>
          encodeLines([publisher, locale, kind, whole(since), whole(notBefore), failures, lastError, sip], document),
        )
        .join("\n"),
  };
}

/** How texts that many rows share are read. */
export interface SharedTexts {
  readonly decodeDocument: (json: string) => PresenceDocument;
  readonly once: (text: string) => string;
}

/** Reads what `encodePublished` wrote. */
export function decodePublished(text: string, { decodeDocument, once }: SharedTexts): readonly Published[] {
  return decodeLines<PublishedColumns, Published>(text, ([publisher, locale, at, epoch, tag, sip], document) => {
    // Spelled out: a copy by `...` would have a hidden class of its own in memory.
    const shown = {
      publisher: once(publisher),
      document: decodeDocument(document),
      locale: once(locale),
      at,
      epoch: once(epoch),
    };
    if (typeof tag !== "string" && typeof sip !== "string") return shown;
    return { ...shown, ...(typeof tag === "string" && { tag }), ...(typeof sip === "string" && { sip }) };
  });
}

/** Reads what `encodeOutbox` wrote. */
export function decodeOutbox(
  text: string,
  presentity: OutboxRow["presentity"],
  { decodeDocument, once }: SharedTexts,
): readonly OutboxRow[] {
  return decodeLines<RowColumns, OutboxRow>(text, (columns, document) => {
    const [publisher, locale, kind, since, notBefore, failures, lastError, sip] = columns;
    return {
      presentity,
      publisher: once(publisher),
      document: decodeDocument(document),
      locale: once(locale),
      kind,
      since,
      notBefore,
      failures,
      ...(typeof lastError === "string" && { lastError }),
      ...(typeof sip === "string" && { sip }),
    };
  });
}

function decodeLines<Columns, Row>(text: string, decode: (columns: Columns, document: string) => Row): readonly Row[] {
  if (text === "") return [];
  const lines = text.split("\n");
  // Of just this length: what grows by `push` keeps room for another sixteen.
  return Array.from({ length: lines.length >> 1 }, (_, row) => {
    const columns: Columns = JSON.parse(lines[row * 2] ?? "");
    return decode(columns, lines[row * 2 + 1] ?? "");
  });
}
