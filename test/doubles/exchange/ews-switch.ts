import type { ServerResponse } from "node:http";
import { sendStatus, sendText } from "./wire.ts";

/** Who does not let EWS be used; `silent` is a refusal that says nothing. */
export type EwsOff = "tenant" | "application" | "silent";

// Microsoft documents none of these words; they say what the settings are called.
const TEXTS: Readonly<Record<Exclude<EwsOff, "silent"> | "mailbox", string>> = {
  tenant: "Exchange Web Services is disabled for this organization (EwsEnabled is False).",
  application: "The application is not in EwsAllowedAppIDs: EWS is blocked for it.",
  mailbox: "EWS is not enabled for this mailbox.",
};

/** The settings of Exchange Online that switch EWS off, for everybody or for some mailboxes. */
export class EwsSwitch {
  /** Why EWS is off for everybody; undefined while it is on. */
  off: EwsOff | undefined;
  /** Where the reason stands. */
  form: "body" | "header" = "body";
  /** Addresses of mailboxes that it is off for. */
  readonly blocked = new Set<string>();

  /** Answers 403 where EWS is off; false where it is on. */
  refuse(impersonated: string | undefined, response: ServerResponse): boolean {
    const off = this.off ?? (this.blocked.has(impersonated ?? "") ? "mailbox" : undefined);
    if (off === undefined) return false;
    if (off === "silent") sendStatus(response, 403, { "Restrict-Access-Confirm": "1" });
    else if (this.form === "header")
      sendStatus(response, 403, { "x-ms-diagnostics": `4000000;reason="${TEXTS[off]}"` });
    else
      sendText(
        response,
        { status: 403, text: `<html><body>${TEXTS[off]}</body></html>`, type: "text/html" },
        undefined,
      );
    return true;
  }
}
