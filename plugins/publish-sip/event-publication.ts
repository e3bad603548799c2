import { samePresence } from "../../src/core/presence.ts";
import { type BackoffPolicy, backoffDelay } from "../../src/lib/backoff.ts";
import { hours, type Instant, type Milliseconds, minutes, plus, seconds } from "../../src/lib/time.ts";
import type { GatewayError } from "../../src/ports/errors.ts";
import type { Publication } from "../../src/ports/presence-publisher.ts";
import { insistedOn, LONGEST_EXPIRES, lifetimeOf, refreshTime, SHORTEST_LIFETIME } from "./publication-lifetime.ts";
import type { PublishAnswer } from "./publish-answer.ts";
import { publishError } from "./publish-errors.ts";
import { failureOf, isFinalFailure, type PublishFailure, withRetry } from "./publish-failure.ts";

/** What is to be shown of one AOR. */
interface Offer {
  /** Undefined: nothing, what was published is to be taken back. */
  readonly publication: Publication | undefined;
  /** Later offers have greater ones. */
  readonly serial: number;
}

/** What the server holds, as far as is known (RFC 3903 2: event state, its entity tag and its expiry). */
export interface Granted {
  readonly etag: string;
  readonly at: Instant;
  readonly expiresAt: Instant;
  /** What it shows. */
  readonly offer: Offer;
}

/** One PUBLISH. */
export interface Outgoing {
  /** For SIP-If-Match; undefined: an initial publication. */
  readonly etag: string | undefined;
  readonly offer: Offer;
  /** Zero takes back. */
  readonly expires: Milliseconds;
  /** It follows a refusal that may be mended once: by a fresh start (412), by a longer time (423). */
  readonly mended: readonly ("scratch" | "expires")[];
}

/** Who goes first. */
export type PublishLane = "change" | "refresh";

/** Where a publication stands. */
export type Phase =
  /** Nothing is to be done until the time of the refresh. */
  | { readonly kind: "rest"; readonly until: Instant | undefined }
  | { readonly kind: "queued"; readonly lane: PublishLane }
  | { readonly kind: "sending"; readonly request: Outgoing }
  /** A failure that passes; `isAsked`: the server named the time. */
  | { readonly kind: "waiting"; readonly until: Instant; readonly isAsked: boolean }
  /** A refusal that only a person can mend. */
  | { readonly kind: "parked"; readonly until: Instant; readonly error: GatewayError };

/** The event publication of one AOR. */
export interface EventPublication {
  readonly offer: Offer;
  readonly granted: Granted | undefined;
  readonly phase: Phase;
  readonly failures: number;
  /** How long publications are asked to last; grows when the server insists (423). */
  readonly expires: Milliseconds;
  /** As LifetimeLimits. */
  readonly shortest: Milliseconds;
}

/** What happens to a publication. */
export type PublicationEvent =
  | { readonly kind: "offer"; readonly offer: Offer }
  /** Its turn to send has come. */
  | { readonly kind: "turn" }
  | { readonly kind: "answer"; readonly answer: PublishAnswer }
  /** The time of `wakeAt` has come. */
  | { readonly kind: "timer" }
  /** The connection was made anew. */
  | { readonly kind: "reconnected" }
  /** The server is to say whether it still holds what it granted. */
  | { readonly kind: "probe" }
  /** The server has lost its memory. */
  | { readonly kind: "forgotten" };

/** What is to be done because of it. */
export type PublicationAction =
  | { readonly kind: "enqueue"; readonly lane: PublishLane }
  | { readonly kind: "send"; readonly request: Outgoing }
  /** All offers up to the serial have come to their end. */
  | { readonly kind: "settle"; readonly serial: number; readonly error?: GatewayError }
  /** The server has confirmed, or denied, to hold what it had granted. */
  | { readonly kind: "memory"; readonly isKept: boolean }
  /** Nothing is left to be kept. */
  | { readonly kind: "gone" };

/** The moment of a step. */
export interface Moment {
  readonly now: Instant;
  /** In [0, 1), for jitter. */
  readonly random: number;
}

/** A step's result. */
export type Step = readonly [EventPublication, readonly PublicationAction[]];

const RETRY: BackoffPolicy = { first: seconds(1), longest: minutes(5) };
const PARK = hours(1);

/** A publication that has not begun. */
export const newPublication = (expires: Milliseconds): EventPublication => ({
  offer: { publication: undefined, serial: 0 },
  granted: undefined,
  phase: { kind: "rest", until: undefined },
  failures: 0,
  expires,
  shortest: SHORTEST_LIFETIME,
});

