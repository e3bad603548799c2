import type { Mailbox } from "../../src/core/addresses.ts";
import { formatLocalUtc, type Instant, instant, type Milliseconds, type TimeWindow } from "../../src/lib/time.ts";
import { escapeXml } from "../../src/lib/xml.ts";

/** One request of WebDAV or of Exchange's extensions to it. */
export interface DavRequest {
  readonly method: "OPTIONS" | "PROPFIND" | "SEARCH" | "SUBSCRIBE" | "POLL" | "UNSUBSCRIBE";
  /** Percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Local names of the properties that are read of the answer. */
  readonly properties: readonly string[];
}

/** Most entries of one calendar that are read. */
export const MAX_ENTRIES = 1000;

const XML = { "content-type": "text/xml; charset=utf-8" } as const;
const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>';

/** `/exchange/alice@example.com/`: the mailbox below the URL of all mailboxes. */
export const mailboxPath = (root: URL, mailbox: Mailbox): string =>
  `${root.pathname}${encodeURIComponent(mailbox).replace("%40", "@")}/`;

/** The folder of that name in the mailbox, without a slash at the end. */
export const folderPath = (root: URL, mailbox: Mailbox, name: string): string =>
  mailboxPath(root, mailbox) + encodeURIComponent(name);

/** OPTIONS: what the server speaks, in the headers MS-Author-Via and DASL. */
export const askOptions = (path: string): DavRequest => ({
  method: "OPTIONS",
  path,
  headers: {},
  body: "",
  properties: [],
});

/** PROPFIND (RFC 2518 8.1) of a mailbox: where its calendar folder is, whatever its name. */
export const findCalendar = (path: string): DavRequest =>
  propfind(path, '<h:calendar xmlns:h="urn:schemas:httpmail:"/>', ["calendar"]);

/** PROPFIND of a folder: whether it is there. */
export const findFolder = (path: string): DavRequest => propfind(path, "<D:contentclass/>", []);

const propfind = (path: string, property: string, properties: readonly string[]): DavRequest => ({
  method: "PROPFIND",
  path,
  headers: { ...XML, depth: "0", brief: "t" },
  body: `${DECLARATION}<D:propfind xmlns:D="DAV:"><D:prop>${property}</D:prop></D:propfind>`,
  properties,
});

/**
 * SEARCH with DAV:sql: when and how busy, never what. The server expands recurring meetings: instancetype 1 is the
 * series itself; 0, 2 and 3 are what takes place.
 */
export function searchBusyTime(folder: string, window: TimeWindow): DavRequest {
  const { start, end } = wholeSeconds(window);
  const sql = [
    'SELECT "urn:schemas:calendar:dtstart", "urn:schemas:calendar:dtend", "urn:schemas:calendar:busystatus"',
    // An empty scope is the folder that the request names, so that there is no URL to be quoted.
    `FROM Scope('SHALLOW TRAVERSAL OF ""')`,
    'WHERE NOT "urn:schemas:calendar:instancetype" = 1',
    `AND "DAV:contentclass" = 'urn:content-classes:appointment'`,
    `AND "urn:schemas:calendar:dtend" > CAST("${formatTime(start)}" AS "dateTime.tz")`,
    `AND "urn:schemas:calendar:dtstart" < CAST("${formatTime(end)}" AS "dateTime.tz")`,
    'ORDER BY "urn:schemas:calendar:dtstart" ASC',
  ].join("\n");
  return {
    method: "SEARCH",
    path: `${folder}/`,
    // One more than is read: so that it is known that there are more.
    headers: { ...XML, range: `rows=0-${MAX_ENTRIES}`, translate: "f", brief: "t" },
    body: `${DECLARATION}<D:searchrequest xmlns:D="DAV:"><D:sql>${escapeXml(sql)}</D:sql></D:searchrequest>`,
    properties: ["dtstart", "dtend", "busystatus"],
  };
}

const formatTime = (at: Instant): string => `${formatLocalUtc(at)}.000Z`;

const wholeSeconds = ({ start, end }: TimeWindow): TimeWindow => ({
  start: instant(Math.floor(start / 1000) * 1000),
  end: instant(Math.ceil(end / 1000) * 1000),
});

/** SUBSCRIBE to all changes in a folder; without a callback they are only told when asked (POLL). */
export const subscribe = (folder: string, lifetime: Milliseconds, callback: string | undefined): DavRequest =>
  bodyless("SUBSCRIBE", folder, {
    "notification-type": "update",
    depth: "1",
    "subscription-lifetime": String(lifetime / 1000),
    "notification-delay": "0",
    ...(callback !== undefined && { "call-back": callback }),
  });

/** SUBSCRIBE with ids and nothing that would make a new subscription. */
export const renew = (folder: string, ids: readonly string[], lifetime: Milliseconds): DavRequest =>
  bodyless("SUBSCRIBE", folder, { ...idsHeader(ids), "subscription-lifetime": String(lifetime / 1000) });

/** POLL: whether anything changed since the last; it also acknowledges what was told by a datagram. */
export const poll = (folder: string, ids: readonly string[]): DavRequest => bodyless("POLL", folder, idsHeader(ids));

/** UNSUBSCRIBE. */
export const unsubscribe = (folder: string, ids: readonly string[]): DavRequest =>
  bodyless("UNSUBSCRIBE", folder, idsHeader(ids));

const idsHeader = (ids: readonly string[]) => ({ "subscription-id": ids.join(",") });

const bodyless = (
  method: DavRequest["method"],
  path: string,
  headers: Readonly<Record<string, string>>,
): DavRequest => ({ method, path, headers, body: "", properties: [] });
