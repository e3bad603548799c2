import { type Instant, milliseconds, plus } from "../../src/lib/time.ts";
import { TimerHeap } from "../../src/lib/timer-heap.ts";
import { after } from "../../src/ports/after.ts";
import { toGatewayError } from "../../src/ports/errors.ts";
import type { Runtime } from "../../src/ports/runtime.ts";
import type { IncomingSipRequest, SipReply, SipServer } from "../shared-sip/sip-server.ts";
import type { Next, Subscription } from "./subscription.ts";

/** SUBSCRIBE requests that may be under way at once. */
const WINDOW = 100;
/** Wakes are at least this far apart: what is due in between goes together. */
const SLICE = milliseconds(50);
/** So many dialogs in a row that the server does not know are no accident. */
const MOST_UNKNOWN = 2;
/** Clocks are set, and timers of a month overflow. */
const LONGEST_SLEEP = milliseconds(60_000);

/** What the subscriptions tell. */
export interface SubscriptionEvents {
  /** A NOTIFY was taken; `body` as in `Notified`. */
  heard(subscription: Subscription, body: string | undefined): void;
  /** Nothing is known any more: it was refused, or what was heard has expired. */
  lost(subscription: Subscription): void;
  /** A refresh was accepted: what was heard holds for longer. */
  extended(subscription: Subscription): void;
  /** The server does not know dialogs any more that it had made: it has begun anew behind the same connection, or UDP. */
  forgotten(): void;
  /** Every subscription has been heard, or refused, since the connection was made. */
  settled(): void;
}

/** What the subscriptions work with. */
export interface SubscriptionDeps {
  readonly runtime: Runtime;
  /** SUBSCRIBE requests per second, in the long run. */
  readonly perSecond: number;
}

/** All subscriptions: when each is due, no more at once than the server takes, and whose NOTIFY is whose. */
export class SubscriptionBook {
  readonly #deps: SubscriptionDeps;
  readonly #events: SubscriptionEvents;
  readonly #byCallId = new Map<string, Subscription>();
  readonly #due = new TimerHeap<Subscription>();
  readonly #expiry = new TimerHeap<Subscription>();
  readonly #sending = new Set<Subscription>();
  readonly #refused = new Set<Subscription>();
  /** Not heard since the connection was made. */
  readonly #awaited = new Set<Subscription>();
  #isSettled = false;
  /** Refreshes in a row that the server has answered with 481. */
  #unknown = 0;
  #connection: { readonly server: SipServer; readonly end: AbortController } | undefined;
  /** Earlier than now: requests that may go at once. */
  #freeAt: number = Number.NEGATIVE_INFINITY;
  #wake: { readonly at: Instant; readonly cancel: () => void } | undefined;

  constructor(deps: SubscriptionDeps, events: SubscriptionEvents) {
    this.#deps = deps;
    this.#events = events;
  }

  /** How many there are. */
  get size(): number {
    return this.#byCallId.size;
  }

  /** How many the server has refused. */
  get refusals(): number {
    return this.#refused.size;
  }

