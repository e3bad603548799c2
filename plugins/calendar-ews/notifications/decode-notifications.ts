import { type BodyHandler, type ResponseMessage, SoapEnvelope, utf8Decoder } from "../soap-answer.ts";
import { XmlReader } from "../xml-reader.ts";

/** A Notification as it is pushed and pulled: what happened since a watermark. */
export interface WatermarkedNotification {
  readonly subscriptionId: string;
  readonly previousWatermark: string;
  /** Of the last event. */
  readonly watermark: string;
  /** False for a StatusEvent, which is a sign of life. */
  readonly hasChange: boolean;
}

/** Collects Notification elements of SendNotification and of the answer to GetEvents. */
export class NotificationsBody implements BodyHandler {
  readonly notifications: WatermarkedNotification[] = [];
  /** A response message that is none of success. */
  problem: ResponseMessage | undefined;
  #current: { -readonly [Key in keyof WatermarkedNotification]: WatermarkedNotification[Key] } | undefined;

  open(name: string): void {
    if (name === "Notification")
      this.#current = { subscriptionId: "", previousWatermark: "", watermark: "", hasChange: false };
  }

  close(name: string, text: string): void {
    const current = this.#current;
    if (!current) return;
    if (name === "SubscriptionId") current.subscriptionId = text.trim();
    else if (name === "PreviousWatermark") current.previousWatermark = text.trim();
    else if (name === "Watermark") current.watermark = text.trim();
    else if (name === "Notification") {
      this.#current = undefined;
      this.notifications.push(current);
    } else if (name.endsWith("Event") && name !== "StatusEvent") current.hasChange = true;
  }

  message(message: ResponseMessage): void {
    if (!message.isSuccess) this.problem = message;
  }
}

// The listener takes no more bytes than this.
const MAX_CHARACTERS = 256 * 1024;

/** Decodes SendNotification, which anybody may have sent; throws GatewayError for what is none. */
export function decodeSendNotification(host: string, bytes: Uint8Array): readonly WatermarkedNotification[] {
  const body = new NotificationsBody();
  const reader = new XmlReader(new SoapEnvelope(body), { host, maxCharacters: MAX_CHARACTERS });
  const decode = utf8Decoder(host);
  reader.write(decode(bytes) + decode());
  reader.end();
  return body.notifications;
}

/** The answer to SendNotification; Unsubscribe ends the subscription, which the operation of that name does not for push. */
export const encodeNotificationResult = (status: "OK" | "Unsubscribe"): string =>
  '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>' +
  '<m:SendNotificationResult xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">' +
  `<m:SubscriptionStatus>${status}</m:SubscriptionStatus></m:SendNotificationResult></s:Body></s:Envelope>`;
