import type { PresentityId, SipAor } from "../../src/core/addresses.ts";
import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { hours, type Instant, type Milliseconds, milliseconds, minutes, plus, seconds } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { IncomingSipRequest, SipReply, SipRequest, SipResponse } from "../shared-sip/sip-server.ts";
import { accepted, answered, type Dialog, newDialog } from "./subscription-dialog.ts";
import { parseDelta, parseSubscriptionState, type SubscriptionState } from "./subscription-state.ts";

/** RFC 3856 presence; RFC 4235 dialog. */
export type PhoneEvent = "presence" | "dialog";

const CONTENT: Readonly<Record<PhoneEvent, string>> = {
  presence: "application/pidf+xml",
  dialog: "application/dialog-info+xml",
};

/** RFC 3856 6.4 and RFC 4235 3.4: 3600 s. */
const EXPIRES = hours(1);
const LONGEST_EXPIRES = hours(24);
const RETRY: BackoffPolicy = { first: seconds(2), longest: minutes(5) };
/** What only a person can mend is tried again this often. */
const PARKED: BackoffPolicy = { first: hours(1), longest: hours(1) };
/** RFC 6665 4.1.2.4 timer N: without a NOTIFY by then there is no subscription. */
const TIMER_N = seconds(32);
const SHORTEST_REFRESH = seconds(5);
/** After a login a request is sent again with the next number: those of one SUBSCRIBE must not reach those of the next. */
const CSEQ_STEP = 8;

/** What follows from an answer, or from the end of a subscription by the server. */
export interface Next {
  readonly wait: Milliseconds;
  /** Nothing is to be known here: the state that was heard goes too. */
  readonly isRefused: boolean;
}

/** What follows from a NOTIFY. */
export interface Notified {
  readonly reply: SipReply;
  /** What it says of the phones; empty: that there is nothing to say. Absent when it is not to be read. */
  readonly body?: string;
  /** When the next SUBSCRIBE is due; absent: as before. */
  readonly next?: Next;
}

/** What a subscription decides by: nothing else. */
export interface Moment {
  readonly now: Instant;
  /** In [0, 1). */
  readonly random: number;
}

/**
 * One subscription to one user's phones (RFC 6665), as its subscriber: the dialog, and what each answer and each NOTIFY
 * means for it. It sends nothing itself and reads no clock. A dialog of sip.js costs 7.8 ms; there are thousands of these.
 */
export class Subscription {
  readonly presentity: PresentityId;
  readonly aor: SipAor;
  readonly event: PhoneEvent;
  readonly #makeId: () => string;
  #dialog: Dialog;
  #localCseq = 0;
  #asked = EXPIRES;
  #hasTriedLonger = false;
  #failures = 0;
  /** Whether a NOTIFY has come since the last SUBSCRIBE. */
  #isHeard = true;
  #refreshAt: Instant | undefined;
  #knownUntil: Instant | undefined;
  #end: "no" | "wanted" | "sent" = "no";
  /** What follows from the server's having ended it while a SUBSCRIBE was under way: the answer to that says no more. */
  #ended: Next | undefined;

  constructor({ presentity, aor, event }: Pick<Subscription, "presentity" | "aor" | "event">, makeId: () => string) {
    this.presentity = presentity;
    this.aor = aor;
    this.event = event;
    this.#makeId = makeId;
    this.#dialog = newDialog(makeId);
  }

  /** What NOTIFY requests are matched by. */
  get callId(): string {
    return this.#dialog.callId;
  }

  /** Until when what was heard holds; undefined when nothing is known. */
  get knownUntil(): Instant | undefined {
    return this.#knownUntil;
  }

  /** True when the server has said that there is a dialog. */
  get hasDialog(): boolean {
    return this.#dialog.remoteTag !== undefined;
  }

  /** True when there is a dialog that one more SUBSCRIBE is to end. */
  get mustBeEnded(): boolean {
    return this.#end === "wanted" && this.hasDialog;
  }

