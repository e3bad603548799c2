import type { Mailbox } from "../../src/core/addresses.ts";
import { escapeXml } from "../../src/lib/xml.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import { ewsError, problemError } from "./ews-errors.ts";
import {
  type AnswerDecoder,
  answerDecoder,
  type BodyHandler,
  messagesOnly,
  type ResponseMessage,
} from "./soap-answer.ts";
import { encodeEnvelope, type RequestVersion } from "./soap-request.ts";

/** Which notifications are asked for: `items` are those that every server knows. */
export type EventSet = "items-and-free-busy" | "items";

// Deleting in Outlook is a move to Deleted Items; FreeBusyChangedEvent is missing in servers that are not Exchange.
const ITEM_EVENTS = ["CreatedEvent", "ModifiedEvent", "DeletedEvent", "MovedEvent", "CopiedEvent"];
const EVENTS: Readonly<Record<EventSet, readonly string[]>> = {
  "items-and-free-busy": ["FreeBusyChangedEvent", ...ITEM_EVENTS],
  items: ITEM_EVENTS,
};

/** Subscribe for streaming notifications of the mailbox's default calendar, found by identifier, not by name. */
export function encodeSubscribe(mailbox: Mailbox, events: EventSet, version: RequestVersion): string {
  const types = EVENTS[events].map((event) => `<t:EventType>${event}</t:EventType>`);
  return encodeEnvelope(
    version,
    '<m:Subscribe><m:StreamingSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id="calendar"/></t:FolderIds>' +
      `<t:EventTypes>${types.join("")}</t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>`,
    mailbox,
  );
}

/** Unsubscribe, under the identity that subscribed. */
export const encodeUnsubscribe = (subscriptionId: string, mailbox: Mailbox, version: RequestVersion): string =>
  encodeEnvelope(
    version,
    `<m:Unsubscribe><m:SubscriptionId>${escapeXml(subscriptionId)}</m:SubscriptionId></m:Unsubscribe>`,
    mailbox,
  );

// Exchange's are about 100 characters; this bounds what a request for 200 of them may grow to.
const LONGEST_ID = 2048;

/** Decodes the answer to Subscribe into the subscription's id. */
export function subscribeDecoder(host: string, mailbox: Mailbox): AnswerDecoder<string> {
  let id = "";
  let problem: GatewayError | undefined;
  const subject = `${mailbox} at ${host}`;
  const body: BodyHandler = {
    open: () => undefined,
    close: (name, text) => {
      if (name === "SubscriptionId") id = text.trim();
    },
    message: (message) => {
      if (!message.isSuccess) problem = problemError(message, subject);
    },
  };
  return answerDecoder(host, body, () => {
    if (problem) throw problem;
    if (id === "" || id.length > LONGEST_ID) {
      throw ewsError("ews-bad-answer", `${subject}: the answer to Subscribe has no usable SubscriptionId`);
    }
    return id;
  });
}

/** Decodes the answer to Unsubscribe; a subscription that is gone already is as good. */
export function unsubscribeDecoder(host: string): AnswerDecoder<void> {
  let failed: ResponseMessage | undefined;
  return answerDecoder(
    host,
    messagesOnly((message) => {
      if (!message.isSuccess) failed = message;
    }),
    () => {
      const problem = failed && problemError(failed, host);
      if (problem && problem.code !== "ews-subscription-lost") throw problem;
    },
  );
}