/** When the event `timer` is due; undefined: never. */
export const wakeAt = ({ phase }: EventPublication): Instant | undefined =>
  "until" in phase ? phase.until : undefined;

/** One event, and what follows from it. Pure; at most one PUBLISH is ever under way (RFC 3903 4). */
export function step(state: EventPublication, event: PublicationEvent, moment: Moment): Step {
  switch (event.kind) {
    case "offer":
      return takeOffer({ ...state, offer: event.offer }, state, moment);
    case "turn":
      return state.phase.kind === "queued" ? send(state, [], moment) : [state, []];
    case "answer":
      return state.phase.kind === "sending"
        ? takeAnswer(state, state.phase.request, event.answer, moment)
        : [state, []];
    case "timer":
      return wake(state, moment);
    case "reconnected":
      return state.phase.kind === "waiting" && !state.phase.isAsked ? enqueue(state) : [state, []];
    case "probe":
      return state.phase.kind === "rest" && state.granted ? enqueue(state, "refresh") : [state, []];
    case "forgotten":
      return forget(state, moment);
  }
}

function takeOffer(state: EventPublication, before: EventPublication, { now }: Moment): Step {
  const { phase, offer } = state;
  const isSame = sameOffer(offer, before.offer);
  switch (phase.kind) {
    case "rest":
      if (!isSame || !isShown(before, now)) return enqueue(state);
      return offer.publication ? [shownAs(state), [settled(offer)]] : finish(state);
    case "queued":
      return phase.lane === "change" ? [state, []] : enqueue(state);
    case "sending":
      return [state, []]; // the answer looks for what is newest
    case "waiting": {
      const error = publishError(
        "publish-sip-busy",
        "the SIP server is to be left alone for a while",
        phase.until - now,
      );
      return [state, [settled(offer, error)]];
    }
    case "parked":
      return isSame ? [state, [settled(offer, phase.error)]] : enqueue(state);
  }
}

const sameOffer = ({ publication: a }: Offer, { publication: b }: Offer): boolean =>
  a === b || (a !== undefined && b !== undefined && a.locale === b.locale && samePresence(a.document, b.document));

/** True when the server shows the newest offer. */
const isShown = ({ granted, offer }: EventPublication, now: Instant): boolean =>
  offer.publication === undefined
    ? granted === undefined
    : granted !== undefined && granted.offer.serial === offer.serial && granted.expiresAt > now;

const shownAs = (state: EventPublication): EventPublication =>
  state.granted ? { ...state, granted: { ...state.granted, offer: state.offer } } : state;

const settled = ({ serial }: Offer, error?: GatewayError): PublicationAction => ({
  kind: "settle",
  serial,
  ...(error && { error }),
});

/** What the server does not show yet is a change, whatever woke it. */
function enqueue(state: EventPublication, lane: PublishLane = "change"): Step {
  return [{ ...state, phase: { kind: "queued", lane } }, [{ kind: "enqueue", lane }]];
}

function wake(state: EventPublication, { now }: Moment): Step {
  const until = wakeAt(state);
  if (until === undefined || until > now) return [state, []];
  const { publication } = state.offer;
  // A state that has ended is never prolonged, whoever failed to end it: it runs out with what was granted.
  const hasEnded = publication?.document.until !== undefined && publication.document.until <= now;
  if (hasEnded && state.phase.kind === "rest") return rest(state, undefined);
  return enqueue(state, isShown(state, now) || state.phase.kind === "parked" ? "refresh" : "change");
}

const rest = (state: EventPublication, until: Instant | undefined): Step => [
  { ...state, phase: { kind: "rest", until } },
  [],
];

/** What rests is published again, after all changes; what is on its way finds out by itself (412). */
function forget(state: EventPublication, { now }: Moment): Step {
  const forgotten = { ...state, granted: undefined };
  if (state.phase.kind !== "rest") return [state.phase.kind === "sending" ? state : forgotten, []];
  if (!state.offer.publication) return [forgotten, [{ kind: "gone" }]];
  const { until } = state.offer.publication.document;
  return until !== undefined && until <= now ? rest(forgotten, undefined) : enqueue(forgotten, "refresh");
}

/** Sends the newest offer, on what the server holds where it holds something. */
function send(state: EventPublication, mended: Outgoing["mended"], { now }: Moment): Step {
  const { offer, granted } = state;
  const etag = granted && granted.expiresAt > now ? granted.etag : undefined;
  if (offer.publication === undefined && etag === undefined) return finish({ ...state, granted: undefined });
  const request: Outgoing = {
    etag,
    offer,
    expires: offer.publication ? lifetimeOf(offer.publication.document, state, now) : seconds(0),
    mended,
  };
  return [{ ...state, phase: { kind: "sending", request } }, [{ kind: "send", request }]];
}

