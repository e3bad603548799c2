import fc from "fast-check";
import type { AutomaticReplies, AutomaticRepliesState } from "../../src/core/automatic-replies.ts";
import type { BusyInterval, FreeBusyStatus } from "../../src/core/busy-time.ts";
import { type CompositionInputs, type Override, SETTABLE_SHOWS } from "../../src/core/compose.ts";
import { type CompositionPolicy, DEFAULT_POLICY } from "../../src/core/policy.ts";
import type { ClientPresence } from "../../src/core/presence.ts";
import { TEXT_CATALOGUE } from "../../src/core/text-catalogue.ts";
import { reservedTexts } from "../../src/core/texts.ts";
import { instant, milliseconds } from "../../src/lib/time.ts";

/** All instants of the properties lie on a grid this small, so that edges often coincide and every instant can be tried. */
export const HORIZON = 30;

export const STATUSES: readonly FreeBusyStatus[] = ["free", "tentative", "busy", "oof", "workingElsewhere", "noData"];

export const anInstant = fc.integer({ min: 0, max: HORIZON }).map(instant);

/** Empty and reversed ones included: calendars hold them. */
export const anInterval: fc.Arbitrary<BusyInterval> = fc.record({
  start: anInstant,
  end: anInstant,
  status: fc.constantFrom(...STATUSES),
});

export const someIntervals = fc.array(anInterval, { maxLength: 8 });

const aClient: fc.Arbitrary<ClientPresence> = fc.record({
  resource: fc.constantFrom("desk", "phone", "web", "car"),
  show: fc.constantFrom("chat" as const, "available" as const, "away" as const, "xa" as const, "dnd" as const),
  priority: fc.integer({ min: -1, max: 2 }),
  status: fc.constantFrom<Readonly<Record<string, string>>>(
    {},
    { "": "Lunch" },
    { en: "In a meeting" },
    { "": "Lunch", de: "In einer Besprechung" },
  ),
  since: fc.integer({ min: 0, max: 1 }).map(instant),
});

export const someClients = fc.uniqueArray(aClient, { maxLength: 4, selector: (client) => client.resource });

/** Mostly a fresh calendar; one in five inputs has none. */
const aCalendar = fc.record({ intervals: someIntervals, heardAt: fc.integer({ min: 0, max: 8 }).map(instant) });

export const someReplies: fc.Arbitrary<AutomaticReplies> = fc.oneof(
  fc.constant({ kind: "disabled" as const }),
  fc.constant({ kind: "always" as const }),
  fc.record({ kind: fc.constant("scheduled" as const), start: anInstant, end: anInstant }),
);

const someAutomaticReplies: fc.Arbitrary<AutomaticRepliesState> = fc.record({
  replies: someReplies,
  heardAt: fc.integer({ min: 0, max: 8 }).map(instant),
});

export const aSetState: fc.Arbitrary<Override> = fc.record({
  kind: fc.constant("set" as const),
  show: fc.constantFrom(...SETTABLE_SHOWS),
  setAt: anInstant,
  until: anInstant,
});

const anOverride: fc.Arbitrary<Override> = fc.oneof(
  fc.record(
    { kind: fc.constantFrom("end" as const, "pause" as const), setAt: anInstant, until: anInstant },
    { requiredKeys: ["kind", "setAt"] },
  ),
  aSetState,
);

/** Present once in so many times: rare inputs must not hide what the common ones do. */
const sometimes = <Value>(arbitrary: fc.Arbitrary<Value>, freq: number) =>
  fc.option(arbitrary, { nil: undefined, freq });

export const someInputs: fc.Arbitrary<CompositionInputs> = fc
  .record({
    clients: someClients,
    phone: fc.oneof(
      { weight: 4, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.record({ since: fc.constant(instant(0)), knownUntil: anInstant }) },
    ),
    calendar: sometimes(aCalendar, 5),
    automaticReplies: sometimes(someAutomaticReplies, 1),
    override: sometimes(anOverride, 2),
  })
  .map(({ clients, calendar, automaticReplies, override, phone }) => ({
    clients,
    ...(calendar && { calendar }),
    ...(automaticReplies && { automaticReplies }),
    ...(override && { override }),
    ...(phone && { phone }),
  }));

const MEETING = DEFAULT_POLICY.status.busy;

export const aPolicy: fc.Arbitrary<CompositionPolicy> = fc
  .record({
    offline: fc.constantFrom("hide" as const, "show" as const),
    activityUnderDnd: fc.boolean(),
    busy: fc.constantFrom(MEETING, { ...MEETING, show: "away" as const }),
    tentative: fc.constantFrom({}, MEETING),
    workingElsewhere: fc.constantFrom({}, MEETING),
    ignoreBusyFrom: fc.option(fc.integer({ min: 1, max: 10 }).map(milliseconds), { nil: undefined }),
    staleAfter: fc.integer({ min: 5, max: HORIZON }).map(milliseconds),
    repliesStaleAfter: fc.integer({ min: 5, max: HORIZON }).map(milliseconds),
    automaticReplies: fc.constantFrom({}, DEFAULT_POLICY.automaticReplies),
  })
  .map(({ offline, activityUnderDnd, ignoreBusyFrom, staleAfter, repliesStaleAfter, automaticReplies, ...status }) => ({
    ...DEFAULT_POLICY,
    automaticReplies,
    repliesStaleAfter,
    offline,
    activityUnderDnd,
    staleAfter,
    ...(ignoreBusyFrom !== undefined && { ignoreBusyFrom }),
    status: { ...DEFAULT_POLICY.status, ...status },
    reservedTexts: reservedTexts(TEXT_CATALOGUE),
  }));
