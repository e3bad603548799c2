import type { ServerResponse } from "node:http";
import type { ExchangeClock } from "./clock.ts";
import type { Mailbox } from "./mailbox.ts";
import { encodeEvent, type NotificationEvent } from "./notification.ts";
import { child, textAt, type XmlElement } from "./request-xml.ts";
import { EwsFault, encodeError, escapeXml, MESSAGES, SOAP, TYPES } from "./soap.ts";
import { newSubscriptionId, type Subscription } from "./subscriptions.ts";

const MINUTE = 60_000;
// GetStreamingEvents: at most 200 subscriptions a connection; ConnectionTimeout is 1 to 30 minutes.
const MAXIMUM_SUBSCRIPTIONS = 200;
const LONGEST_CONNECTION_MINUTES = 30;
// A streaming subscription that no connection serves for this long is dropped.
const UNSERVED_LIFETIME = 30 * MINUTE;
// A client that reads nothing while this much waits for it is cut off.
const MAXIMUM_UNSENT_BYTES = 16 * 1024 * 1024;

/** A subscription whose events wait until a GetStreamingEvents connection takes them. */
export class StreamingSubscription implements Subscription {
  readonly id = newSubscriptionId();
  readonly owner: string;
  readonly mailbox: Mailbox;
  readonly eventTypes: ReadonlySet<string>;
  /** The server that keeps it: other servers do not know it. */
  readonly backEnd: string;
  #waiting: NotificationEvent[] = [];
  #connection: StreamingConnection | undefined;
  #unservedSince: number;

  constructor(details: Pick<StreamingSubscription, "owner" | "mailbox" | "eventTypes" | "backEnd">, now: number) {
    this.owner = details.owner;
    this.mailbox = details.mailbox;
    this.eventTypes = details.eventTypes;
    this.backEnd = details.backEnd;
    this.#unservedSince = now;
  }

  deliver(events: readonly NotificationEvent[]): void {
    this.#waiting.push(...events);
    this.#connection?.wake(this);
  }

  end(code: string): void {
    this.#connection?.fail([this.id], code);
    this.#connection = undefined;
  }

  isExpired(now: number): boolean {
    return this.#connection === undefined && now - this.#unservedSince > UNSERVED_LIFETIME;
  }

  /** Gives the subscription to a connection; the newest one serves it alone. */
  attach(connection: StreamingConnection): void {
    this.#connection = connection;
    if (this.#waiting.length > 0) connection.wake(this);
  }

  /** The connection has ended; later events wait for the next one. */
  detach(connection: StreamingConnection, now: number): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#unservedSince = now;
  }

  /** The events not yet sent, which the caller now sends. */
  takeWaiting(): readonly NotificationEvent[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}

/** What a GetStreamingEvents request asks for. */
export interface StreamingRequest {
  readonly ids: readonly string[];
  readonly lifetime: number;
}

/** Reads GetStreamingEvents; values outside the schema's ranges are refused as Exchange does. */
export function parseStreamingRequest(body: XmlElement): StreamingRequest {
  const minutes = Number(textAt(body, "ConnectionTimeout") ?? Number.NaN);
  const ids = child(body, "SubscriptionIds")?.children.map((element) => element.text.trim()) ?? [];
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > LONGEST_CONNECTION_MINUTES || ids.length === 0) {
    throw new EwsFault(
      "ErrorSchemaValidation",
      "The request failed schema validation: The 'ConnectionTimeout' or 'SubscriptionIds' element is invalid.",
    );
  }
  if (ids.length > MAXIMUM_SUBSCRIPTIONS) {
    throw new EwsFault("ErrorInvalidSubscriptionRequest", "The request has too many subscription ids.");
  }
  return { ids, lifetime: minutes * MINUTE };
}

/** How a connection sends text and how long it may be idle, in milliseconds. */
export interface StreamingOptions {
  readonly clock: ExchangeClock;
  readonly heartbeat: number;
  readonly versionInfo: string;
  write(response: ServerResponse, text: string): void;
}

/** One GetStreamingEvents answer: a chunked body of envelopes that ends with ConnectionStatus Closed. */
export class StreamingConnection {
  readonly #response: ServerResponse;
  readonly #options: StreamingOptions;
  readonly #subscriptions: ReadonlySet<StreamingSubscription>;
  readonly #woken = new Set<StreamingSubscription>();
  #cancelHeartbeat: () => void = () => undefined;
  #cancelLifetime: () => void = () => undefined;
  #isFlushing = false;

