import { createHash } from "node:crypto";
import type { MeetingDetails } from "./meetings.ts";
import { EwsFault } from "./soap.ts";

/** When the user works, in minutes after local midnight. */
export interface WorkingHours {
  readonly startMinutes: number;
  readonly endMinutes: number;
}

/** Automatic replies (GetUserOofSettings); instants in milliseconds since 1970. */
export interface OofSettings {
  readonly state: "disabled" | "enabled" | "scheduled";
  readonly start?: number;
  readonly end?: number;
  readonly reply?: string;
}

/** What a mailbox may be given when it is made; `utcOffset` in milliseconds. */
export interface MailboxOptions {
  readonly displayName?: string;
  readonly calendarFolderName?: string;
  readonly utcOffset?: number;
  readonly workingHours?: WorkingHours;
  readonly sid?: string;
  readonly principalName?: string;
  /** Further SMTP addresses: mail reaches them, impersonation does not. */
  readonly aliases?: readonly string[];
}

/** A stored calendar item; `createdAt` and `changedAt` are counts of the mailbox's changes. */
export interface Meeting extends MeetingDetails {
  readonly id: string;
  readonly createdAt: number;
  readonly changedAt: number;
}

/** What is left of an item that was removed. */
export interface RemovedMeeting {
  readonly id: string;
  readonly changedAt: number;
}

/** A change of one item, as notifications and synchronisation report it. */
export interface MailboxChange {
  readonly kind: "created" | "modified" | "deleted";
  readonly mailbox: Mailbox;
  readonly itemId: string;
  /** Which of the mailbox's changes it is. */
  readonly changedAt: number;
  readonly changesFreeBusy: boolean;
}

/** A mailbox with a calendar; every change is told to `onChange`. */
export class Mailbox {
  readonly smtp: string;
  readonly displayName: string;
  readonly calendarFolderName: string;
  readonly utcOffset: number;
  readonly workingHours: WorkingHours;
  readonly principalName: string;
  readonly sid: string;
  readonly aliases: readonly string[];
  oof: OofSettings = { state: "disabled" };
  readonly #meetings = new Map<string, Meeting>();
  readonly #removed: RemovedMeeting[] = [];
  readonly #onChange: (change: MailboxChange) => void;
  #changes = 0;
  #made = 0;

  constructor(smtp: string, options: MailboxOptions, onChange: (change: MailboxChange) => void) {
    this.smtp = smtp;
    this.displayName = options.displayName ?? smtp.slice(0, smtp.indexOf("@"));
    this.calendarFolderName = options.calendarFolderName ?? "Calendar";
    this.utcOffset = options.utcOffset ?? 0;
    this.workingHours = options.workingHours ?? { startMinutes: 480, endMinutes: 1020 };
    this.aliases = options.aliases ?? [];
    this.principalName = options.principalName ?? smtp;
    this.sid = options.sid ?? `S-1-5-21-1-2-3-${createHash("sha256").update(smtp).digest().readUInt32BE()}`;
    this.#onChange = onChange;
  }

  /** Adds an item and returns its id. */
  addMeeting(details: MeetingDetails): string {
    this.#made += 1;
    const id = itemId(this.smtp, String(this.#made));
    this.#changes += 1;
    this.#meetings.set(id, { ...details, id, createdAt: this.#changes, changedAt: this.#changes });
    this.#tell("created", id, details.status !== "free");
    return id;
  }

  /** Changes the given properties; an unknown id is ErrorItemNotFound. */
  changeMeeting(id: string, change: Partial<MeetingDetails>): void {
    const before = this.meeting(id);
    this.#changes += 1;
    this.#meetings.set(id, { ...before, ...change, changedAt: this.#changes });
    const timing: readonly (keyof MeetingDetails)[] = ["start", "end", "status", "recurrence"];
    this.#tell(
      "modified",
      id,
      timing.some((property) => property in change),
    );
  }

  /** Removes an item; an unknown id is ErrorItemNotFound. */
  removeMeeting(id: string): void {
    const before = this.meeting(id);
    this.#meetings.delete(id);
    this.#changes += 1;
    this.#removed.push({ id, changedAt: this.#changes });
    this.#tell("deleted", id, before.status !== "free");
  }

  /** The item of that id, or ErrorItemNotFound. */
  meeting(id: string): Meeting {
    const found = this.#meetings.get(id);
    if (found === undefined)
      throw new EwsFault("ErrorItemNotFound", "The specified object was not found in the store.");
    return found;
  }

  /** The item with that number, as it stands in ids, or ErrorItemNotFound. */
  meetingNumber(number: string): Meeting {
    return this.meeting(itemId(this.smtp, number));
  }

  /** All items in the order in which they were made. */
  get meetings(): Iterable<Meeting> {
    return this.#meetings.values();
  }

  /** How many items there are. */
  get size(): number {
    return this.#meetings.size;
  }

  /** How many changes the mailbox has seen: the state of a synchronisation. */
  get changes(): number {
    return this.#changes;
  }

  /** The items removed after the given count of changes. */
  removedAfter(changes: number): readonly RemovedMeeting[] {
    return this.#removed.filter((removed) => removed.changedAt > changes);
  }

  #tell(kind: MailboxChange["kind"], id: string, changesFreeBusy: boolean): void {
    this.#onChange({ kind, mailbox: this, itemId: id, changedAt: this.#changes, changesFreeBusy });
  }
}

/** The ChangeKey of an item last changed as the mailbox's n-th change. */
export function changeKey(changedAt: number): string {
  return Buffer.from(`CK${changedAt}`).toString("base64");
}

// Exchange's own ids are base64 with a mailbox inside; a client must treat them as opaque.
function itemId(smtp: string, number: string): string {
  return `AAMk${Buffer.from(`i|${smtp}|${number}`).toString("base64")}`;
}

/** The id of the occurrence of a series that starts at that instant. */
export function occurrenceId(masterId: string, start: number): string {
  const { smtp, local } = decodeId(masterId) ?? { smtp: "", local: "" };
  return itemId(smtp, `${local}@${start}`);
}

/** The id of a folder of a mailbox. */
export function folderId(smtp: string, folder: string): string {
  return `AQMk${Buffer.from(`f|${smtp}|${folder}`).toString("base64")}`;
}

/** The mailbox and the local part inside an id made by this server; undefined for any other text. */
export function decodeId(
  id: string,
): { readonly smtp: string; readonly kind: string; readonly local: string } | undefined {
  const [kind, smtp, local] = Buffer.from(id.slice(4), "base64").toString().split("|");
  return kind && smtp && local ? { kind, smtp, local } : undefined;
}