  /** True when all have been heard, or refused, on the present connection. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Subscribes, in its turn. */
  add(subscription: Subscription): void {
    this.#byCallId.set(subscription.callId, subscription);
    this.#due.set(subscription, this.#now);
    if (!this.#isSettled) this.#awaited.add(subscription);
    this.#pump();
  }

  /** Ends the subscription, at the server too when it is connected; nothing more is told of it. */
  remove(subscription: Subscription): void {
    subscription.end();
    this.#expiry.delete(subscription);
    this.#refused.delete(subscription);
    this.#note(subscription);
    if (this.#sending.has(subscription)) return;
    if (this.#connection && subscription.mustBeEnded) this.#due.set(subscription, this.#now);
    else this.#delete(subscription);
    this.#pump();
  }

  /** There is a new connection: every subscription is made anew or confirmed. */
  beginRun(server: SipServer): void {
    this.endRun();
    this.#unknown = 0;
    this.#connection = { server, end: new AbortController() };
    for (const subscription of this.#byCallId.values()) {
      this.#awaited.add(subscription);
      if (!this.#sending.has(subscription)) this.#due.set(subscription, this.#now);
    }
    this.#note(undefined);
    this.#pump();
  }

  /** There is no connection any more; what was heard holds until it expires. */
  endRun(): void {
    this.#connection?.end.abort(new Error("the connection to the SIP server has ended"));
    this.#connection = undefined;
    this.#isSettled = false;
    for (const subscription of this.#byCallId.values()) if (subscription.isUnwanted) this.#delete(subscription);
    this.#pump();
  }

  /** Ends all timers. */
  stop(): void {
    this.endRun();
    this.#wake?.cancel();
    this.#wake = undefined;
  }

  /** Answers a NOTIFY; undefined for other requests. */
  answer(request: IncomingSipRequest): SipReply | undefined {
    if (request.method !== "NOTIFY") return undefined;
    const subscription = this.#byCallId.get(request.callId);
    // RFC 6665 4.1.3; who is not wanted any more is told so once.
    if (!subscription) return { status: 481 };
    const { reply, body, next } = subscription.takeNotify(request, this.#moment);
    this.#rename(subscription, request.callId);
    if (!next || subscription.isUnwanted) return reply;
    this.#events.heard(subscription, body);
    this.#note(subscription);
    this.#noteRefusal(subscription, next, "terminated");
    this.#settle(subscription, next);
    return reply;
  }

  get #now(): Instant {
    return this.#deps.runtime.clock.now();
  }

  get #moment(): { readonly now: Instant; readonly random: number } {
    return { now: this.#now, random: this.#deps.runtime.random() };
  }

  /** Sends what is due as fast as it may, and lets expire what is over. */
  #pump(): void {
    const now = this.#now;
    for (let over = this.#expiry.takeDue(now); over; over = this.#expiry.takeDue(now)) {
      over.forget();
      this.#events.lost(over);
    }
    const interval = 1000 / this.#deps.perSecond;
    this.#freeAt = Math.max(this.#freeAt, now - 100);
    const connection = this.#connection;
    while (connection && this.#sending.size < WINDOW && this.#freeAt <= now) {
      const subscription = this.#due.takeDue(now);
      if (!subscription) break;
      this.#freeAt += interval;
      this.#own(this.#send(subscription, connection.server, connection.end.signal));
    }
    this.#arm(now);
  }

  #arm(now: Instant): void {
    const canSend = this.#connection !== undefined && this.#sending.size < WINDOW;
    const due = canSend && this.#due.next !== undefined ? Math.max(this.#due.next, this.#freeAt) : Infinity;
    const next = Math.min(due, this.#expiry.next ?? Infinity);
    if (next === Infinity || (this.#wake && this.#wake.at <= Math.max(next, now + SLICE))) return;
    this.#wake?.cancel();
    const wait = milliseconds(Math.min(Math.max(next - now, SLICE), LONGEST_SLEEP));
    const cancel = after(this.#deps.runtime.clock, wait, () => {
      this.#wake = undefined;
      this.#pump();
    });
    this.#wake = { at: plus(now, wait), cancel };
  }

  async #send(subscription: Subscription, server: SipServer, signal: AbortSignal): Promise<void> {
    this.#sending.add(subscription);
    const before = subscription.callId;
    const request = subscription.begin(server.contact);
    const isRefresh = subscription.hasDialog;
    this.#rename(subscription, before);
    let next: Next;
    try {
      const response = await server.request(request, signal);
      const { callId } = subscription;
      next = subscription.takeAnswer(response, this.#moment);
      this.#rename(subscription, callId);
      this.#noteRefusal(subscription, next, response.status);
      if (isRefresh && this.#isSettled) this.#unknown = response.status === 481 ? this.#unknown + 1 : 0;
    } catch (error) {
      const { callId } = subscription;
      next = subscription.takeFailure(toGatewayError(error), this.#moment);
      this.#rename(subscription, callId);
      this.#noteRefusal(subscription, next, toGatewayError(error).code);
    }
    this.#sending.delete(subscription);
    if (subscription.isUnwanted) this.#finish(subscription);
    else {
      this.#settle(subscription, next);
      if (!next.isRefused && subscription.knownUntil !== undefined) this.#events.extended(subscription);
    }
    if (this.#unknown >= MOST_UNKNOWN) this.#events.forgotten();
    else this.#pump();
  }

  #noteRefusal(subscription: Subscription, { isRefused }: Next, status: number | string): void {
    const wasRefused = this.#refused.has(subscription);
    if (!isRefused || subscription.isUnwanted) this.#refused.delete(subscription);
    else this.#refused.add(subscription);
    if (!isRefused || wasRefused) return;
    const { presentity, event } = subscription;
    this.#deps.runtime.log.debug("clients.subscription-refused", { presentity, event, status });
  }

  #finish(subscription: Subscription): void {
    if (this.#connection && subscription.mustBeEnded) this.#due.set(subscription, this.#now);
    else this.#delete(subscription);
  }

  #settle(subscription: Subscription, { wait, isRefused }: Next): void {
    if (!this.#sending.has(subscription)) this.#due.set(subscription, plus(this.#now, wait));
    const { knownUntil } = subscription;
    if (knownUntil === undefined) this.#expiry.delete(subscription);
    else this.#expiry.set(subscription, knownUntil);
    if (isRefused) {
      this.#events.lost(subscription);
      this.#note(subscription);
    }
    this.#arm(this.#now);
  }

  /** Its Call-ID may have become another. */
  #rename(subscription: Subscription, before: string): void {
    if (subscription.callId === before) return;
    this.#byCallId.delete(before);
    this.#byCallId.set(subscription.callId, subscription);
  }

  #delete(subscription: Subscription): void {
    this.#byCallId.delete(subscription.callId);
    this.#due.delete(subscription);
    this.#expiry.delete(subscription);
  }

  /** One more is heard; when all are, that is said once a connection. */
  #note(subscription: Subscription | undefined): void {
    if (subscription) this.#awaited.delete(subscription);
    if (this.#isSettled || !this.#connection || this.#awaited.size > 0) return;
    this.#isSettled = true;
    this.#events.settled();
  }

  /** Every failure is an answer of some kind: what comes here is a defect. */
  #own(sending: Promise<void>): void {
    sending.catch((error: unknown) => {
      this.#deps.runtime.log.error("clients.task-failed", { error: String(error) });
    });
  }
}
