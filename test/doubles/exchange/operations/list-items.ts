import type { Meeting } from "../mailbox.ts";
import { occurrencesIn, type TimeSpan } from "../meetings.ts";
import { child, textAt, type XmlElement } from "../request-xml.ts";
import type { Answer, Call, Site } from "../site.ts";
import { EwsFault, encodeMessage, encodeResponse } from "../soap.ts";
import { parseTime, UTC } from "../time-zone.ts";
import { isAtLeast } from "../versions.ts";
import { encodeCalendarItem, encodeItemId, type FoundItem } from "./calendar-item.ts";
import { type Folder, findFolder } from "./folders.ts";

// EWSFindCountLimit of the default policy, and the widest CalendarView.
const FIND_COUNT_LIMIT = 1000;
const WIDEST_VIEW = 2 * 366 * 86_400_000;

/** FindItem: the items of a calendar, or with CalendarView the occurrences that touch a window. */
export function findItems(call: Call, site: Site): Answer {
  if (child(call.body, "Restriction") ?? child(call.body, "QueryString")) {
    throw new EwsFault("ErrorUnsupportedQueryFilter", "Searches with a restriction or a query are not offered.");
  }
  const messages = (child(call.body, "ParentFolderIds")?.children ?? []).map((element) =>
    encodeMessage("FindItem", () => encodeRootFolder(call, findFolder(call, element, site))),
  );
  return { body: encodeResponse("FindItem", messages.join("")) };
}

function encodeRootFolder(call: Call, folder: Folder): string {
  const view = child(call.body, "CalendarView");
  const all = itemsOf(folder, view);
  const page = pageOf(all, view ?? child(call.body, "IndexedPageItemView"), call);
  const isLast = page.offset + page.items.length >= all.length;
  const next = view === undefined ? ` IndexedPagingOffset="${page.offset + page.items.length}"` : "";
  const items = page.items.map((item) => encodeShaped(call, item)).join("");
  return `<m:RootFolder${next} TotalItemsInView="${all.length}" IncludesLastItemInRange="${isLast}"><t:Items>${items}</t:Items></m:RootFolder>`;
}

function itemsOf({ mailbox, key }: Folder, view: XmlElement | undefined): readonly FoundItem[] {
  if (key !== "calendar") return [];
  const meetings = [...mailbox.meetings];
  if (view === undefined) return meetings.map((meeting) => ({ mailbox, meeting, occurrence: undefined }));
  const window = parseView(view);
  const occurrenceOf = (meeting: Meeting, span: TimeSpan): FoundItem => ({
    mailbox,
    meeting,
    occurrence: meeting.recurrence === undefined ? undefined : span,
  });
  return meetings
    .flatMap((meeting) =>
      [...occurrencesIn(meeting, window, mailbox.utcOffset)].map((span) => occurrenceOf(meeting, span)),
    )
    .sort((a, b) => startOf(a) - startOf(b));
}

function startOf({ meeting, occurrence }: FoundItem): number {
  return (occurrence ?? meeting).start;
}

function parseView(view: XmlElement): TimeSpan {
  const start = parseTime(view.attributes.get("StartDate"), UTC);
  const end = parseTime(view.attributes.get("EndDate"), UTC);
  if (start === undefined || end === undefined || end < start) {
    throw new EwsFault("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.");
  }
  if (end - start > WIDEST_VIEW) {
    throw new EwsFault(
      "ErrorCalendarViewRangeTooBig",
      "The specified view range exceeds the maximum range of two years.",
    );
  }
  return { start, end };
}

function pageOf(
  items: readonly FoundItem[],
  paging: XmlElement | undefined,
  call: Call,
): { readonly offset: number; readonly items: readonly FoundItem[] } {
  const offset = Number(paging?.attributes.get("Offset") ?? "0");
  const wanted = Number(paging?.attributes.get("MaxEntriesReturned") ?? Number.POSITIVE_INFINITY);
  const page = items.slice(offset, offset + wanted);
  if (page.length <= FIND_COUNT_LIMIT) return { offset, items: page };
  // Over budget: a partial page when paging is asked for, else an error; clients of 2010 and older know only "busy".
  if (Number.isFinite(wanted)) return { offset, items: page.slice(0, FIND_COUNT_LIMIT) };
  const code = isAtLeast(call.requestVersion, "Exchange2010_SP1") ? "ErrorExceededFindCountLimit" : "ErrorServerBusy";
  throw new EwsFault(
    code,
    "You have exceeded the maximum number of objects that can be returned for the find operation.",
  );
}

function encodeShaped(call: Call, item: FoundItem): string {
  const shape = child(call.body, "ItemShape");
  const isIdOnly = textAt(shape, "BaseShape") === "IdOnly" && child(shape, "AdditionalProperties") === undefined;
  return isIdOnly ? `<t:CalendarItem>${encodeItemId(item)}</t:CalendarItem>` : encodeCalendarItem(item);
}

interface ItemChange {
  readonly at: number;
  readonly xml: string;
}

/** SyncFolderItems: what changed in a folder since the state of an earlier answer. */
export function syncFolderItems(call: Call, site: Site): Answer {
  const message = encodeMessage("SyncFolderItems", () => {
    const folder = findFolder(call, child(call.body, "SyncFolderId")?.children[0], site);
    const since = parseSyncState(textAt(call.body, "SyncState") ?? "");
    const maximum = Number(textAt(call.body, "MaxChangesReturned") ?? "512");
    const changes = changesSince(call, folder, since);
    const page = changes.slice(0, maximum);
    const isLast = page.length === changes.length;
    const state = isLast ? folder.mailbox.changes : (page.at(-1)?.at ?? since);
    return `<m:SyncState>${encodeSyncState(state)}</m:SyncState><m:IncludesLastItemInRange>${isLast}</m:IncludesLastItemInRange><m:Changes>${page.map((change) => change.xml).join("")}</m:Changes>`;
  });
  return { body: encodeResponse("SyncFolderItems", message) };
}

function changesSince(call: Call, { mailbox, key }: Folder, since: number): readonly ItemChange[] {
  if (key !== "calendar") return [];
  const put = [...mailbox.meetings]
    .filter((meeting) => meeting.changedAt > since)
    .map((meeting) => {
      const element = meeting.createdAt > since ? "Create" : "Update";
      const xml = `<t:${element}>${encodeShaped(call, { mailbox, meeting, occurrence: undefined })}</t:${element}>`;
      return { at: meeting.changedAt, xml };
    });
  const removed = mailbox.removedAfter(since).map(({ id, changedAt }) => {
    return { at: changedAt, xml: `<t:Delete><t:ItemId Id="${id}"/></t:Delete>` };
  });
  return [...put, ...removed].sort((a, b) => a.at - b.at);
}

function encodeSyncState(changes: number): string {
  return Buffer.from(`S${changes}`).toString("base64");
}

function parseSyncState(text: string): number {
  if (text === "") return 0;
  const changes = /^S(\d+)$/.exec(Buffer.from(text, "base64").toString())?.[1];
  if (changes === undefined) throw new EwsFault("ErrorInvalidSyncStateData", "Synchronization state data is corrupt.");
  return Number(changes);
}
