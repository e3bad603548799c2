import type { Instant } from "../lib/time.ts";
import {
  type AutomaticRepliesState,
  type AutomaticRepliesView,
  edgesOfAutomaticReplies,
  viewAutomaticReplies,
} from "./automatic-replies.ts";
import { type BusyInterval, blockEnd, boundariesAfter, mergeIntervals } from "./busy-time.ts";
import { asAsked, clientDocument, dress, withTimes } from "./dress-document.ts";
import { appearanceOf, claimOfMailbox } from "./mailbox-claim.ts";
import { type CompositionPolicy, isLongBusy, isPlain } from "./policy.ts";
import { type ClientPresence, type PresenceDocument, samePresence, strongestClient } from "./presence.ts";
import { withoutReservedTexts } from "./texts.ts";
import {
  type CalendarState,
  type CalendarView,
  calendarStaleAt,
  describeCalendar,
  viewCalendar,
} from "./view-calendar.ts";

/** The shows that users may set by chat. */
export const SETTABLE_SHOWS = ["available", "away", "dnd"] as const;

/** What the user asked for by chat; over at `until`, if given. */
export type Override =
  /** `end` the present meeting, or `pause` the calendar. */
  | { readonly kind: "end" | "pause"; readonly setAt: Instant; readonly until?: Instant }
  /** Be shown so, whatever clients and calendar say. */
  | {
      readonly kind: "set";
      readonly show: (typeof SETTABLE_SHOWS)[number];
      readonly setAt: Instant;
      readonly until: Instant;
    };

/** A call in progress, as last heard: a server that has died must not leave anybody on the phone for ever. */
export interface PhoneState {
  readonly since: Instant;
  /** Unless it is heard of again by then, nothing is known of it any more. */
  readonly knownUntil: Instant;
}

/** The live sources; the document depends on them alone, never on what was shown before. */
export interface CompositionInputs {
  readonly clients: readonly ClientPresence[];
  readonly calendar?: CalendarState;
  readonly automaticReplies?: AutomaticRepliesState;
  readonly override?: Override;
  readonly phone?: PhoneState;
}

/** The line of the policy that decided. */
export type RuleName =
  | "offline"
  | "override"
  | "own-state"
  | "phone"
  | "client-dnd"
  | "automatic-replies"
  | "calendar-oof"
  | "calendar-busy"
  | "calendar-tentative"
  | "calendar-working-elsewhere"
  | "calendar-unknown"
  | "client";

/** One input as it counted. */
export interface InputReport {
  readonly input: "client" | "calendar" | "automatic-replies" | "override" | "phone";
  readonly state: string;
  /** When this was last heard or set; absent when it never was. */
  readonly heardAt?: Instant;
  readonly until?: Instant;
  readonly hasWon: boolean;
}

/** Why the document is what it is: every input, and the rule that won. */
export interface Because {
  readonly rule: RuleName;
  readonly inputs: readonly InputReport[];
}

/** The result of composition. */
export interface Composition {
  readonly document: PresenceDocument;
  readonly because: Because;
  /** The first instant at which the document will differ, given the same inputs; absent when never. */
  readonly validUntil?: Instant;
}

/** The inputs, prepared once for the looks at several instants. */
interface Prepared {
  readonly inputs: CompositionInputs;
  readonly policy: CompositionPolicy;
  readonly client: ClientPresence | undefined;
  /** The clients as they count: without claims that only the gateway may make. */
  readonly clients: readonly ClientPresence[];
  readonly merged: readonly BusyInterval[];
}

interface Decision {
  readonly document: PresenceDocument;
  readonly rule: RuleName;
  readonly winner: InputReport["input"];
  readonly calendar: CalendarView;
}

/**
 * Composes what watchers shall see. Pure: the same inputs, policy and instant give the same answer, whatever came
 * before. Rules in order of rank; docs/ARCHITECTURE.md, "Composition".
 */
export function composePresence(inputs: CompositionInputs, policy: CompositionPolicy, now: Instant): Composition {
  const prepared = prepare(inputs, policy);
  const decision = decide(prepared, now);
  const validUntil = firstChange(prepared, decision.document, now);
  return {
    document: decision.document,
    because: { rule: decision.rule, inputs: reportInputs(prepared, decision, now) },
    ...(validUntil !== undefined && { validUntil }),
  };
}

/** The same without the reasons, for when nobody asks: that is nearly always. */
export function composeDocument(
  inputs: CompositionInputs,
  policy: CompositionPolicy,
  now: Instant,
): { readonly document: PresenceDocument; readonly validUntil: Instant | undefined } {
  const prepared = prepare(inputs, policy);
  const { document } = decide(prepared, now);
  return { document, validUntil: firstChange(prepared, document, now) };
}

/** The end of the present block of entries that the policy shows; what an `end` by chat lasts to. */
export const shownBlockEnd = (
  intervals: readonly BusyInterval[],
  policy: CompositionPolicy,
  now: Instant,
): Instant | undefined => blockEnd(shownOf(intervals, policy), now);

/** The end of the present stretch without such entries: the start of the next one, where one is known. */
export const nextShownStart = (
  intervals: readonly BusyInterval[],
  policy: CompositionPolicy,
  now: Instant,
): Instant | undefined =>
  shownOf(intervals, policy).reduce<Instant | undefined>(
    (first, { start, end }) => (start > now && end > start && (first === undefined || start < first) ? start : first),
    undefined,
  );

const shownOf = (intervals: readonly BusyInterval[], policy: CompositionPolicy): readonly BusyInterval[] =>
  intervals.filter(
    (interval) => !isLongBusy(interval, policy.ignoreBusyFrom) && !isPlain(policy.status[interval.status]),
  );

