import type { Mailbox } from "../../src/core/addresses.ts";
import { escapeXml } from "../../src/lib/xml.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import { ewsError } from "./ews-errors.ts";
import { problemError } from "./response-problem.ts";
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

/** How notifications come; times are in minutes, 1 to 1440. */
export type Delivery =
  | { readonly kind: "streaming" }
  | { readonly kind: "push"; readonly url: string; readonly statusFrequency: number }
  | { readonly kind: "pull"; readonly timeout: number };

// Streaming came with Exchange 2010 SP1.
const anyDelivery = (version: RequestVersion): Delivery =>
  version === "Exchange2007_SP1" ? { kind: "pull", timeout: 1 } : { kind: "streaming" };

/**
 * Subscribe for notifications of the mailbox's default calendar, found by identifier, not by name; by streaming where no
 * other way is named, or by pull where the version has no streaming. Throws `ews-streaming-not-offered`.
 */
export function encodeSubscribe(
  mailbox: Mailbox,
  events: EventSet,
  version: RequestVersion,
  delivery = anyDelivery(version),
): string {
  // FreeBusyChangedEvent came with Exchange 2010.
  const set = version === "Exchange2007_SP1" ? ITEM_EVENTS : EVENTS[events];
  const types = set.map((event) => `<t:EventType>${event}</t:EventType>`).join("");
  const wanted = `<t:FolderIds><t:DistinguishedFolderId Id="calendar"/></t:FolderIds><t:EventTypes>${types}</t:EventTypes>`;
  return encodeEnvelope(version, `<m:Subscribe>${encodeDelivery(delivery, wanted, version)}</m:Subscribe>`, mailbox);
}

function encodeDelivery(delivery: Delivery, wanted: string, version: RequestVersion): string {
  switch (delivery.kind) {
    case "streaming":
      if (version === "Exchange2007_SP1") {
        throw ewsError("ews-streaming-not-offered", "the server speaks the version of Exchange 2007");
      }
      return `<m:StreamingSubscriptionRequest>${wanted}</m:StreamingSubscriptionRequest>`;
    case "push":
      return (
        `<m:PushSubscriptionRequest>${wanted}<t:StatusFrequency>${delivery.statusFrequency}</t:StatusFrequency>` +
        `<t:URL>${escapeXml(delivery.url)}</t:URL></m:PushSubscriptionRequest>`
      );
    case "pull":
      return `<m:PullSubscriptionRequest>${wanted}<t:Timeout>${delivery.timeout}</t:Timeout></m:PullSubscriptionRequest>`;
  }
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

/** A subscription as it was made. */
export interface MadeSubscription {
  readonly id: string;
  /** Where its notifications begin; empty for streaming, which has none. */
  readonly watermark: string;
}

/** Decodes the answer to Subscribe into the subscription's id. */
export function subscribeDecoder(host: string, mailbox: Mailbox): AnswerDecoder<string> {
  const decoder = madeSubscriptionDecoder(host, mailbox);
  return {
    get serverVersion() {
      return decoder.serverVersion;
    },
    write: (bytes) => decoder.write(bytes),
    end: () => decoder.end().id,
  };
}

/** Decodes the answer to Subscribe. */
export function madeSubscriptionDecoder(host: string, mailbox: Mailbox): AnswerDecoder<MadeSubscription> {
  let id = "";
  let watermark = "";
  let problem: GatewayError | undefined;
  const subject = `${mailbox} at ${host}`;
  const body: BodyHandler = {
    open: () => undefined,
    close: (name, text) => {
      if (name === "SubscriptionId") id = text.trim();
      else if (name === "Watermark") watermark = text.trim();
    },
    message: (message) => {
      if (!message.isSuccess) problem = problemError(message, subject);
    },
  };
  return answerDecoder(host, body, () => {
    if (problem) throw problem;
    if (id === "" || id.length > LONGEST_ID || watermark.length > LONGEST_ID) {
      throw ewsError("ews-bad-answer", `${subject}: the answer to Subscribe has no usable SubscriptionId`);
    }
    return { id, watermark };
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
