import type { PresenceDocument } from "../core/presence.ts";
import { type Instant, instant } from "../lib/time.ts";
import type { OutboxRow, Published } from "../ports/journal.ts";

/** What is shown and what is due of one presentity, each in the order of the publishers' names; never changed in place. */
export interface Publications {
  readonly published: readonly Published[];
  readonly outbox: readonly OutboxRow[];
}

/** Nothing is shown, nothing is due. */
export const NO_PUBLICATIONS: Publications = { published: [], outbox: [] };

interface OfPublisher {
  readonly publisher: string;
}

const without = <Each extends OfPublisher>(all: readonly Each[], publisher: string): readonly Each[] =>
  all.filter((each) => each.publisher !== publisher);

/** Looks before it sorts: nearly always one takes the place of an earlier one of its publisher, and a burst comes here often. */
function replaced<Each extends OfPublisher>(all: readonly Each[], one: Each): readonly Each[] {
  const index = all.findIndex((each) => each.publisher === one.publisher);
  if (index >= 0) return all.with(index, one);
  return [...all, one].sort((a, b) => (a.publisher < b.publisher ? -1 : 1));
}

/** The rows are due instead of earlier ones of their publishers. */
export const withRows = ({ published, outbox }: Publications, rows: readonly OutboxRow[]): Publications => ({
  published,
  outbox: rows.reduce(replaced, outbox),
});

/** The row was published: it goes, unless a newer one has taken its place. */
export const withPublished = (state: Publications, row: OutboxRow, published: Published): Publications => ({
  published: replaced(state.published, published),
  outbox: state.outbox.filter((each) => !isSameRow(each, row)),
});

/** The row stays with what went wrong, unless a newer one has taken its place. */
export const withFailure = (
  { published, outbox }: Publications,
  row: OutboxRow,
  { retryAt, error }: { readonly retryAt: Instant; readonly error: string },
): Publications => ({
  published,
  outbox: outbox.map((each) =>
    isSameRow(each, row) ? { ...each, notBefore: retryAt, failures: row.failures + 1, lastError: error } : each,
  ),
});

/** Nothing is shown by this publisher. */
export const withoutPublished = ({ published, outbox }: Publications, publisher: string): Publications => ({
  published: without(published, publisher),
  outbox,
});

/** Nothing is due for this publisher. */
export const withoutRow = ({ published, outbox }: Publications, publisher: string): Publications => ({
  published,
  outbox: without(outbox, publisher),
});

/**
 * A row is the same as another of its publisher when it says the same of the same instant: what has been sent then needs
 * no second sending, whichever of the two was.
 */
const isSameRow = (a: OutboxRow, b: OutboxRow): boolean =>
  a === b ||
  (a.publisher === b.publisher &&
    whole(a.since) === whole(b.since) &&
    a.kind === b.kind &&
    a.locale === b.locale &&
    isSameDocument(a.document, b.document));

const isSameDocument = (a: PresenceDocument, b: PresenceDocument): boolean =>
  a === b || JSON.stringify(a) === JSON.stringify(b);

/** Instants with added lengths may carry fractions; "not before" must not come too early. */
const whole = (at: Instant): Instant => instant(Math.ceil(at));

type PublishedColumns = readonly [string, string, Instant, string, (string | null | undefined)?];
type RowColumns = readonly [string, string, OutboxRow["kind"], Instant, Instant, number, (string | null | undefined)?];

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
        .map(({ publisher, document, locale, at, epoch, tag }) =>
          encodeLines([publisher, locale, whole(at), epoch, tag], document),
        )
        .join("\n"),
    encodeOutbox: (outbox) =>
      outbox
        .map(({ publisher, document, locale, kind, since, notBefore, failures, lastError }) =>
          encodeLines([publisher, locale, kind, whole(since), whole(notBefore), failures, lastError], document),
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
  return decodeLines<PublishedColumns, Published>(text, ([publisher, locale, at, epoch, tag], document) => {
    const shown = { publisher: once(publisher), document: decodeDocument(document), locale: once(locale), at };
    return typeof tag === "string" ? { ...shown, epoch: once(epoch), tag } : { ...shown, epoch: once(epoch) };
  });
}

/** Reads what `encodeOutbox` wrote. */
export function decodeOutbox(
  text: string,
  presentity: OutboxRow["presentity"],
  { decodeDocument, once }: SharedTexts,
): readonly OutboxRow[] {
  return decodeLines<RowColumns, OutboxRow>(text, (columns, document) => {
    const [publisher, locale, kind, since, notBefore, failures, lastError] = columns;
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
    };
  });
}

function decodeLines<Columns, Row>(text: string, decode: (columns: Columns, document: string) => Row): readonly Row[] {
  if (text === "") return [];
  const lines = text.split("\n");
  const rows: Row[] = [];
  for (let index = 0; index + 1 < lines.length; index += 2) {
    const columns: Columns = JSON.parse(lines[index] ?? "");
    rows.push(decode(columns, lines[index + 1] ?? ""));
  }
  return rows;
}
