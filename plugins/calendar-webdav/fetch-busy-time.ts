import { setMaxListeners } from "node:events";
import type { Mailbox } from "../../src/core/addresses.ts";
import { type BusyInterval, canonicalIntervals, type FreeBusyStatus } from "../../src/core/busy-time.ts";
import { parseInstant, type TimeWindow } from "../../src/lib/time.ts";
import type { BusyTimeResult } from "../../src/ports/calendar-source.ts";
import { type GatewayError, toGatewayError } from "../../src/ports/errors.ts";
import type { CalendarFolders } from "./calendar-folders.ts";
import { MAX_ENTRIES, searchBusyTime } from "./dav-requests.ts";
import type { DavResponse } from "./multistatus.ts";
import type { Urgency, WebdavClient } from "./webdav-client.ts";
import { concernsMailbox, webdavError } from "./webdav-errors.ts";

/** What reading needs. */
export interface FetchDeps {
  readonly client: WebdavClient;
  readonly folders: CalendarFolders;
}

/** So many mailboxes that fail, and none that does not, are not single mailboxes that fail: the rest is not asked for. */
const OUTAGE = 3;

/** One result per mailbox, in order. Rejects when the server failed for every one of them. */
export async function fetchBusyTime(
  deps: FetchDeps,
  mailboxes: readonly Mailbox[],
  window: TimeWindow,
  signal: AbortSignal,
): Promise<readonly BusyTimeResult[]> {
  const batch = new AbortController();
  setMaxListeners(0, batch.signal); // one for each mailbox: that is no leak, and Node need not warn of it
  const abort = (): void => batch.abort(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const failures: GatewayError[] = [];
  let answers = 0;
  const fetch = async (mailbox: Mailbox): Promise<BusyTimeResult> => {
    try {
      const intervals = await fetchMailbox(deps, mailbox, window, "in-turn", batch.signal);
      answers += 1;
      return { mailbox, intervals };
    } catch (caught) {
      signal.throwIfAborted();
      const error = toGatewayError(caught);
      if (concernsMailbox(error)) answers += 1;
      else failures.push(error);
      if (answers === 0 && failures.length >= OUTAGE) batch.abort(error);
      return { mailbox, error };
    }
  };
  try {
    const results = await Promise.all(mailboxes.map(fetch));
    const [first] = failures;
    if (first && answers === 0) throw first;
    return results;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The entries of one calendar within the window. */
export function fetchMailbox(
  { client, folders }: FetchDeps,
  mailbox: Mailbox,
  window: TimeWindow,
  urgency: Urgency,
  signal: AbortSignal,
): Promise<readonly BusyInterval[]> {
  const search = async (folder: string): Promise<readonly BusyInterval[]> => {
    const { responses } = await client.exchange(searchBusyTime(folder, window), { mailbox, urgency }, signal);
    return decodeBusyTime(responses, window, `${mailbox} at ${client.host}`);
  };
  return folders.use(mailbox, search, urgency, signal);
}

/** `urn:schemas:calendar:busystatus`; Exchange 2003 and 2007 know no other. */
const STATUSES: ReadonlyMap<string, FreeBusyStatus> = new Map<string, FreeBusyStatus>([
  ["FREE", "free"],
  ["TENTATIVE", "tentative"],
  ["BUSY", "busy"],
  ["OOF", "oof"],
]);

/** Busy time of the rows of a SEARCH; an unknown status is `noData`, never busy. Throws GatewayError for rows that are none. */
export function decodeBusyTime(
  rows: readonly DavResponse[],
  window: TimeWindow,
  subject: string,
): readonly BusyInterval[] {
  if (rows.length > MAX_ENTRIES) {
    throw webdavError("webdav-too-many-entries", `${subject}: more than ${MAX_ENTRIES} entries`);
  }
  const intervals = rows.map(({ properties }) => {
    const start = parseInstant(properties.get("dtstart") ?? "");
    const end = parseInstant(properties.get("dtend") ?? "");
    if (start === undefined || end === undefined) {
      throw webdavError("webdav-bad-answer", `${subject}: an entry has no valid time`);
    }
    return { start, end, status: STATUSES.get(properties.get("busystatus")?.toUpperCase() ?? "") ?? "noData" };
  });
  return canonicalIntervals(intervals.filter(({ start, end }) => end > window.start && start < window.end));
}
