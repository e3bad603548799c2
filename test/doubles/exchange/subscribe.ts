import { type Routing, routeCall } from "./affinity.ts";
import { decodeId, type Mailbox } from "./mailbox.ts";
import { PushSubscription } from "./push.ts";
import { child, textAt, type XmlElement } from "./request-xml.ts";
import type { Answer, Call, Site } from "./site.ts";
import { EwsFault, encodeMessage, encodeResponse } from "./soap.ts";
import { StreamingSubscription } from "./streaming.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Throttle } from "./throttling.ts";
import { isAtLeast } from "./versions.ts";

/** What the subscription operations work on. */
export interface SubscriptionContext {
  readonly site: Site;
  readonly subscriptions: Subscriptions;
  readonly throttle: Throttle;
  readonly backEnds: number;
}

interface Wanted {
  readonly mailbox: Mailbox;
  /** Empty when no calendar folder is among the folders asked for. */
  readonly eventTypes: ReadonlySet<string>;
}

/** Subscribe: one streaming or push subscription to the calendar of one mailbox. */
export function subscribe(call: Call, context: SubscriptionContext): Answer {
  let setCookie: string | undefined;
  const message = encodeMessage("Subscribe", () => {
    const streaming = child(call.body, "StreamingSubscriptionRequest");
    const push = child(call.body, "PushSubscriptionRequest");
    if (streaming === undefined && push === undefined) {
      throw new EwsFault("ErrorInvalidSubscriptionRequest", "Only streaming and push subscriptions are offered.");
    }
    if (push !== undefined) return addPush(call, push, context);
    const wanted = parseWanted(call, streaming, context.site);
    const routing = routeCall(call, wanted.mailbox, context.backEnds);
    setCookie = routing.setCookie;
    return addStreaming(call, wanted, routing, context);
  });
  const body = encodeResponse("Subscribe", message);
  return setCookie === undefined ? { body } : { body, headers: { "Set-Cookie": setCookie } };
}

function addStreaming(call: Call, wanted: Wanted, routing: Routing, context: SubscriptionContext): string {
  if (!isAtLeast(call.requestVersion, "Exchange2010_SP1")) {
    throw new EwsFault("ErrorInvalidSubscriptionRequest", "Streaming subscriptions need version Exchange2010_SP1.");
  }
  const release = context.throttle.take("subscription", call);
  const details = { owner: call.account.user, ...wanted, backEnd: routing.backEnd };
  const subscription = new StreamingSubscription(details, context.site.clock.now());
  context.subscriptions.add(subscription, release);
  return `<m:SubscriptionId>${subscription.id}</m:SubscriptionId>`;
}

function addPush(call: Call, request: XmlElement, context: SubscriptionContext): string {
  const { site, subscriptions, throttle } = context;
  const wanted = parseWanted(call, request, site);
  const target = { ...parsePushTarget(request), watermark: subscriptions.lastEvent };
  const release = throttle.take("subscription", call);
  const details = { owner: call.account.user, ...wanted };
  const subscription = new PushSubscription(details, target, site.clock, (dead) => subscriptions.end(dead, ""));
  subscriptions.add(subscription, release);
  subscription.start();
  return `<m:SubscriptionId>${subscription.id}</m:SubscriptionId><m:Watermark>${subscription.watermark}</m:Watermark>`;
}

function parsePushTarget(request: XmlElement): { readonly url: URL; readonly statusFrequencyMinutes: number } {
  // t:SubscriptionStatusFrequencyType: 1 to 1440 minutes.
  const statusFrequencyMinutes = Number(textAt(request, "StatusFrequency") ?? "30");
  if (!Number.isInteger(statusFrequencyMinutes) || statusFrequencyMinutes < 1 || statusFrequencyMinutes > 1440) {
    throw new EwsFault("ErrorSchemaValidation", "The request failed schema validation: StatusFrequency is 1 to 1440.");
  }
  const text = textAt(request, "URL") ?? "";
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new EwsFault("ErrorInvalidPushSubscriptionUrl", "The push subscription URL is not valid.");
  }
  return { url: new URL(text), statusFrequencyMinutes };
}

function parseWanted(call: Call, request: XmlElement | undefined, site: Site): Wanted {
  const folders = child(request, "FolderIds")?.children ?? [];
  const named = new Set(folders.map(mailboxOfFolder));
  if (named.size > 1) {
    throw new EwsFault(
      "ErrorInvalidSubscriptionRequest",
      "Subscriptions are supported for folders of a single mailbox only.",
    );
  }
  const mailbox = site.mailboxOf(call, [...named][0]);
  const hasCalendar = request?.attributes.get("SubscribeToAllFolders") === "true" || folders.some(isCalendar);
  const types = child(request, "EventTypes")?.children.map((element) => element.text.trim()) ?? [];
  return { mailbox, eventTypes: new Set(hasCalendar ? types : []) };
}

function mailboxOfFolder(folder: XmlElement): string | undefined {
  if (folder.name === "DistinguishedFolderId") return textAt(folder, "Mailbox", "EmailAddress");
  const decoded = decodeId(folder.attributes.get("Id") ?? "");
  if (decoded?.kind !== "f") throw new EwsFault("ErrorInvalidFolderId", "The folder id is not valid.");
  return decoded.smtp;
}

function isCalendar(folder: XmlElement): boolean {
  const id = folder.attributes.get("Id") ?? "";
  return folder.name === "DistinguishedFolderId" ? id === "calendar" : decodeId(id)?.local === "calendar";
}

/** Unsubscribe: ends a subscription that the account owns. */
export function unsubscribe(call: Call, { subscriptions }: SubscriptionContext): Answer {
  const message = encodeMessage("Unsubscribe", () => {
    const subscription = subscriptions.find(textAt(call.body, "SubscriptionId") ?? "", call.account.user);
    if (subscription === undefined) throw new EwsFault("ErrorSubscriptionNotFound", "The subscription was not found.");
    subscriptions.end(subscription, "ErrorSubscriptionUnsubscribed");
    return "";
  });
  return { body: encodeResponse("Unsubscribe", message) };
}
