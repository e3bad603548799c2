import { type Instant, type Milliseconds, plus } from "../lib/time.ts";
import {
  type BusyInterval,
  blockEnd,
  boundariesAfter,
  type FreeBusyStatus,
  intervalAt,
  mergeIntervals,
} from "./busy-time.ts";
import { clientDocument, dress, withTimes } from "./dress-document.ts";
import type { Appearance, CompositionPolicy } from "./policy.ts";
import { type ClientPresence, type PresenceDocument, samePresence, strongestClient } from "./presence.ts";
import { withoutReservedTexts } from "./texts.ts";

/** The calendar as last read. */
export interface CalendarState {
  readonly intervals: readonly BusyInterval[];
  /** When it was last read successfully. */
  readonly heardAt: Instant;
}

/** What the user asked for by chat: `end` the present meeting, or `pause` the calendar; over at `until`, if given. */
export interface Override {
  readonly kind: "end" | "pause";
  readonly setAt: Instant;
  readonly until?: Instant;
}

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
  readonly override?: Override;
  readonly phone?: PhoneState;
}

/** The line of the policy that decided. */
export type RuleName =
  | "offline"
  | "override"
  | "phone"
  | "client-dnd"
  | "calendar-oof"
  | "calendar-busy"
  | "calendar-tentative"
  | "calendar-working-elsewhere"
  | "calendar-unknown"
  | "client";

/** One input as it counted. */
export interface InputReport {
  readonly input: "client" | "calendar" | "override" | "phone";
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

interface CalendarView {
  readonly status: FreeBusyStatus | "unknown";
  readonly interval?: BusyInterval;
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

const isLongBusy = ({ start, end, status }: BusyInterval, limit: Milliseconds | undefined): boolean =>
  limit !== undefined && status === "busy" && end - start >= limit;

/** The end of the present block of entries that the policy shows; what an `end` by chat lasts to. */
export const shownBlockEnd = (
  intervals: readonly BusyInterval[],
  policy: CompositionPolicy,
  now: Instant,
): Instant | undefined =>
  blockEnd(
    intervals.filter(
      (interval) => !isLongBusy(interval, policy.ignoreBusyFrom) && !isPlain(policy.status[interval.status]),
    ),
    now,
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
  inputs.calendar && plus(inputs.calendar.heardAt, policy.staleAfter);

function viewCalendar(prepared: Prepared, now: Instant): CalendarView {
  const limit = staleAt(prepared);
  if (limit === undefined || now >= limit) return { status: "unknown" };
  const interval = intervalAt(prepared.merged, now);
  if (!interval) return { status: "free" };
  return interval.status === "noData" ? { status: "unknown", interval } : { status: interval.status, interval };
}

const isInForce = (override: Override | undefined, now: Instant): boolean =>
  override !== undefined && (override.until === undefined || now < override.until);

const CALENDAR_RULES: Readonly<Record<CalendarView["status"], RuleName>> = {
  oof: "calendar-oof",
  busy: "calendar-busy",
  tentative: "calendar-tentative",
  workingElsewhere: "calendar-working-elsewhere",
  noData: "calendar-unknown",
  unknown: "calendar-unknown",
  free: "client",
};

const isPlain = (appearance: Appearance): boolean =>
  appearance.show === undefined && appearance.activity === undefined && appearance.text === undefined;

function decide(prepared: Prepared, now: Instant): Decision {
  const { inputs, policy, client } = prepared;
  const calendar = viewCalendar(prepared, now);
  const own = clientDocument(client);
  const isOverridden = isInForce(inputs.override, now);
  const phone = inputs.phone && now < inputs.phone.knownUntil ? inputs.phone : undefined;
  const appearance = calendar.status === "unknown" ? policy.status.noData : policy.status[calendar.status];

  if (!client && policy.offline === "hide") return { document: own, rule: "offline", winner: "client", calendar };
  if (phone) {
    const document = dress(own, policy.phone, { source: "phone", from: phone.since });
    return { document, rule: "phone", winner: "phone", calendar };
  }
  // What is asked for by "end" and "pause" is that the calendar be not shown: the rest stands as it is.
  if (isOverridden) return { document: own, rule: "override", winner: "override", calendar };
  const { start: from, end: until } = calendar.interval ?? {};
  if (client?.show === "dnd") {
    const activity = policy.activityUnderDnd ? appearance.activity : undefined;
    const document = activity ? withTimes({ ...own, activity }, from, until) : own;
    return { document, rule: "client-dnd", winner: "client", calendar };
  }
  if (!isPlain(appearance)) {
    const document = dress(own, appearance, { source: "calendar", from, until });
    return { document, rule: CALENDAR_RULES[calendar.status], winner: "calendar", calendar };
  }
  if (!client) return { document: own, rule: "offline", winner: "client", calendar };
  return { document: own, rule: "client", winner: "client", calendar };
}

/** Looks only at instants at which an input changes its meaning: edges of the calendar, its going stale, other inputs' ends. */
function firstChange(prepared: Prepared, document: PresenceDocument, now: Instant): Instant | undefined {
  const stale = staleAt(prepared);
  const { override, phone } = prepared.inputs;
  const others = [stale, override?.until, phone?.knownUntil].filter((at) => at !== undefined && at > now);
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
    state: describeCalendar(prepared, calendar, now),
    ...(inputs.calendar && { heardAt: inputs.calendar.heardAt }),
    ...(calendar.interval && { until: calendar.interval.end }),
    hasWon: winner === "calendar",
  });
  if (inputs.override) {
    const { kind, setAt, until } = inputs.override;
    const state = isInForce(inputs.override, now) ? kind : `${kind}, over`;
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

function describeCalendar(prepared: Prepared, calendar: CalendarView, now: Instant): string {
  if (calendar.status !== "unknown") return calendar.status;
  const stale = staleAt(prepared);
  if (stale === undefined) return "unknown: never read";
  return now >= stale ? "unknown: not heard of for too long" : "unknown: the calendar server has no data";
}
