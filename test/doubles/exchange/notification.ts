import { changeKey, folderId, type MailboxChange } from "./mailbox.ts";
import { formatUtcTime } from "./time-zone.ts";

/** The events a client may subscribe to that a calendar item causes (t:NotificationEventTypeType). */
export type EventType = "FreeBusyChangedEvent" | "CreatedEvent" | "ModifiedEvent" | "DeletedEvent";

/** One event of a notification; `number` counts the server's events and is what the watermark says. */
export interface NotificationEvent {
  readonly type: EventType;
  readonly number: number;
  readonly at: number;
  readonly smtp: string;
  readonly itemId: string;
  readonly changedAt: number;
}

const TYPE_OF_CHANGE: Readonly<Record<MailboxChange["kind"], EventType>> = {
  created: "CreatedEvent",
  modified: "ModifiedEvent",
  deleted: "DeletedEvent",
};

/** The events that a change of an item causes, of the types asked for, numbered from `number` on. */
export function eventsOfChange(
  change: MailboxChange,
  wanted: ReadonlySet<string>,
  number: number,
  at: number,
): readonly NotificationEvent[] {
  const types: readonly EventType[] = [
    TYPE_OF_CHANGE[change.kind],
    ...(change.changesFreeBusy ? ["FreeBusyChangedEvent" as const] : []),
  ];
  const { itemId, mailbox } = change;
  return types
    .filter((type) => wanted.has(type))
    .map((type, index) => ({
      type,
      number: number + index,
      at,
      smtp: mailbox.smtp,
      itemId,
      changedAt: change.changedAt,
    }));
}

/** An event's element; streamed events carry no watermark, pushed and pulled ones do. */
export function encodeEvent(event: NotificationEvent, watermark: "with-watermark" | "without-watermark"): string {
  const mark = watermark === "with-watermark" ? `<t:Watermark>${encodeWatermark(event.number)}</t:Watermark>` : "";
  const item = `<t:ItemId Id="${event.itemId}" ChangeKey="${changeKey(event.changedAt)}"/>`;
  const parent = `<t:ParentFolderId Id="${folderId(event.smtp, "calendar")}" ChangeKey="${changeKey(1)}"/>`;
  return `<t:${event.type}>${mark}<t:TimeStamp>${formatUtcTime(event.at)}</t:TimeStamp>${item}${parent}</t:${event.type}>`;
}

/** The opaque text of a watermark. */
export function encodeWatermark(number: number): string {
  return Buffer.from(`AQAAAOb${number}`).toString("base64");
}

/** m:Notification as it is pushed and pulled: the events since a watermark, or a StatusEvent when there are none. */
export function encodeNotification(id: string, watermark: number, events: readonly NotificationEvent[]): string {
  const mark = encodeWatermark(watermark);
  const status = `<t:StatusEvent><t:Watermark>${mark}</t:Watermark></t:StatusEvent>`;
  const list = events.map((event) => encodeEvent(event, "with-watermark")).join("");
  const head = `<t:SubscriptionId>${id}</t:SubscriptionId><t:PreviousWatermark>${mark}</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>`;
  return `<m:Notification>${head}${list === "" ? status : list}</m:Notification>`;
}
