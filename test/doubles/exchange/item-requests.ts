import { calendarFolder } from "./ews-requests.ts";

/** t:ItemId. */
export function itemIdElement(id: string): string {
  return `<t:ItemId Id="${id}"/>`;
}

/** CreateItem of a calendar item with these properties. */
export function createRequest(properties: string): string {
  return `<m:CreateItem SendMeetingInvitations="SendToNone"><m:SavedItemFolderId>${calendarFolder()}</m:SavedItemFolderId><m:Items><t:CalendarItem>${properties}</t:CalendarItem></m:Items></m:CreateItem>`;
}

/** UpdateItem that sets one property. */
export function updateRequest(id: string, uri: string, property: string): string {
  return `<m:UpdateItem ConflictResolution="AlwaysOverwrite" SendMeetingInvitationsOrCancellations="SendToNone"><m:ItemChanges><t:ItemChange>${itemIdElement(id)}<t:Updates><t:SetItemField><t:FieldURI FieldURI="${uri}"/><t:CalendarItem>${property}</t:CalendarItem></t:SetItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`;
}

/** UpdateItem that deletes one property. */
export function deletePropertyRequest(id: string, uri: string): string {
  return `<m:UpdateItem ConflictResolution="AlwaysOverwrite"><m:ItemChanges><t:ItemChange>${itemIdElement(id)}<t:Updates><t:DeleteItemField><t:FieldURI FieldURI="${uri}"/></t:DeleteItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>`;
}

/** GetItem with all properties. */
export function getItemRequest(id: string): string {
  return `<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ItemIds>${itemIdElement(id)}</m:ItemIds></m:GetItem>`;
}

/** DeleteItem. */
export function deleteRequest(id: string): string {
  return `<m:DeleteItem DeleteType="HardDelete" SendMeetingCancellations="SendToNone"><m:ItemIds>${itemIdElement(id)}</m:ItemIds></m:DeleteItem>`;
}

/** FindItem in the calendar; `view` is CalendarView or IndexedPageItemView. */
export function findItemRequest(view: string, shape = "Default"): string {
  return `<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>${shape}</t:BaseShape></m:ItemShape>${view}<m:ParentFolderIds>${calendarFolder()}</m:ParentFolderIds></m:FindItem>`;
}

/** SyncFolderItems of the calendar since a state, ids only. */
export function syncRequest(state: string | undefined, maximum = 512): string {
  const since = state === undefined ? "" : `<m:SyncState>${state}</m:SyncState>`;
  return `<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId>${calendarFolder()}</m:SyncFolderId>${since}<m:MaxChangesReturned>${maximum}</m:MaxChangesReturned></m:SyncFolderItems>`;
}

/** GetFolder of the folders given. */
export function getFolderRequest(folders: string, shape = "AllProperties"): string {
  return `<m:GetFolder><m:FolderShape><t:BaseShape>${shape}</t:BaseShape></m:FolderShape><m:FolderIds>${folders}</m:FolderIds></m:GetFolder>`;
}

/** FindFolder below a folder. */
export function findFolderRequest(folder: string, traversal: "Shallow" | "Deep"): string {
  return `<m:FindFolder Traversal="${traversal}"><m:FolderShape><t:BaseShape>AllProperties</t:BaseShape></m:FolderShape><m:ParentFolderIds><t:DistinguishedFolderId Id="${folder}"/></m:ParentFolderIds></m:FindFolder>`;
}

/** ResolveNames. */
export function resolveRequest(text: string): string {
  return `<m:ResolveNames ReturnFullContactData="false"><m:UnresolvedEntry>${text}</m:UnresolvedEntry></m:ResolveNames>`;
}

/** ConvertId to EwsId. */
export function convertRequest(id: string): string {
  return `<m:ConvertId DestinationFormat="EwsId"><m:SourceIds><t:AlternateId Format="EwsId" Id="${id}" Mailbox="alice@example.com"/></m:SourceIds></m:ConvertId>`;
}

/** GetUserOofSettings. */
export function getOofRequest(smtp: string): string {
  return `<m:GetUserOofSettingsRequest><t:Mailbox><t:Address>${smtp}</t:Address></t:Mailbox></m:GetUserOofSettingsRequest>`;
}

/** SetUserOofSettings with that state, scheduled for 2 November 2026. */
export function setOofRequest(smtp: string, state: string): string {
  const duration =
    "<t:Duration><t:StartTime>2026-11-02T00:00:00Z</t:StartTime><t:EndTime>2026-11-03T00:00:00Z</t:EndTime></t:Duration>";
  return `<m:SetUserOofSettingsRequest><t:Mailbox><t:Address>${smtp}</t:Address></t:Mailbox><t:UserOofSettings><t:OofState>${state}</t:OofState><t:ExternalAudience>All</t:ExternalAudience>${duration}<t:InternalReply><t:Message>away</t:Message></t:InternalReply></t:UserOofSettings></m:SetUserOofSettingsRequest>`;
}

/** GetServerTimeZones of the zones given, or of all. */
export function timeZonesRequest(...ids: readonly string[]): string {
  const list = ids.length === 0 ? "" : `<m:Ids>${ids.map((id) => `<t:Id>${id}</t:Id>`).join("")}</m:Ids>`;
  return `<m:GetServerTimeZones ReturnFullTimeZoneData="true">${list}</m:GetServerTimeZones>`;
}
