/** The header that leads a request to the mailbox whose identity it takes on (Exchange 2013 and later, Office 365). */
export const anchorHeaders = (mailbox: string): Readonly<Record<string, string>> =>
  // A header is ASCII; an internationalised address is routed by impersonation alone.
  /^[!-~]+$/.test(mailbox) ? { "x-anchormailbox": mailbox } : {};
