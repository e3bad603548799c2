import { changeKey, decodeId, folderId, type Mailbox } from "../mailbox.ts";
import { child, textAt, type XmlElement } from "../request-xml.ts";
import type { Answer, Call, Site } from "../site.ts";
import { EwsFault, encodeMessage, encodeResponse, escapeXml } from "../soap.ts";

interface FolderKind {
  readonly parent: string;
  readonly folderClass: string;
  readonly name: string;
}

// The folders every mailbox has, by their DistinguishedFolderId; only the calendar holds items.
const FOLDERS: ReadonlyMap<string, FolderKind> = new Map([
  ["root", { parent: "root", folderClass: "", name: "Root" }],
  ["msgfolderroot", { parent: "root", folderClass: "IPF.Note", name: "Top of Information Store" }],
  ["inbox", { parent: "msgfolderroot", folderClass: "IPF.Note", name: "Inbox" }],
  ["calendar", { parent: "msgfolderroot", folderClass: "IPF.Appointment", name: "" }],
  ["deleteditems", { parent: "msgfolderroot", folderClass: "IPF.Note", name: "Deleted Items" }],
]);

/** A folder that a request names. */
export interface Folder {
  readonly mailbox: Mailbox;
  /** Its DistinguishedFolderId. */
  readonly key: string;
}

/** The folder of a t:FolderId or t:DistinguishedFolderId, if the caller may use its mailbox. */
export function findFolder(call: Call, element: XmlElement | undefined, site: Site): Folder {
  const id = element?.attributes.get("Id") ?? "";
  if (element?.name === "DistinguishedFolderId") {
    const mailbox = site.mailboxOf(call, textAt(element, "Mailbox", "EmailAddress"));
    if (!FOLDERS.has(id)) throw folderNotFound();
    return { mailbox, key: id };
  }
  const decoded = decodeId(id);
  if (decoded?.kind !== "f") throw new EwsFault("ErrorInvalidFolderId", "The folder id is not valid.");
  if (!FOLDERS.has(decoded.local)) throw folderNotFound();
  return { mailbox: site.mailboxOf(call, decoded.smtp), key: decoded.local };
}

function folderNotFound(): EwsFault {
  return new EwsFault("ErrorFolderNotFound", "The specified folder could not be found in the store.");
}

/** GetFolder. */
export function getFolder(call: Call, site: Site): Answer {
  const messages = (child(call.body, "FolderIds")?.children ?? []).map((element) =>
    encodeMessage("GetFolder", () => {
      const folder = findFolder(call, element, site);
      return `<m:Folders>${encodeFolder(folder, isIdOnly(call))}</m:Folders>`;
    }),
  );
  return { body: encodeResponse("GetFolder", messages.join("")) };
}

/** FindFolder: the folders below another, all levels when Traversal is Deep. */
export function findFolders(call: Call, site: Site): Answer {
  const isDeep = call.body.attributes.get("Traversal") === "Deep";
  const messages = (child(call.body, "ParentFolderIds")?.children ?? []).map((element) =>
    encodeMessage("FindFolder", () => {
      const parent = findFolder(call, element, site);
      const keys = [...FOLDERS.keys()].filter((key) => isBelow(key, parent.key, isDeep));
      const folders = keys.map((key) => encodeFolder({ mailbox: parent.mailbox, key }, isIdOnly(call)));
      return `<m:RootFolder IndexedPagingOffset="${keys.length}" TotalItemsInView="${keys.length}" IncludesLastItemInRange="true"><t:Folders>${folders.join("")}</t:Folders></m:RootFolder>`;
    }),
  );
  return { body: encodeResponse("FindFolder", messages.join("")) };
}

function isBelow(key: string, parent: string, isDeep: boolean): boolean {
  const own = FOLDERS.get(key)?.parent ?? "root";
  if (key === "root") return false;
  return own === parent || (isDeep && own !== key && isBelow(own, parent, isDeep));
}

function isIdOnly(call: Call): boolean {
  const shape = child(call.body, "FolderShape");
  return textAt(shape, "BaseShape") === "IdOnly" && child(shape, "AdditionalProperties") === undefined;
}

function encodeFolder({ mailbox, key }: Folder, isBare: boolean): string {
  const kind = FOLDERS.get(key) ?? { parent: "root", folderClass: "", name: "" };
  const element = key === "calendar" ? "CalendarFolder" : "Folder";
  const id = `<t:FolderId Id="${folderId(mailbox.smtp, key)}" ChangeKey="${changeKey(1)}"/>`;
  if (isBare) return `<t:${element}>${id}</t:${element}>`;
  const children = [...FOLDERS.keys()].filter((other) => isBelow(other, key, false)).length;
  const name = key === "calendar" ? mailbox.calendarFolderName : kind.name;
  const rights =
    "<t:EffectiveRights><t:CreateAssociated>true</t:CreateAssociated><t:CreateContents>true</t:CreateContents><t:CreateHierarchy>true</t:CreateHierarchy><t:Delete>true</t:Delete><t:Modify>true</t:Modify><t:Read>true</t:Read></t:EffectiveRights>";
  return (
    `<t:${element}>${id}<t:ParentFolderId Id="${folderId(mailbox.smtp, kind.parent)}" ChangeKey="${changeKey(1)}"/>` +
    (kind.folderClass === "" ? "" : `<t:FolderClass>${kind.folderClass}</t:FolderClass>`) +
    `<t:DisplayName>${escapeXml(name)}</t:DisplayName><t:TotalCount>${key === "calendar" ? mailbox.size : 0}</t:TotalCount>` +
    `<t:ChildFolderCount>${children}</t:ChildFolderCount>${rights}${key === "calendar" ? "" : "<t:UnreadCount>0</t:UnreadCount>"}</t:${element}>`
  );
}
