import { type Farm, routeCall } from "./affinity.ts";
import { decodeId, type Mailbox } from "./mailbox.ts";
import { encodeWatermark } from "./notification.ts";
import { PullSubscription } from "./pull.ts";
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
  readonly farm: Farm;
}

interface Wanted {
  readonly mailbox: Mailbox;
  /** Empty when no calendar folder is among the folders asked for. */
  readonly eventTypes: ReadonlySet<string>;
}

/** Subscribe: one streaming, push or pull subscription to the calendar of one mailbox. */
export function subscribe(call: Call, context: SubscriptionContext): Answer {
  let setCookie: string | undefined;
  const message = encodeMessage("Subscribe", () => {
    const [request] = call.body.children;
    const wanted = parseWanted(call, request, context.site);
    const routing = routeCall(call, wanted.mailbox, context.farm);
    setCookie = routing.setCookie;
    context.subscriptions.endExpiredOf(wanted.mailbox);
    switch (request?.name) {
      case "StreamingSubscriptionRequest":
        return addStreaming(call, { ...wanted, backEnd: routing.backEnd }, context);
      case "PushSubscriptionRequest":
        return addPush(call, wanted, parsePushTarget(request), context);
      case "PullSubscriptionRequest":
        return addPull(call, wanted, parseMinutes(textAt(request, "Timeout")), context);
      default:
        throw new EwsFault("ErrorInvalidSubscriptionRequest", "The kind of subscription is not known.");
    }
  });
  const body = encodeResponse("Subscribe", message);
  return setCookie === undefined ? { body } : { body, headers: { "Set-Cookie": setCookie } };
}

function addStreaming(call: Call, wanted: Wanted & { readonly backEnd: string }, context: SubscriptionContext): string {
  if (!isAtLeast(call.requestVersion, "Exchange2010_SP1")) {
    throw new EwsFault("ErrorInvalidSubscriptionRequest", "Streaming subscriptions need version Exchange2010_SP1.");
  }
  const release = context.throttle.take("subscription", call);
  const subscription = new StreamingSubscription({ owner: call.account.user, ...wanted }, context.site.clock.now());
  context.subscriptions.add(subscription, release);
  return `<m:SubscriptionId>${subscription.id}</m:SubscriptionId>`;
}

function addPush(call: Call, wanted: Wanted, target: PushTarget, context: SubscriptionContext): string {
  const { site, subscriptions, throttle } = context;
  const watermark = subscriptions.lastEvent;
  const release = throttle.take("subscription", call);
  const onDead = (dead: PushSubscription): void => subscriptions.end(dead, "ErrorExpiredSubscription");
  const details = { owner: call.account.user, ...wanted };
  const subscription = new PushSubscription(details, { ...target, watermark }, site.clock, onDead);
  subscriptions.add(subscription, release);
  subscription.start();
  return encodeWatermarked(subscription.id, watermark);
}

function addPull(call: Call, wanted: Wanted, minutes: number, context: SubscriptionContext): string {
  const { site, subscriptions, throttle } = context;
  const release = throttle.take("subscription", call);
  const details = { owner: call.account.user, ...wanted };
  const subscription = new PullSubscription(details, minutes * 60_000, site.clock.now());
  subscriptions.add(subscription, release);
  return encodeWatermarked(subscription.id, subscriptions.lastEvent);
}

function encodeWatermarked(id: string, watermark: number): string {
  return `<m:SubscriptionId>${id}</m:SubscriptionId><m:Watermark>${encodeWatermark(watermark)}</m:Watermark>`;
}

interface PushTarget {
  readonly url: URL;
  readonly statusFrequencyMinutes: number;
}

function parsePushTarget(request: XmlElement): PushTarget {
  const statusFrequencyMinutes = parseMinutes(textAt(request, "StatusFrequency") ?? "30");
  const text = textAt(request, "URL") ?? "";
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new EwsFault("ErrorInvalidPushSubscriptionUrl", "The push subscription URL is not valid.");
  }
  return { url: new URL(text), statusFrequencyMinutes };
}

// t:SubscriptionStatusFrequencyType and t:SubscriptionTimeoutType: 1 to 1440 minutes.
function parseMinutes(text: string | undefined): number {
  const minutes = Number(text ?? Number.NaN);
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 1440) {
    throw new EwsFault(
      "ErrorSchemaValidation",
      "The request failed schema validation: StatusFrequency and Timeout are 1 to 1440.",
    );
  }
  return minutes;
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
