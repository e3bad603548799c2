import type { FreeBusyStatus as GraphStatus, MailboxSettings } from "@microsoft/microsoft-graph-types";

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

  constructor(smtp: string) {
    this.smtp = smtp;
  }
}
