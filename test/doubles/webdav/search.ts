import { parseInstant } from "../../../src/lib/time.ts";
import { parseRequestXml, textAt } from "../exchange/request-xml.ts";
import type { DavItem, DavMailbox } from "./dav-mailbox.ts";

/** What a SEARCH asked for. */
interface Search {
  readonly columns: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly hasMasters: boolean;
}

const instantOf = (sql: string, column: string, operator: string): number => {
  const pattern = new RegExp(`"urn:schemas:calendar:${column}" ${operator} CAST\\("([^"]+)" AS "dateTime\\.tz"\\)`);
  const at = parseInstant(pattern.exec(sql)?.[1] ?? "");
  if (at === undefined) throw new Error(`no ${column} ${operator}`);
  return at;
};

/** Takes the statement apart; throws for what Exchange would not understand. */
function parseSearch(body: Uint8Array): Search {
  const sql = textAt(parseRequestXml(body), "sql") ?? "";
  const columns = /^SELECT (.+)\nFROM Scope\('SHALLOW TRAVERSAL OF ""'\)\nWHERE /.exec(sql)?.[1]?.split(", ");
  if (!columns || !sql.includes(`"DAV:contentclass" = 'urn:content-classes:appointment'`)) throw new Error(sql);
  return {
    columns: columns.map((column) => column.replaceAll('"', "")),
    from: instantOf(sql, "dtend", ">"),
    to: instantOf(sql, "dtstart", "<"),
    hasMasters: !sql.includes('NOT "urn:schemas:calendar:instancetype" = 1'),
  };
}

const formatTime = (at: number): string => new Date(at).toISOString();

const cellOf = (item: DavItem, column: string): string => {
  if (column === "urn:schemas:calendar:dtstart") return formatTime(item.start);
  if (column === "urn:schemas:calendar:dtend") return formatTime(item.end);
  if (column === "urn:schemas:calendar:busystatus") return item.busyStatus;
  throw new Error(`more is asked for than when and how busy: ${column}`);
};

const property = (item: DavItem, column: string): string => {
  const name = column.slice(column.lastIndexOf(":") + 1);
  const type = name.startsWith("dt") ? ' b:dt="dateTime.tz"' : "";
  return `<d:${name}${type}>${cellOf(item, column)}</d:${name}>`;
};

/** The rows of a SEARCH as `a:response` elements; only so many as the header Range asks for. */
export function answerSearch(mailbox: DavMailbox, body: Uint8Array, range: string | undefined): string {
  const { columns, from, to, hasMasters } = parseSearch(body);
  const last = Number(/^rows=0-(\d+)$/.exec(range ?? "")?.[1] ?? Number.POSITIVE_INFINITY);
  const found = mailbox.items
    .filter(({ start, end, instanceType }) => end > from && start < to && (hasMasters || instanceType !== 1))
    .sort((a, b) => a.start - b.start)
    .slice(0, last + 1);
  return found
    .map(
      (item, index) =>
        `<a:response><a:href>https://mail.example.com/exchange/x/Calendar/${index}.EML</a:href><a:propstat>` +
        `<a:status>HTTP/1.1 200 OK</a:status><a:prop>${columns.map((column) => property(item, column)).join("")}</a:prop></a:propstat></a:response>`,
    )
    .join("");
}
