import type { Mailbox } from "../mailbox.ts";
import type { MeetingDetails } from "../meetings.ts";
import { child, type XmlElement } from "../request-xml.ts";
import type { Answer, Call, Site } from "../site.ts";
import { EwsFault, encodeMessage, encodeResponse } from "../soap.ts";
import { encodeCalendarItem, encodeItemId, type FoundItem, findItem, parseItemProperties } from "./calendar-item.ts";
import { findFolder } from "./folders.ts";

/** GetItem. */
export function getItem(call: Call, site: Site): Answer {
  return answerEach(call, child(call.body, "ItemIds"), (element) => {
    return `<m:Items>${encodeCalendarItem(findItem(call, element, site))}</m:Items>`;
  });
}

/** CreateItem of calendar items; invitations are not delivered. */
export function createItem(call: Call, site: Site): Answer {
  return answerEach(call, child(call.body, "Items"), (element) => {
    if (element.name !== "CalendarItem") {
      throw new EwsFault("ErrorInvalidItemForOperationCreateItem", "Only calendar items can be created.");
    }
    if (!call.body.attributes.has("SendMeetingInvitations")) {
      throw new EwsFault(
        "ErrorSendMeetingInvitationsRequired",
        "SendMeetingInvitations attribute is required for calendar items.",
      );
    }
    const mailbox = targetMailbox(call, site);
    const id = mailbox.addMeeting(completeDetails(parseItemProperties(element, mailbox)));
    return encodeItems({ meeting: mailbox.meeting(id), occurrence: undefined });
  });
}

function targetMailbox(call: Call, site: Site): Mailbox {
  const saved = child(call.body, "SavedItemFolderId");
  if (saved === undefined) return site.mailboxOf(call, undefined);
  const { mailbox, key } = findFolder(call, saved.children[0], site);
  if (key !== "calendar")
    throw new EwsFault("ErrorCannotCreateCalendarItemInNonCalendarFolder", "Cannot create a calendar item here.");
  return mailbox;
}

function completeDetails(properties: Partial<MeetingDetails>): MeetingDetails {
  const { start, end, status = "busy" } = properties;
  if (start === undefined || end === undefined) {
    throw new EwsFault("ErrorRequiredPropertyMissing", "A required property, Start or End, is missing.");
  }
  if (end < start)
    throw new EwsFault("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate.");
  return { ...properties, start, end, status };
}

const REQUIRED_FIELDS = ["calendar:Start", "calendar:End", "calendar:LegacyFreeBusyStatus"];

/** UpdateItem: SetItemField of the properties that CreateItem knows; DeleteItemField of others than the times and the status. */
export function updateItem(call: Call, site: Site): Answer {
  return answerEach(call, child(call.body, "ItemChanges"), (element) => {
    const [idElement] = element.children;
    if (idElement === undefined) throw new EwsFault("ErrorInvalidIdEmpty", "Id must be non-empty.");
    const { mailbox, meeting } = findEditable(call, idElement, site);
    const changes = (child(element, "Updates")?.children ?? []).map((update) => parseUpdate(update, mailbox));
    const change: Partial<MeetingDetails> = Object.assign({}, ...changes);
    completeDetails({ ...meeting, ...change });
    mailbox.changeMeeting(meeting.id, change);
    const items = encodeItems({ meeting: mailbox.meeting(meeting.id), occurrence: undefined });
    return `${items}<m:ConflictResults><t:Count>0</t:Count></m:ConflictResults>`;
  });
}

function parseUpdate(update: XmlElement, mailbox: Mailbox): Partial<MeetingDetails> {
  const item = child(update, "CalendarItem");
  if (update.name === "SetItemField" && item !== undefined) return parseItemProperties(item, mailbox);
  const field = child(update, "FieldURI")?.attributes.get("FieldURI");
  if (field === "item:Subject") return { subject: "" };
  if (field === "calendar:Location") return { location: "" };
  if (field === "calendar:Recurrence") return { recurrence: undefined };
  if (field === undefined || REQUIRED_FIELDS.includes(field)) {
    throw new EwsFault("ErrorInvalidPropertyDelete", `Property ${field ?? ""} cannot be deleted.`);
  }
  // What is not kept, such as a body, is as good as deleted.
  return {};
}

/** DeleteItem, whatever the DeleteType: nothing is kept in Deleted Items. */
export function deleteItem(call: Call, site: Site): Answer {
  return answerEach(call, child(call.body, "ItemIds"), (element) => {
    const { mailbox, meeting } = findEditable(call, element, site);
    mailbox.removeMeeting(meeting.id);
    return "";
  });
}

function findEditable(call: Call, element: XmlElement, site: Site): FoundItem {
  const found = findItem(call, element, site);
  if (found.occurrence === undefined) return found;
  throw new EwsFault("ErrorInvalidOperation", "Single occurrences of a series cannot be changed.");
}

function encodeItems(item: Pick<FoundItem, "meeting" | "occurrence">): string {
  return `<m:Items><t:CalendarItem>${encodeItemId(item)}</t:CalendarItem></m:Items>`;
}

function answerEach(call: Call, list: XmlElement | undefined, encode: (element: XmlElement) => string): Answer {
  const onError = ["CreateItem", "UpdateItem", "GetItem"].includes(call.operation) ? "<m:Items/>" : "";
  const messages = (list?.children ?? []).map((element) =>
    encodeMessage(call.operation, () => encode(element), onError),
  );
  if (messages.length === 0)
    throw new EwsFault("ErrorSchemaValidation", "The request failed schema validation: no items.");
  return { body: encodeResponse(call.operation, messages.join("")) };
}