function prepare(inputs: CompositionInputs, policy: CompositionPolicy): Prepared {
  const clients = inputs.clients.map((client) => withoutReservedTexts(client, policy.reservedTexts));
  const counted = (inputs.calendar?.intervals ?? []).filter((interval) => !isLongBusy(interval, policy.ignoreBusyFrom));
  return {
    inputs,
    policy,
    client: strongestClient(clients),
    clients,
    merged: mergeIntervals(counted),
  };
}

const staleAt = ({ inputs, policy }: Prepared): Instant | undefined =>
  calendarStaleAt(inputs.calendar, policy.staleAfter);

const viewReplies = ({ inputs, policy }: Prepared, now: Instant): AutomaticRepliesView | undefined =>
  inputs.automaticReplies && viewAutomaticReplies(inputs.automaticReplies, policy.repliesStaleAfter, now);

const isInForce = (override: Override | undefined, now: Instant): boolean =>
  override !== undefined && (override.until === undefined || now < override.until);

function decide(prepared: Prepared, now: Instant): Decision {
  const { inputs, policy, client } = prepared;
  const calendar = viewCalendar(prepared.merged, staleAt(prepared), now);
  const own = clientDocument(client);
  const override = isInForce(inputs.override, now) ? inputs.override : undefined;
  const phone = inputs.phone && now < inputs.phone.knownUntil ? inputs.phone : undefined;

  if (!client && policy.offline === "hide") return { document: own, rule: "offline", winner: "client", calendar };
  if (phone) {
    const document = dress(own, policy.phone, { source: "phone", from: phone.since });
    return { document, rule: "phone", winner: "phone", calendar };
  }
  if (override) return { ...decideOverride(own, override), calendar };
  if (client?.show === "dnd") {
    const { start: from, end: until } = calendar.interval ?? {};
    const activity = policy.activityUnderDnd ? appearanceOf(calendar.status, policy).activity : undefined;
    const document = activity ? withTimes({ ...own, activity }, from, until) : own;
    return { document, rule: "client-dnd", winner: "client", calendar };
  }
  const claim = claimOfMailbox(calendar, viewReplies(prepared, now), policy);
  if (claim) {
    const document = dress(own, claim.appearance, { source: "calendar", from: claim.from, until: claim.until });
    return { document, rule: claim.rule, winner: claim.winner, calendar };
  }
  if (!client) return { document: own, rule: "offline", winner: "client", calendar };
  return { document: own, rule: "client", winner: "client", calendar };
}

/** What is asked for by "end" and "pause" is that the calendar be not shown: the rest stands as it is. */
const decideOverride = (own: PresenceDocument, override: Override): Omit<Decision, "calendar"> =>
  override.kind === "set"
    ? { document: asAsked(own, override), rule: "own-state", winner: "override" }
    : { document: own, rule: "override", winner: "override" };

/** Looks only at instants at which an input changes its meaning: edges of the calendar, its going stale, other inputs' ends. */
function firstChange(prepared: Prepared, document: PresenceDocument, now: Instant): Instant | undefined {
  const stale = staleAt(prepared);
  const { inputs, policy } = prepared;
  const replies = edgesOfAutomaticReplies(inputs.automaticReplies, policy.repliesStaleAfter);
  const ends = [stale, inputs.override?.until, inputs.phone?.knownUntil, ...replies];
  const others = ends.filter((at) => at !== undefined && at > now);
  const isChange = (at: Instant): boolean => !samePresence(decide(prepared, at).document, document);
  let first: Instant | undefined;
  for (const at of others) if (at !== undefined && (first === undefined || at < first) && isChange(at)) first = at;
  for (const at of boundariesAfter(prepared.merged, now)) {
    if (first !== undefined && at >= first) return first;
    if (stale !== undefined && at >= stale) return first;
    if (isChange(at)) return at;
  }
  return first;
}

function reportInputs(prepared: Prepared, { winner, calendar }: Decision, now: Instant): readonly InputReport[] {
  const { inputs, client } = prepared;
  const reports: InputReport[] = prepared.clients.map((each, index) => ({
    input: "client",
    state: `${each.resource || "(no resource)"}: ${each.show}, priority ${each.priority}${
      each === inputs.clients[index] ? "" : "; its claim of a meeting is ignored"
    }`,
    heardAt: each.since,
    hasWon: winner === "client" && each.resource === client?.resource,
  }));
  if (inputs.clients.length === 0) reports.push({ input: "client", state: "none online", hasWon: winner === "client" });
  reports.push({
    input: "calendar",
    state: describeCalendar(calendar, staleAt(prepared), now),
    ...(inputs.calendar && { heardAt: inputs.calendar.heardAt }),
    ...(calendar.interval && { until: calendar.interval.end }),
    hasWon: winner === "calendar",
  });
  const replies = viewReplies(prepared, now);
  if (inputs.automaticReplies && replies) {
    const { isOn: _, ...view } = replies;
    const { heardAt } = inputs.automaticReplies;
    reports.push({ input: "automatic-replies", ...view, heardAt, hasWon: winner === "automatic-replies" });
  }
  if (inputs.override) {
    const { kind, setAt, until } = inputs.override;
    const what = inputs.override.kind === "set" ? `set ${inputs.override.show}` : kind;
    const state = isInForce(inputs.override, now) ? what : `${what}, over`;
    reports.push({
      input: "override",
      state,
      heardAt: setAt,
      ...(until !== undefined && { until }),
      hasWon: winner === "override",
    });
  }
  if (inputs.phone) {
    const state = now < inputs.phone.knownUntil ? "in a call" : "in a call once; not heard of for too long";
    reports.push({ input: "phone", state, heardAt: inputs.phone.since, hasWon: winner === "phone" });
  }
  return reports;
}
