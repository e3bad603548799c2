import type { OofSettings } from "../mailbox.ts";
import { child, textAt, type XmlElement } from "../request-xml.ts";
import type { Answer, Call, Site } from "../site.ts";
import { EwsFault, encodeError, escapeXml, MESSAGES, TYPES } from "../soap.ts";
import { formatUtcTime, parseTime, UTC } from "../time-zone.ts";

/** GetUserOofSettings of one mailbox. */
export function getUserOofSettings(call: Call, site: Site): Answer {
  return answer("GetUserOofSettings", () => {
    const { oof } = site.mailboxOf(call, textAt(call.body, "Mailbox", "Address"));
    return `${encodeSettings(oof)}<m:AllowExternalOof>All</m:AllowExternalOof>`;
  });
}

/** SetUserOofSettings of one mailbox. */
export function setUserOofSettings(call: Call, site: Site): Answer {
  return answer("SetUserOofSettings", () => {
    const mailbox = site.mailboxOf(call, textAt(call.body, "Mailbox", "Address"));
    mailbox.oof = parseSettings(child(call.body, "UserOofSettings"));
    return "";
  });
}

// Unlike other operations these have one ResponseMessage, without ResponseMessages around it.
function answer(operation: string, content: () => string): Answer {
  const wrap = (inner: string): string =>
    `<m:${operation}Response xmlns:m="${MESSAGES}" xmlns:t="${TYPES}">${inner}</m:${operation}Response>`;
  try {
    const inner = content();
    return {
      body: wrap(
        `<m:ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode></m:ResponseMessage>${inner}`,
      ),
    };
  } catch (error) {
    if (!(error instanceof EwsFault)) throw error;
    return { body: wrap(`<m:ResponseMessage ResponseClass="Error">${encodeError(error)}</m:ResponseMessage>`) };
  }
}

function encodeSettings({ state, start, end, reply = "" }: OofSettings): string {
  const name = state.charAt(0).toUpperCase() + state.slice(1);
  const duration =
    start === undefined || end === undefined
      ? ""
      : `<t:Duration><t:StartTime>${formatUtcTime(start)}</t:StartTime><t:EndTime>${formatUtcTime(end)}</t:EndTime></t:Duration>`;
  const message = `<t:Message>${escapeXml(reply)}</t:Message>`;
  return `<t:OofSettings><t:OofState>${name}</t:OofState><t:ExternalAudience>All</t:ExternalAudience>${duration}<t:InternalReply>${message}</t:InternalReply><t:ExternalReply>${message}</t:ExternalReply></t:OofSettings>`;
}

function parseSettings(element: XmlElement | undefined): OofSettings {
  const reply = textAt(element, "InternalReply", "Message") ?? "";
  const start = parseTime(textAt(element, "Duration", "StartTime"), UTC);
  const end = parseTime(textAt(element, "Duration", "EndTime"), UTC);
  const state = textAt(element, "OofState");
  if (state === "Disabled") return { state: "disabled", reply };
  if (state === "Enabled") return { state: "enabled", reply };
  if (state !== "Scheduled" || start === undefined || end === undefined || end <= start) {
    throw new EwsFault("ErrorInvalidScheduledOofDuration", "The duration of the automatic replies is not valid.");
  }
  return { state: "scheduled", reply, start, end };
}