/** There is nothing to be shown, and nothing to take back. */
const finish = (state: EventPublication): Step => [
  { ...state, phase: { kind: "rest", until: undefined } },
  [settled(state.offer), { kind: "gone" }],
];

function takeAnswer(state: EventPublication, request: Outgoing, answer: PublishAnswer, moment: Moment): Step {
  if (answer.kind === "none") return fail(state, failureOf(answer), moment);
  if (answer.status < 300) return request.offer.publication ? accept(state, request, answer, moment) : removed(state);
  const memory: readonly PublicationAction[] = answer.status === 412 ? [{ kind: "memory", isKept: false }] : [];
  const mended = mend(state, request, answer, moment);
  const [next, actions] = mended ?? refuse(state, answer, moment);
  return [next, request.etag === undefined ? actions : [...memory, ...actions]];
}

type Response = Extract<PublishAnswer, { kind: "response" }>;

/** RFC 3903 4: what can be mended by asking once more in another way. */
function mend(state: EventPublication, request: Outgoing, answer: Response, moment: Moment): Step | undefined {
  // COMPAT(Kamailio 5.6): an entity tag of another server's form is answered with 500 instead of 412.
  const isUnknown = answer.status === 412 || answer.status === 500;
  if (isUnknown && request.etag !== undefined && !request.mended.includes("scratch"))
    return send({ ...state, granted: undefined }, [...request.mended, "scratch"], moment);
  const { minExpires = request.expires } = answer;
  const isLonger = minExpires > request.expires && minExpires <= LONGEST_EXPIRES && request.expires > 0;
  if (answer.status === 423 && isLonger && !request.mended.includes("expires"))
    return send({ ...state, ...insistedOn(state, minExpires) }, [...request.mended, "expires"], moment);
  return undefined;
}

/** A refusal: of what is to be taken back nothing is known any more once the server denies to have it. */
function refuse(state: EventPublication, answer: Response, moment: Moment): Step {
  const isDenied = answer.status === 412;
  return fail(isDenied ? { ...state, granted: undefined } : state, failureOf(answer), moment);
}

function accept(state: EventPublication, request: Outgoing, answer: Response, moment: Moment): Step {
  const { etag, expires = request.expires } = answer;
  if (etag === undefined || expires === 0) {
    const error = publishError("publish-sip-no-tag", "the SIP server accepted a publication without an entity tag");
    return fail({ ...state, granted: undefined }, { error }, moment);
  }
  const { now, random } = moment;
  const granted: Granted = { etag, at: now, expiresAt: plus(now, expires), offer: request.offer };
  const until = refreshTime(granted, request.offer.publication?.document ?? {}, random);
  const accepted: EventPublication = { ...state, granted, failures: 0, phase: { kind: "rest", until } };
  const actions: PublicationAction[] = [settled(request.offer)];
  if (request.etag !== undefined) actions.push({ kind: "memory", isKept: true });
  if (state.offer.serial === request.offer.serial) return [accepted, actions];
  const [next, more] = enqueue(accepted);
  return [next, [...actions, ...more]];
}

function removed(state: EventPublication): Step {
  const clean = { ...state, granted: undefined, failures: 0 };
  return clean.offer.publication ? enqueue(clean) : finish(clean);
}

/** A failure that passes is tried again with growing pauses, a refusal every hour; a newer offer may do better. */
function fail(state: EventPublication, { error, retryAfter }: PublishFailure, { now, random }: Moment): Step {
  const failures = state.failures + 1;
  const sent = state.phase.kind === "sending" ? state.phase.request.offer : state.offer;
  if (isFinalFailure(error)) {
    const parked = withRetry(error, PARK);
    const phase: Phase = { kind: "parked", until: plus(now, PARK), error: parked };
    const [next, more] = sent.serial === state.offer.serial ? [state, []] : enqueue({ ...state, failures });
    if (more.length > 0) return [next, [settled(sent, parked), ...more]];
    return [{ ...state, failures, phase }, [settled(sent, parked)]];
  }
  const pause = Math.max(retryAfter ?? 0, backoffDelay(RETRY, failures, random));
  const phase: Phase = { kind: "waiting", until: plus(now, pause), isAsked: (retryAfter ?? 0) > 0 };
  return [{ ...state, failures, phase }, [settled(state.offer, withRetry(error, pause))]];
}
