import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { ExchangeClock } from "./clock.ts";
import type { Mailbox } from "./mailbox.ts";
import { encodeNotification, type NotificationEvent } from "./notification.ts";
import { parseRequestXml, textAt } from "./request-xml.ts";
import { MESSAGES, SOAP, TYPES } from "./soap.ts";
import { newSubscriptionId, type Subscription } from "./subscriptions.ts";

const MINUTE = 60_000;
const FIRST_RETRY = 30_000;
const ANSWER_TIMEOUT = 30_000;
const MAXIMUM_ANSWER_BYTES = 65_536;

/** What the client said to one SendNotification. */
type Outcome = "ok" | "unsubscribe" | "no-answer";

/** A subscription that posts SendNotification to the client, and gives up when StatusFrequency has passed in retries. */
export class PushSubscription implements Subscription {
  readonly id = newSubscriptionId();
  readonly owner: string;
  readonly mailbox: Mailbox;
  readonly eventTypes: ReadonlySet<string>;
  readonly #url: URL;
  readonly #statusFrequency: number;
  readonly #clock: ExchangeClock;
  readonly #onDead: (subscription: PushSubscription) => void;
  #watermark: number;
  #waiting: NotificationEvent[] = [];
  #isPosting = false;
  #isEnded = false;
  #cancelTimer: () => void = () => undefined;

  constructor(
    details: Pick<PushSubscription, "owner" | "mailbox" | "eventTypes">,
    target: { readonly url: URL; readonly statusFrequencyMinutes: number; readonly watermark: number },
    clock: ExchangeClock,
    onDead: (subscription: PushSubscription) => void,
  ) {
    this.owner = details.owner;
    this.mailbox = details.mailbox;
    this.eventTypes = details.eventTypes;
    this.#url = target.url;
    this.#statusFrequency = target.statusFrequencyMinutes * MINUTE;
    this.#watermark = target.watermark;
    this.#clock = clock;
    this.#onDead = onDead;
  }

  /** Sends the first StatusEvent, once the Subscribe answer is on its way. */
  start(): void {
    this.#cancelTimer = this.#clock.setTimeout(() => this.#post(0), 0);
  }

  deliver(events: readonly NotificationEvent[]): void {
    this.#waiting.push(...events);
    if (this.#isPosting) return;
    // Changes of one turn of the event loop share a post; a retry in progress takes them along.
    this.#isPosting = true;
    this.#cancelTimer();
    queueMicrotask(() => this.#post(0));
  }

  end(): void {
    this.#isEnded = true;
    this.#cancelTimer();
  }

  isExpired(): boolean {
    return false;
  }

  #post(attempt: number): void {
    if (this.#isEnded) return;
    this.#isPosting = true;
    const events = this.#waiting;
    const last = events.at(-1)?.number ?? this.#watermark;
    this.#send(encodeSendNotification(encodeNotification(this.id, this.#watermark, events)), (outcome) => {
      if (this.#isEnded) return;
      if (outcome === "unsubscribe") this.#onDead(this);
      else if (outcome === "no-answer") this.#retry(attempt);
      else this.#confirm(events.length, last);
    });
  }

  #confirm(count: number, watermark: number): void {
    this.#watermark = watermark;
    this.#waiting = this.#waiting.slice(count);
    if (this.#waiting.length > 0) {
      this.#post(0);
      return;
    }
    this.#isPosting = false;
    this.#cancelTimer = this.#clock.setTimeout(() => this.#post(0), this.#statusFrequency);
  }

  // 30 s, 60 s, 120 s ...: a retry that would come after StatusFrequency is not sent and the subscription is dead.
  #retry(attempt: number): void {
    const wait = FIRST_RETRY * 2 ** attempt;
    const elapsed = FIRST_RETRY * (2 ** attempt - 1);
    if (elapsed + wait > this.#statusFrequency) this.#onDead(this);
    else this.#cancelTimer = this.#clock.setTimeout(() => this.#post(attempt + 1), wait);
  }

  #send(body: string, onOutcome: (outcome: Outcome) => void): void {
    let isDone = false;
    const done = (outcome: Outcome): void => {
      if (!isDone) onOutcome(outcome);
      isDone = true;
    };
    const send = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
    const post = send(this.#url, {
      method: "POST",
      timeout: ANSWER_TIMEOUT,
      headers: {
        "Content-Type": "text/xml; charset=utf-8",
        "Content-Length": Buffer.byteLength(body),
        SOAPAction: `"${MESSAGES}/SendNotification"`,
      },
    });
    const chunks: Buffer[] = [];
    let size = 0;
    post.on("timeout", () => post.destroy(new Error("no answer in time")));
    post.on("response", (response) => {
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAXIMUM_ANSWER_BYTES) post.destroy(new Error("answer too large"));
        else chunks.push(chunk);
      });
      response.on("end", () => done(response.statusCode === 200 ? decodeAnswer(Buffer.concat(chunks)) : "no-answer"));
      response.on("error", () => done("no-answer"));
    });
    post.on("error", () => done("no-answer"));
    post.end(body);
  }
}

/** SendNotificationResult: SubscriptionStatus OK or Unsubscribe; anything else counts as no answer. */
function decodeAnswer(bytes: Buffer): Outcome {
  try {
    const status = textAt(parseRequestXml(bytes), "Body", "SendNotificationResult", "SubscriptionStatus");
    if (status === "Unsubscribe") return "unsubscribe";
    return status === "OK" ? "ok" : "no-answer";
  } catch {
    return "no-answer";
  }
}

function encodeSendNotification(notification: string): string {
  return (
    `<?xml version="1.0" encoding="utf-8"?><soap11:Envelope xmlns:soap11="${SOAP}"><soap11:Body>` +
    `<m:SendNotification xmlns:t="${TYPES}" xmlns:m="${MESSAGES}"><m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass="Success">` +
    `<m:ResponseCode>NoError</m:ResponseCode>${notification}</m:SendNotificationResponseMessage>` +
    "</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
  );
}