  constructor(response: ServerResponse, subscriptions: readonly StreamingSubscription[], options: StreamingOptions) {
    this.#response = response;
    this.#subscriptions = new Set(subscriptions);
    this.#options = options;
  }

  /** Sends the head and the first frames, and serves the subscriptions until the lifetime (ms) is over. */
  open(unknownIds: readonly string[], lifetime: number): void {
    const { clock } = this.#options;
    this.#response.writeHead(200, { "Content-Type": "text/xml; charset=utf-8", "Cache-Control": "private" });
    this.#response.on("close", () => this.#release());
    if (unknownIds.length > 0) this.fail(unknownIds, "ErrorSubscriptionNotFound");
    if (this.#subscriptions.size === 0) {
      this.#response.end();
      return;
    }
    this.#send("<m:ConnectionStatus>OK</m:ConnectionStatus>");
    this.#cancelLifetime = clock.setTimeout(() => this.#close(), lifetime);
    for (const subscription of this.#subscriptions) subscription.attach(this);
  }

  /** There are events of that subscription to send; all that come in one turn of the event loop share a frame. */
  wake(subscription: StreamingSubscription): void {
    this.#woken.add(subscription);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Reports subscriptions that are no more; the connection goes on for the others. */
  fail(ids: readonly string[], code: string): void {
    // On the wire the ids are in the messages namespace, although the schema says types.
    const list = ids.map((id) => `<m:SubscriptionId>${escapeXml(id)}</m:SubscriptionId>`).join("");
    const error = encodeError(new EwsFault(code, "The subscription cannot be served any more."));
    this.#write("Error", `${error}<m:ErrorSubscriptionIds>${list}</m:ErrorSubscriptionIds>`);
  }

  /** Breaks the connection without a word. */
  drop(): void {
    this.#response.destroy();
  }

  #flush(): void {
    this.#isFlushing = false;
    const woken = [...this.#woken];
    this.#woken.clear();
    if (this.#response.writableEnded) return; // the events wait for the next connection
    const notifications = woken.map(encodeStreamed).join("");
    if (notifications !== "") this.#send(`<m:Notifications>${notifications}</m:Notifications>`);
  }

  #send(content: string): void {
    const { clock, heartbeat } = this.#options;
    this.#write("Success", `<m:ResponseCode>NoError</m:ResponseCode>${content}`);
    this.#cancelHeartbeat();
    this.#cancelHeartbeat = clock.setTimeout(
      () => this.#send("<m:ConnectionStatus>OK</m:ConnectionStatus>"),
      heartbeat,
    );
  }

  #write(responseClass: "Success" | "Error", content: string): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    if (this.#response.writableLength > MAXIMUM_UNSENT_BYTES) {
      this.drop();
      return;
    }
    this.#options.write(this.#response, encodeFrame(this.#options.versionInfo, responseClass, content));
  }

  #close(): void {
    this.#send("<m:ConnectionStatus>Closed</m:ConnectionStatus>");
    this.#release();
    this.#response.end();
  }

  #release(): void {
    this.#cancelHeartbeat();
    this.#cancelLifetime();
    for (const subscription of this.#subscriptions) subscription.detach(this, this.#options.clock.now());
  }
}

function encodeStreamed(subscription: StreamingSubscription): string {
  const events = subscription.takeWaiting().map((event) => encodeEvent(event, "without-watermark"));
  if (events.length === 0) return "";
  return `<m:Notification><t:SubscriptionId>${subscription.id}</t:SubscriptionId>${events.join("")}</m:Notification>`;
}

/** A frame in the form of real servers: default SOAP namespace, soap11 prefixes inside, no XML declaration. */
function encodeFrame(versionInfo: string, responseClass: "Success" | "Error", content: string): string {
  return (
    `<Envelope xmlns="${SOAP}"><soap11:Header xmlns:soap11="${SOAP}"><ServerVersionInfo xmlns="${TYPES}" ${versionInfo}/></soap11:Header>` +
    `<soap11:Body xmlns:soap11="${SOAP}"><m:GetStreamingEventsResponse xmlns:m="${MESSAGES}" xmlns:t="${TYPES}"><m:ResponseMessages>` +
    `<m:GetStreamingEventsResponseMessage ResponseClass="${responseClass}">${content}</m:GetStreamingEventsResponseMessage>` +
    `</m:ResponseMessages></m:GetStreamingEventsResponse></soap11:Body></Envelope>`
  );
}
