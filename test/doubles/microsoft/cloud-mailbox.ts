import type { ChangeType, FreeBusyStatus as GraphStatus, MailboxSettings } from "@microsoft/microsoft-graph-types";

/** One entry of a calendar. */
export interface CloudMeeting {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  readonly status: GraphStatus;
  readonly subject?: string;
  readonly location?: string;
}

/** Whether an application gets at the mailbox: not when an access policy or the scope of a role excludes it. */
export type MailboxAccess = "allowed" | "access-policy" | "out-of-scope";

/** A user with a calendar, or without one. */
export class CloudMailbox {
  readonly smtp: string;
  /** What is entered here, nobody is told of. */
  readonly meetings: CloudMeeting[] = [];
  access: MailboxAccess = "allowed";
  isLicensed = true;
  /** Set, the free/busy times of this one cannot be had: an EWS response code. */
  scheduleError: string | undefined;
  settings: MailboxSettings = {
    language: { locale: "en-US", displayName: "English (United States)" },
    timeZone: "Pacific Standard Time",
    automaticRepliesSetting: { status: "disabled", externalAudience: "all", internalReplyMessage: "" },
  };

  readonly #changed: (changeType: ChangeType) => void;

  /** @param changed told of each change in the calendar */
  constructor(smtp: string, changed: (changeType: ChangeType) => void = () => undefined) {
    this.smtp = smtp;
    this.#changed = changed;
  }

  /** Enters the meeting, and whoever subscribed is notified. */
  addMeeting(meeting: CloudMeeting): void {
    this.meetings.push(meeting);
    this.#changed("created");
  }

  /** Takes the meeting away, and whoever subscribed is notified. */
  removeMeeting(meeting: CloudMeeting): void {
    const index = this.meetings.indexOf(meeting);
    if (index < 0) return;
    this.meetings.splice(index, 1);
    this.#changed("deleted");
  }
}