  /** True when nobody wants it any more. */
  get isUnwanted(): boolean {
    return this.#end !== "no";
  }

  /** Nobody wants to know any more. */
  end(): void {
    this.#end = "wanted";
  }

  /** What was heard has expired. */
  forget(): void {
    this.#knownUntil = undefined;
  }

  /** The next SUBSCRIBE: in the dialog, or where there is none in a new one. */
  begin(contact: string): SipRequest {
    const isUnheard = !this.#isHeard && !this.isUnwanted;
    if (isUnheard) this.#failures++;
    const isNew = this.#dialog.isUsed && (isUnheard || this.#dialog.remoteTag === undefined);
    this.#dialog = { ...(isNew ? newDialog(this.#makeId) : this.#dialog), isUsed: true };
    this.#isHeard = false;
    this.#ended = undefined;
    this.#localCseq += CSEQ_STEP;
    if (this.#end === "wanted") this.#end = "sent";
    const { callId, remoteTag, target, routes } = this.#dialog;
    return {
      method: "SUBSCRIBE",
      target: target ?? this.aor,
      headers: [
        ["From", `<${this.aor}>;tag=${callId}`],
        ["To", remoteTag === undefined ? `<${this.aor}>` : `<${this.aor}>;tag=${remoteTag}`],
        ["Call-ID", callId],
        ["CSeq", `${this.#localCseq} SUBSCRIBE`],
        ...routes.map((route) => ["Route", route] as const),
        ["Contact", contact],
        ["Event", this.event],
        ["Accept", CONTENT[this.event]],
        ["Expires", String(this.isUnwanted ? 0 : Math.round(this.#asked / 1000))],
      ],
    };
  }

  /** What the final answer to `begin` means. */
  takeAnswer(response: SipResponse, { now, random }: Moment): Next {
    const { status } = response;
    if (this.#ended) return this.#ended;
    if (status >= 200 && status < 300) return this.#takeAccepted(response, { now, random });
    // Whatever it was, it is no missing NOTIFY.
    this.#isHeard = true;
    if (status === 481 && this.#dialog.remoteTag !== undefined) {
      this.#dialog = newDialog(this.#makeId);
      return { wait: milliseconds(0), isRefused: false };
    }
    const longer = status === 423 ? parseDelta(response.header("Min-Expires")) : undefined;
    if (longer !== undefined && longer > this.#asked && longer < LONGEST_EXPIRES && !this.#hasTriedLonger) {
      this.#asked = longer;
      this.#hasTriedLonger = true;
      return { wait: milliseconds(0), isRefused: false };
    }
    return isPassing(status) ? this.#retry(random, parseDelta(response.header("Retry-After"))) : this.#park(random);
  }

  /** What it means that there was no answer. RFC 6665 4.1.2.3: what was subscribed to before stands until it expires. */
  takeFailure({ type }: GatewayError, { random }: Moment): Next {
    this.#isHeard = true;
    return type === "wait" || type === "cancel" ? this.#retry(random, undefined) : this.#park(random);
  }

  /** What a NOTIFY of this Call-ID means; one may come before the answer to SUBSCRIBE (RFC 6665 4.4.1). */
  takeNotify(request: IncomingSipRequest, moment: Moment): Notified {
    const { callId, remoteTag, remoteCseq } = this.#dialog;
    // RFC 6665 4.4.1: a SUBSCRIBE that was forked: the first one that answers is the one.
    const isOurs = request.toTag === callId && (remoteTag === undefined || remoteTag === request.fromTag);
    if (!isOurs || request.fromTag === "") return { reply: { status: 481 } };
    if (eventOf(request) !== this.event) return { reply: { status: 489, headers: [["Allow-Events", this.event]] } };
    if (request.cseq === remoteCseq) return { reply: { status: 200 } };
    // RFC 3261 12.2.2: older than what is known.
    if (request.cseq < remoteCseq) return { reply: { status: 500 } };
    const state = parseSubscriptionState(request.header("Subscription-State"));
    if (!state) return { reply: { status: 400 } };
    this.#dialog = answered(this.#dialog, request);
    this.#isHeard = true;
    this.#failures = 0;
    this.#hasTriedLonger = false;
    const next = state.state === "terminated" ? this.#takeEnd(state, moment) : this.#takeAlive(state, moment);
    return { ...this.#readBody(request, state), next };
  }

  #takeAccepted(response: SipResponse, { now, random }: Moment): Next {
    this.#dialog = accepted(this.#dialog, response);
    const granted = parseDelta(response.header("Expires")) ?? this.#asked;
    if (granted === 0) return this.#retry(random, undefined);
    this.#knownUntil = plus(now, granted);
    this.#refreshAt = plus(now, refreshAfter(granted, random));
    const pause = this.#failures > 0 ? backoffDelay(RETRY, this.#failures, random) : 0;
    const wait = this.#isHeard ? this.#refreshAt - now : TIMER_N + pause;
    return { wait: milliseconds(wait), isRefused: false };
  }

  #takeAlive({ expires }: SubscriptionState, { now, random }: Moment): Next {
    const left = expires ?? (this.#knownUntil === undefined ? this.#asked : milliseconds(this.#knownUntil - now));
    this.#knownUntil = plus(now, left);
    const planned = this.#refreshAt ?? plus(now, refreshAfter(left, random));
    this.#refreshAt = planned > now && planned < this.#knownUntil ? planned : plus(now, refreshAfter(left, random));
    return { wait: milliseconds(this.#refreshAt - now), isRefused: false };
  }

  /** RFC 6665 4.1.3, reason by reason; one that is not known is as none. */
  #takeEnd({ reason, retryAfter }: SubscriptionState, { random }: Moment): Next {
    this.#dialog = newDialog(this.#makeId);
    const isForGood = reason === "rejected" || reason === "noresource" || reason === "invariant";
    const isSoon = reason === "deactivated" || reason === "timeout";
    this.#ended = isForGood ? this.#park(random) : this.#retry(random, isSoon ? undefined : retryAfter);
    return this.#ended;
  }

  #readBody(request: IncomingSipRequest, { state }: SubscriptionState): Pick<Notified, "reply" | "body"> {
    const reply = { status: 200 };
    const body = request.body.trim();
    // RFC 6665 4.1.3: what a pending or an ended subscription carries is no state; servers that end one may be leaving.
    if (state !== "active") return state === "pending" ? { reply, body: "" } : { reply };
    const type = (request.header("Content-Type") ?? "").split(";")[0]?.trim().toLowerCase();
    if (body === "" || type === CONTENT[this.event]) return { reply, body };
    return { reply: { status: 415, headers: [["Accept", CONTENT[this.event]]] } };
  }

  #retry(random: number, asked: Milliseconds | undefined): Next {
    const own = backoffDelay(RETRY, ++this.#failures, random);
    const wait = Math.min(Math.max(own, asked ?? 0), PARKED.longest);
    return { wait: milliseconds(wait), isRefused: false };
  }

  #park(random: number): Next {
    this.#dialog = newDialog(this.#makeId);
    this.#knownUntil = undefined;
    return { wait: backoffDelay(PARKED, 1, random), isRefused: true };
  }
}

/** RFC 6665 4.1.2.2: in good time before the end, and not all at once. */
const refreshAfter = (granted: Milliseconds, random: number): Milliseconds =>
  milliseconds(Math.max(granted * (0.5 + 0.4 * random), SHORTEST_REFRESH));

/** The server may do it later: time-outs, overload, and what other servers in between say. */
const isPassing = (status: number): boolean =>
  (status >= 300 && status < 400) || status >= 500 ? status < 600 : [408, 423, 429, 480, 481, 491].includes(status);

const eventOf = (request: IncomingSipRequest): string =>
  (request.header("Event") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
