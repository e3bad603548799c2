import type { Mailbox } from "../../src/core/addresses.ts";
import { escapeXml } from "../../src/lib/xml.ts";
import type { EwsProblem } from "./response-problem.ts";
import { type BodyHandler, type ResponseMessage, SoapEnvelope, utf8Decoder } from "./soap-answer.ts";
import { encodeEnvelope, type RequestVersion } from "./soap-request.ts";
import { XmlReader } from "./xml-reader.ts";

/** One envelope of the endless answer to GetStreamingEvents. */
export interface StreamFrame {
  /** Subscriptions with a change; each once. */
  readonly changed: ReadonlySet<string>;
  /** Subscriptions that the server does not know any more (ErrorSubscriptionIds). */
  readonly lost: readonly string[];
  /** ConnectionStatus Closed: the connection's lifetime is over, its subscriptions live on. */
  readonly isClosing: boolean;
  /** A SOAP fault, or a response message that is none of success. */
  readonly problem: EwsProblem | undefined;
}

/** GetStreamingEvents for the subscriptions, under the identity of the group's anchor. */
export function encodeStream(
  subscriptionIds: readonly string[],
  { anchor, lifetimeMinutes }: { readonly anchor: Mailbox; readonly lifetimeMinutes: number },
  version: RequestVersion,
): string {
  const ids = subscriptionIds.map((id) => `<t:SubscriptionId>${escapeXml(id)}</t:SubscriptionId>`);
  return encodeEnvelope(
    version,
    `<m:GetStreamingEvents><m:SubscriptionIds>${ids.join("")}</m:SubscriptionIds>` +
      `<m:ConnectionTimeout>${lifetimeMinutes}</m:ConnectionTimeout></m:GetStreamingEvents>`,
    anchor,
  );
}

class FrameBody implements BodyHandler {
  readonly changed = new Set<string>();
  readonly lost: string[] = [];
  isClosing = false;
  problem: ResponseMessage | undefined;
  #isListingLost = false;
  #id = "";
  #hasEvent = false;

  open(name: string): void {
    if (name === "ErrorSubscriptionIds") this.#isListingLost = true;
    else if (name === "Notification") {
      this.#id = "";
      this.#hasEvent = false;
    }
  }

  close(name: string, text: string): void {
    if (name === "ErrorSubscriptionIds") this.#isListingLost = false;
    else if (name === "SubscriptionId") this.#readId(text.trim());
    else if (name === "ConnectionStatus") this.isClosing = text.trim() === "Closed";
    else if (name === "Notification") this.#endNotification();
    else if (name.endsWith("Event") && name !== "StatusEvent") this.#hasEvent = true;
  }

  message(message: ResponseMessage): void {
    if (!message.isSuccess) this.problem = message;
  }

  #readId(id: string): void {
    if (this.#isListingLost) this.lost.push(id);
    else this.#id = id;
  }

  #endNotification(): void {
    if (this.#hasEvent && this.#id !== "") this.changed.add(this.#id);
  }
}

interface OpenFrame {
  readonly body: FrameBody;
  readonly envelope: SoapEnvelope;
  readonly reader: XmlReader;
}

// 200 subscriptions with many changes each stay far below.
const MAX_CHARACTERS = 4 * 1024 * 1024;

// White space, a byte-order mark: all that may stand between two frames.
const GAP = /[\s\uFEFF]*/y;

/** Cuts the endless answer into frames, however it arrives: many in one chunk, or one in many. Throws GatewayError. */
export class StreamParser {
  readonly #host: string;
  readonly #decode: (bytes?: Uint8Array) => string;
  #open: OpenFrame | undefined;

  constructor(host: string) {
    this.#host = host;
    this.#decode = utf8Decoder(host);
  }

  /** The frames that this chunk completes. */
  write(bytes: Uint8Array): readonly StreamFrame[] {
    const text = this.#decode(bytes);
    const frames: StreamFrame[] = [];
    let from = 0;
    while (from < text.length) {
      if (!this.#open) from = skipGap(text, from);
      if (from >= text.length) break;
      this.#open ??= this.#begin();
      // A frame can only end with a tag: fed tag by tag, the parser never sees what belongs to the next.
      const end = text.indexOf(">", from) + 1 || text.length;
      this.#open.reader.write(text.slice(from, end));
      from = end;
      if (!this.#open.reader.isComplete) continue;
      frames.push(this.#complete(this.#open));
      this.#open = undefined;
    }
    return frames;
  }

  #begin(): OpenFrame {
    const body = new FrameBody();
    const envelope = new SoapEnvelope(body);
    const reader = new XmlReader(envelope, { host: this.#host, maxCharacters: MAX_CHARACTERS });
    return { body, envelope, reader };
  }

  #complete({ body, envelope, reader }: OpenFrame): StreamFrame {
    reader.end();
    const { changed, lost, isClosing, problem } = body;
    return { changed, lost, isClosing, problem: envelope.fault ?? problem };
  }
}

function skipGap(text: string, from: number): number {
  GAP.lastIndex = from;
  GAP.exec(text);
  return GAP.lastIndex;
}
